/* runnel chat MODEL: a talk with a model, answers shown as they come. */
#include "conversation.h"
#include "json.h"
#include "mem.h"
#include "model_use.h"
#include "showtext.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1 << 16, LENGTH = 2048 };

static const struct rn_opt opts[] = {RN_OPTS_SAMPLING, RN_OPTS_MODEL, {0}};

struct chat {
    const struct rn_model_use *use;
    struct rn_chat_tokens special;
    struct rn_sampling how;
    struct rn_generator *generator;
    int64_t Tmax;
    struct rn_ids history; /* the whole talk as the model reads it */
    size_t *turns;         /* where each question begins in it */
    size_t n_turns, cap_turns;
    bool terminal, json;
    /* of the answer in hand */
    struct rn_tool tool;
    struct rn_showtext shown;
    struct rn_str answer;
};

/* --- the history --- */

static void forget_all(struct chat *c)
{
    c->history.n = c->n_turns = 0;
    rn_ids_push(&c->history, c->special.bos);
}

static void forget_last(struct chat *c)
{
    if (c->n_turns)
        c->history.n = c->turns[--c->n_turns];
}

/* Forgets the oldest questions until an answer fits behind the rest. */
static void make_room(struct chat *c)
{
    size_t most =
        (size_t)(c->Tmax - (c->how.max_tokens < c->Tmax / 2 ? c->how.max_tokens : c->Tmax / 2));
    while (c->n_turns > 1 && c->history.n > most) {
        size_t cut = c->turns[1] - c->turns[0];
        memmove(c->history.p + c->turns[0], c->history.p + c->turns[1],
                (c->history.n - c->turns[1]) * sizeof *c->history.p);
        c->history.n -= cut;
        c->n_turns--;
        for (size_t i = 0; i < c->n_turns; i++)
            c->turns[i] = c->turns[i + 1] - cut;
        fprintf(stderr, "(the first question is forgotten: the talk is too long)\n");
    }
}

static void ask(struct chat *c, const char *text)
{
    RN_PUSH(c->turns, c->n_turns, c->cap_turns, c->history.n);
    rn_ids_push(&c->history, c->special.user_start);
    rn_tokenizer_encode(c->use->tokenizer, text, strlen(text), &c->history);
    rn_ids_push(&c->history, c->special.user_end);
    rn_ids_push(&c->history, c->special.assistant_start);
    make_room(c);
}

/* --- an answer --- */

static void show(struct chat *c, const char *text, size_t n)
{
    rn_str_add(&c->answer, text, n);
    if (!c->json)
        rn_showtext_add(&c->shown, text, n);
}

/* A call of the calculator is shown as "[12/60 = 0.2]"; other special tokens are not shown. */
static void show_token(struct chat *c, int32_t id)
{
    size_t n;
    const char *bytes = rn_tokenizer_bytes(c->use->tokenizer, id, &n);
    if (id == c->special.python_start)
        show(c, "[", 1);
    else if (id == c->special.output_start)
        show(c, " = ", 3);
    else if (id == c->special.output_end || (id == c->special.python_end && !c->tool.answer.n))
        show(c, "]", 1);
    else
        show(c, bytes, n);
}

static int each_token(void *ctx, int32_t id)
{
    struct chat *c = ctx;
    rn_ids_push(&c->history, id);
    if (id == c->special.assistant_end || id == c->special.bos)
        return 1;
    show_token(c, id);
    return 0;
}

static void print_json(const struct chat *c)
{
    json_t *doc = json_pack("{s:o}", "answer", rn_json_text(c->answer.p, c->answer.n));
    char *line = rn_json_canonical(doc);
    puts(line);
    fflush(stdout);
    free(line);
    json_decref(doc);
}

static int answer(struct chat *c, struct rn_err *err)
{
    size_t asked = c->history.n;
    struct rn_ids prompt = {0};
    for (size_t i = 0; i < asked; i++) /* the history grows while the prompt is read */
        rn_ids_push(&prompt, c->history.p[i]);
    struct rn_text text = {prompt.p, prompt.n, &c->tool, each_token, c};
    c->tool = (struct rn_tool){.special = &c->special, .tokenizer = c->use->tokenizer};
    c->shown = (struct rn_showtext){.out = stdout};
    rn_str_clear(&c->answer);
    int rc = rn_generate(c->generator, &text, 1, &c->how, err);
    rn_showtext_end(&c->shown);
    if (rc == RN_OK && c->json)
        print_json(c);
    else if (!c->json)
        puts("");
    fflush(stdout);
    int32_t last = c->history.p[c->history.n - 1];
    if (last == c->special.bos)
        c->history.n--;
    if (last != c->special.assistant_end)
        rn_ids_push(&c->history, c->special.assistant_end);
    rn_tool_release(&c->tool);
    rn_ids_release(&prompt);
    return rc;
}

/* --- /commands --- */

static int show_help(struct chat *c, const char *value);

static int do_clear(struct chat *c, const char *value)
{
    (void)value;
    forget_all(c);
    return 0;
}
static int do_undo(struct chat *c, const char *value)
{
    (void)value;
    forget_last(c);
    return 0;
}
static int do_quit(struct chat *c, const char *value)
{
    (void)c, (void)value;
    return 1;
}

/* False, and a line, unless value is a number from 0 to most. */
static bool number(const char *value, double most, double *out)
{
    char *end;
    double x = strtod(value, &end);
    bool ok = end != value && !*end && x >= 0 && x <= most;
    if (ok)
        *out = x;
    else
        fprintf(stderr, "expected a number from 0 to %g\n", most);
    return ok;
}
static int do_temperature(struct chat *c, const char *value)
{
    number(value, 100, &c->how.temperature);
    return 0;
}
static int do_topp(struct chat *c, const char *value)
{
    number(value, 1, &c->how.top_p);
    return 0;
}
static int do_topk(struct chat *c, const char *value)
{
    double k = 0;
    if (number(value, 1 << 30, &k))
        c->how.top_k = (int64_t)k;
    return 0;
}
static int do_seed(struct chat *c, const char *value)
{
    double seed = 0;
    if (number(value, 9e15, &seed))
        c->how.seed = (uint64_t)seed;
    return 0;
}

static const struct {
    const char *name, *doc;
    int (*run)(struct chat *, const char *value); /* nonzero ends the talk */
} commands[] = {
    {"/help", "this list", show_help},
    {"/clear", "a new talk", do_clear},
    {"/undo", "forget the last question and its answer", do_undo},
    {"/temperature", "X: 0 takes always the most likely token", do_temperature},
    {"/topk", "N: draw among so many most likely; 0: all", do_topk},
    {"/topp", "X: draw among the likeliest that together have this share", do_topp},
    {"/seed", "N: of the draws", do_seed},
    {"/quit", "the end (so is the end of input)", do_quit},
};

static int show_help(struct chat *c, const char *value)
{
    (void)c, (void)value;
    for (size_t i = 0; i < RN_COUNT(commands); i++)
        fprintf(stderr, "%-13s %s\n", commands[i].name, commands[i].doc);
    return 0;
}

static int obey(struct chat *c, char *line)
{
    char *value = line + strcspn(line, " ");
    if (*value)
        *value++ = '\0';
    for (size_t i = 0; i < RN_COUNT(commands); i++)
        if (strcmp(commands[i].name, line) == 0)
            return commands[i].run(c, value);
    fprintf(stderr, "no command %s; /help lists them\n", line);
    return 0;
}

/* --- the talk --- */

/* The next line without its end, NULL at the end of input; caller frees. */
static char *read_line(const struct chat *c)
{
    char *line = NULL;
    size_t cap = 0;
    if (c->terminal) {
        fputs("> ", stdout);
        fflush(stdout);
    }
    ssize_t n = getline(&line, &cap, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static int talk(struct chat *c, struct rn_err *err)
{
    int rc = RN_OK;
    char *line;
    forget_all(c);
    for (bool ended = false; rc == RN_OK && !ended && (line = read_line(c)); free(line)) {
        if (line[0] == '/')
            ended = obey(c, line) != 0;
        else if (strlen(line) > LINE_MAX_BYTES)
            fprintf(stderr, "a line of more than %d bytes\n", LINE_MAX_BYTES);
        else if (*line) {
            ask(c, line);
            if ((int64_t)c->history.n < c->Tmax) {
                rc = answer(c, err);
            } else {
                fprintf(stderr, "too long: the model reads %lld tokens\n", (long long)c->Tmax);
                forget_last(c);
            }
        }
    }
    return rc;
}

static int open_chat(struct chat *c, const struct rn_cli *cli, struct rn_err *err)
{
    int64_t most = rn_model_max_len(c->use->model);
    c->how = (struct rn_sampling){.max_tokens = 256, .temperature = 0.6};
    c->Tmax = most && most < LENGTH ? most : LENGTH;
    c->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    c->json = rn_cli_json(cli);
    RN_TRY(rn_sampling_options(cli, &c->how, err));
    RN_TRY(rn_chat_tokens_find(&c->special, c->use->tokenizer, err));
    return rn_generator_new(&c->generator, c->use->model, 1, c->Tmax, err);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_model_use use;
    struct chat c = {.use = &use};
    RN_TRY(rn_model_use_open(&use, cli, rn_cli_arg(cli, 0), err));
    int rc = open_chat(&c, cli, err);
    if (rc == RN_OK && c.terminal)
        fprintf(stderr, "/help lists commands, Ctrl-D ends\n");
    if (rc == RN_OK)
        rc = talk(&c, err);
    rn_generator_free(c.generator);
    rn_ids_release(&c.history);
    rn_str_release(&c.answer);
    free(c.turns);
    rn_model_use_close(&use);
    return rc;
}

static const struct rn_example examples[] = {
    {"chat smoke-1a2b3c4d:sft", "a talk with the fine-tuned model"},
    {"chat smoke-1a2b3c4d:sft --temperature 0", "the same answers each time"},
    {0}};
const struct rn_command rn_command_chat = {
    .name = "chat",
    .args = "MODEL",
    .doc = "talk with a model",
    .opts = opts,
    .run = run,
    .details = "Each line of input is a question; the model sees the whole talk. Lines that begin "
               "with a slash are commands: /help lists them. Special tokens in a question are "
               "ordinary text. Calls of the calculator are shown as [12/60 = 0.2].",
    .examples = examples};
