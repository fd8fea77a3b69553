/* runnel sample MODEL: continue a text, or answer a question in the chat's form. */
#include "conversation.h"
#include "generate.h"
#include "model_ref.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"prompt", 'p', "TEXT", "what to continue, or with --chat the user's message"},
    {"chat", 0, NULL, "render the prompt as a conversation and answer it"},
    {"max-tokens", 'n', "N", "tokens to generate (64)"},
    {"temperature", 0, "X", "0: always the most likely token (0)"},
    {"top-k", 0, "K", "draw among the K most likely; 0: all (50)"},
    {"seed", 0, "N", "of the draws (42)"},
    {"tokenizer", 0, "DIR", "where it is not in the store"},
    RN_OPT_DEVICE,
    RN_OPT_THREADS,
    {0}};

struct request {
    const char *prompt;
    bool chat;
    double max_tokens, temperature, top_k, seed, threads;
};

static int number(const struct rn_cli *cli, const char *name, double absent, double *out,
                  struct rn_err *err)
{
    const char *text = rn_cli_opt(cli, name);
    char *end;
    *out = text ? strtod(text, &end) : absent;
    if (text && (end == text || *end || !(*out >= 0) || *out > 1e9))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s is '%s', expected a number from 0 on",
                       name, text);
    return RN_OK;
}

static int read_request(const struct rn_cli *cli, struct request *r, struct rn_err *err)
{
    *r = (struct request){.prompt = rn_cli_opt(cli, "prompt"), .chat = rn_cli_opt(cli, "chat")};
    RN_TRY(number(cli, "max-tokens", 64, &r->max_tokens, err));
    RN_TRY(number(cli, "temperature", 0, &r->temperature, err));
    RN_TRY(number(cli, "top-k", 50, &r->top_k, err));
    RN_TRY(number(cli, "seed", 42, &r->seed, err));
    RN_TRY(number(cli, "threads", 0, &r->threads, err));
    if (r->chat && !r->prompt)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--chat needs --prompt TEXT");
    return RN_OK;
}

/* --- the talk --- */

struct talk {
    const struct request *request;
    struct rn_tokenizer *tokenizer;
    struct rn_ids prompt;
    struct rn_str answer;
    struct rn_sampling how;
    int32_t stop[2];
};

static int render_chat(struct talk *t, struct rn_err *err)
{
    struct rn_chat_tokens tokens;
    RN_TRY(rn_chat_tokens_find(&tokens, t->tokenizer, err));
    struct rn_conversation c = {0};
    rn_conversation_say(&c, t->request->prompt, strlen(t->request->prompt));
    rn_conversation_prompt(&c, &tokens, t->tokenizer, &t->prompt);
    rn_conversation_release(&c);
    t->stop[t->how.n_stop++] = tokens.assistant_end;
    return RN_OK;
}

static int render_prompt(struct talk *t, struct rn_err *err)
{
    int32_t bos = rn_tokenizer_bos(t->tokenizer);
    if (bos >= 0)
        t->stop[t->how.n_stop++] = bos;
    if (t->request->chat)
        return render_chat(t, err);
    if (bos >= 0)
        rn_ids_push(&t->prompt, bos);
    if (t->request->prompt)
        rn_tokenizer_encode(t->tokenizer, t->request->prompt, strlen(t->request->prompt),
                            &t->prompt);
    return RN_OK;
}

static int add_token(void *ctx, int32_t id)
{
    struct talk *t = ctx;
    for (size_t i = 0; i < t->how.n_stop; i++)
        if (t->stop[i] == id)
            return 1;
    return rn_tokenizer_decode(t->tokenizer, &id, 1, &t->answer, NULL);
}

static int generate(struct talk *t, struct rn_model *model, struct rn_err *err)
{
    RN_TRY(render_prompt(t, err));
    struct rn_generator *g;
    int64_t Tmax = (int64_t)t->prompt.n + t->how.max_tokens;
    RN_TRY(rn_generator_new(&g, model, 1, Tmax, err));
    struct rn_text text = {.prompt = t->prompt.p, .n = t->prompt.n, .each = add_token, .ctx = t};
    int rc = rn_generate(g, &text, 1, &t->how, err);
    rn_generator_free(g);
    return rc;
}

static void print_answer(const struct rn_cli *cli, const struct talk *t)
{
    const char *text = t->answer.p ? t->answer.p : "";
    if (!rn_cli_json(cli)) {
        if (!t->request->chat && t->request->prompt)
            fputs(t->request->prompt, stdout);
        puts(text);
        return;
    }
    json_t *doc =
        json_pack("{s:s*, s:s%}", "prompt", t->request->prompt, "text", text, t->answer.n);
    char *line = doc ? rn_json_canonical(doc) : rn_xdup("{\"error\":\"the text is not UTF-8\"}");
    puts(line);
    free(line);
    json_decref(doc);
}

static int talk_with(const struct rn_cli *cli, const struct request *r,
                     const struct rn_model_ref *ref, struct rn_device *device, struct rn_err *err)
{
    struct talk t = {.request = r};
    t.how = (struct rn_sampling){.max_tokens = (int64_t)r->max_tokens,
                                 .temperature = r->temperature,
                                 .top_k = (int64_t)r->top_k,
                                 .seed = (uint64_t)r->seed,
                                 .stop = t.stop};
    struct rn_model *model = NULL;
    int rc;
    RN_CHECK(rc = rn_tokenizer_load(&t.tokenizer, ref->tokenizer_dir, err));
    RN_CHECK(rc = rn_model_load(&model, ref->model_dir, device, false, err));
    RN_CHECK(rc = generate(&t, model, err));
    print_answer(cli, &t);
done:
    rn_model_free(model);
    rn_tokenizer_free(t.tokenizer);
    rn_ids_release(&t.prompt);
    rn_str_release(&t.answer);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    if (rn_cli_n(cli) != 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "expected one MODEL: RUN[:STAGE[@CHECKPOINT]] or a directory");
    struct request r;
    struct rn_model_ref ref;
    struct rn_device *device;
    const char *name = rn_cli_opt(cli, "device");
    RN_TRY(read_request(cli, &r, err));
    RN_TRY(rn_model_ref_find(&ref, rn_cli_runs(cli), rn_cli_arg(cli, 0),
                             rn_cli_opt(cli, "tokenizer"), err));
    int rc = rn_device_open(&device, name ? name : "cpu", (int)r.threads, NULL, err);
    if (rc == RN_OK) {
        rc = talk_with(cli, &r, &ref, device, err);
        rn_device_close(device);
    }
    rn_model_ref_release(&ref);
    return rc;
}

static const struct rn_example examples[] = {
    {"sample smoke-1a2b3c4d:base --prompt Once", "what the model goes on with"},
    {"sample smoke-1a2b3c4d:sft --chat --prompt Hello", "its answer"},
    {0}};
const struct rn_command rn_command_sample = {
    "sample", "MODEL", "let a model continue a text or answer a question",
    opts,     run,     .examples = examples};
