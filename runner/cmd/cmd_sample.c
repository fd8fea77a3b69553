/* runnel sample MODEL: continue a text, or answer a question in the chat's form. */
#include "conversation.h"
#include "json.h"
#include "mem.h"
#include "model_use.h"
#include "showtext.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64 };

static const struct rn_opt opts[] = {
    {"prompt", 'p', "TEXT", "what to continue, or with --chat the user's message"},
    {"chat", 0, NULL, "render the prompt as a conversation and answer it"},
    {"samples", 0, "N", "texts from the same prompt, with rising seeds (1)"},
    RN_OPTS_SAMPLING,
    RN_OPTS_MODEL,
    {0}};

struct request {
    const char *prompt;
    bool chat;
    int64_t samples;
    struct rn_sampling how;
};

static int read_request(const struct rn_cli *cli, struct request *r, struct rn_err *err)
{
    *r = (struct request){.prompt = rn_cli_opt(cli, "prompt"),
                          .chat = rn_cli_opt(cli, "chat"),
                          .how = {.max_tokens = 64}};
    RN_TRY(rn_cli_int(cli, "samples", 1, 1, ROWS_MAX, &r->samples, err));
    RN_TRY(rn_sampling_options(cli, &r->how, err));
    if (r->chat && !r->prompt)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--chat needs --prompt TEXT");
    return RN_OK;
}

/* --- the texts --- */

struct sample {
    const struct talk *talk;
    struct rn_tool tool;
    struct rn_str text;
};
struct talk {
    struct request *request;
    const struct rn_model_use *use;
    struct rn_chat_tokens special;
    struct rn_ids prompt;
    int32_t stop[2];
    struct sample *samples;
};

static int render_chat(struct talk *t, struct rn_err *err)
{
    RN_TRY(rn_chat_tokens_find(&t->special, t->use->tokenizer, err));
    struct rn_conversation c = {0};
    rn_conversation_say(&c, t->request->prompt, strlen(t->request->prompt));
    rn_conversation_prompt(&c, &t->special, t->use->tokenizer, &t->prompt);
    rn_conversation_release(&c);
    t->stop[t->request->how.n_stop++] = t->special.assistant_end;
    return RN_OK;
}

static int render_prompt(struct talk *t, struct rn_err *err)
{
    int32_t bos = rn_tokenizer_bos(t->use->tokenizer);
    t->request->how.stop = t->stop;
    if (bos >= 0)
        t->stop[t->request->how.n_stop++] = bos;
    if (t->request->chat)
        return render_chat(t, err);
    if (bos >= 0)
        rn_ids_push(&t->prompt, bos);
    if (t->request->prompt)
        rn_tokenizer_encode(t->use->tokenizer, t->request->prompt, strlen(t->request->prompt),
                            &t->prompt);
    return RN_OK;
}

static int add_token(void *ctx, int32_t id)
{
    struct sample *s = ctx;
    for (size_t i = 0; i < s->talk->request->how.n_stop; i++)
        if (s->talk->stop[i] == id)
            return 1;
    return rn_tokenizer_decode(s->talk->use->tokenizer, &id, 1, &s->text, NULL);
}

static int generate(struct talk *t, struct rn_err *err)
{
    size_t n = (size_t)t->request->samples;
    struct rn_generator *g;
    struct rn_text texts[ROWS_MAX];
    int64_t Tmax = (int64_t)t->prompt.n + t->request->how.max_tokens;
    int64_t most = rn_model_max_len(t->use->model);
    RN_TRY(rn_generator_new(&g, t->use->model, (int64_t)n, most && most < Tmax ? most : Tmax, err));
    for (size_t i = 0; i < n; i++) {
        struct sample *s = &t->samples[i];
        *s = (struct sample){t, {.special = &t->special, .tokenizer = t->use->tokenizer}, {0}};
        texts[i] = (struct rn_text){t->prompt.p, t->prompt.n, t->request->chat ? &s->tool : NULL,
                                    add_token, s};
    }
    int rc = rn_generate(g, texts, n, &t->request->how, err);
    rn_generator_free(g);
    return rc;
}

static void print_sample(const struct rn_cli *cli, const struct request *r, const struct sample *s)
{
    if (!rn_cli_json(cli)) {
        struct rn_showtext shown = {.out = stdout};
        if (!r->chat && r->prompt)
            fputs(r->prompt, stdout);
        rn_showtext_add(&shown, s->text.p, s->text.n);
        rn_showtext_end(&shown);
        puts("");
        return;
    }
    json_t *prompt = r->prompt ? rn_json_text(r->prompt, strlen(r->prompt)) : NULL;
    json_t *doc =
        json_pack("{s:o*, s:o}", "prompt", prompt, "text", rn_json_text(s->text.p, s->text.n));
    char *line = rn_json_canonical(doc);
    puts(line);
    free(line);
    json_decref(doc);
}

static int sample_all(const struct rn_cli *cli, struct request *r, const struct rn_model_use *use,
                      struct rn_err *err)
{
    struct talk t = {.request = r, .use = use};
    t.samples = rn_xalloc((size_t)r->samples * sizeof *t.samples);
    int rc = render_prompt(&t, err);
    if (rc == RN_OK)
        rc = generate(&t, err);
    for (int64_t i = 0; i < r->samples; i++) {
        if (rc == RN_OK)
            print_sample(cli, r, &t.samples[i]);
        rn_tool_release(&t.samples[i].tool);
        rn_str_release(&t.samples[i].text);
    }
    free(t.samples);
    rn_ids_release(&t.prompt);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct request r;
    struct rn_model_use use;
    RN_TRY(read_request(cli, &r, err));
    RN_TRY(rn_model_use_open(&use, cli, rn_cli_arg(cli, 0), err));
    int rc = sample_all(cli, &r, &use, err);
    rn_model_use_close(&use);
    return rc;
}

static const struct rn_example examples[] = {
    {"sample smoke-1a2b3c4d:base --prompt Once", "what the model goes on with"},
    {"sample smoke-1a2b3c4d:sft --chat --prompt Hello", "its answer"},
    {"sample smoke-1a2b3c4d:base --prompt Once --samples 4 --temperature 0.8", "four of them"},
    {0}};
const struct rn_command rn_command_sample = {
    "sample", "MODEL", "let a model continue a text or answer a question",
    opts,     run,     .examples = examples};
