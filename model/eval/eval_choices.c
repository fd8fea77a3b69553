#include "eval_choices.h"

#include "conversation.h"
#include "jsonl.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 26 };

struct question {
    const char *query, *options[OPTIONS_MAX];
    size_t n, gold;
};
struct rn_choices {
    struct rn_arena arena;
    struct question *items;
    size_t n, cap;
};

static int parse(struct rn_choices *c, const json_t *row, struct rn_place at, struct rn_err *err)
{
    const json_t *list = json_object_get(row, "choices");
    const char *query = rn_json_str(row, "query", NULL);
    size_t n = json_array_size(list);
    int64_t gold = rn_json_int(row, "gold", -1);
    if (!query || n < 2 || n > OPTIONS_MAX || gold < 0 || gold >= (int64_t)n)
        return rn_fail(err, RN_ECORRUPT, at,
                       "no question: expected {query, choices (2 to %d), gold (an index)}",
                       OPTIONS_MAX);
    struct question q = {.query = rn_arena_dup(&c->arena, query), .n = n, .gold = (size_t)gold};
    for (size_t i = 0; i < n; i++) {
        const char *option = json_string_value(json_array_get(list, i));
        if (!option || !*option)
            return rn_fail(err, RN_ECORRUPT, at, "choice %zu is no text", i + 1);
        q.options[i] = rn_arena_dup(&c->arena, option);
    }
    RN_PUSH(c->items, c->n, c->cap, q);
    return RN_OK;
}

static int read_rows(struct rn_choices *c, struct rn_jsonl *lines, const char *path,
                     struct rn_err *err)
{
    json_t *row;
    for (;;) {
        RN_TRY(rn_jsonl_next(lines, &row, err));
        if (!row)
            break;
        int rc = parse(c, row, rn_jsonl_place(lines), err);
        json_decref(row);
        RN_TRY(rc);
    }
    if (c->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "the file has no questions");
    return RN_OK;
}

int rn_choices_open(struct rn_choices **out, const char *path, struct rn_err *err)
{
    struct rn_jsonl *lines;
    *out = NULL;
    RN_TRY(rn_jsonl_open(&lines, path, err));
    struct rn_choices *c = rn_new(struct rn_choices);
    int rc = read_rows(c, lines, path, err);
    rn_jsonl_free(lines);
    if (rc != RN_OK) {
        rn_choices_free(c);
        return rc;
    }
    *out = c;
    return RN_OK;
}

void rn_choices_free(struct rn_choices *c)
{
    if (!c)
        return;
    rn_arena_release(&c->arena);
    free(c->items);
    free(c);
}

size_t rn_choices_count(const struct rn_choices *c)
{
    return c->n;
}
const char *rn_choices_query(const struct rn_choices *c, size_t i)
{
    return c->items[i].query;
}
const char *rn_choices_answer(const struct rn_choices *c, size_t i)
{
    return c->items[i].options[c->items[i].gold];
}

/* --- prompts: one span for every option --- */

struct asker {
    const struct rn_choices *choices;
    enum rn_choices_form form;
    const struct rn_tokenizer *tok;
    struct rn_chat_tokens special;
};

static void chat_prompt(const struct asker *a, const char *text, struct rn_ids *out)
{
    struct rn_conversation c = {0};
    rn_conversation_say(&c, text, strlen(text));
    rn_conversation_prompt(&c, &a->special, a->tok, out);
    rn_conversation_release(&c);
}

static int ask_chat(const struct asker *a, const struct question *q, struct rn_span *s,
                    struct rn_err *err)
{
    (void)err;
    for (size_t i = 0; i < q->n; i++) {
        chat_prompt(a, q->query, &s[i].ids);
        s[i].start = (int64_t)s[i].ids.n;
        rn_tokenizer_encode(a->tok, q->options[i], strlen(q->options[i]), &s[i].ids);
        s[i].end = (int64_t)s[i].ids.n;
    }
    return RN_OK;
}

static int ask_text(const struct asker *a, const struct question *q, struct rn_span *s,
                    struct rn_err *err)
{
    (void)err;
    struct rn_str text = {0};
    for (size_t i = 0; i < q->n; i++) {
        rn_str_clear(&text);
        rn_str_printf(&text, "Question: %s\nAnswer: %s", q->query, q->options[i]);
        if (rn_tokenizer_bos(a->tok) >= 0)
            rn_ids_push(&s[i].ids, rn_tokenizer_bos(a->tok));
        rn_tokenizer_encode(a->tok, text.p, text.n, &s[i].ids);
    }
    rn_spans_common_prefix(s, q->n);
    rn_str_release(&text);
    return RN_OK;
}

static int ask_letter(const struct asker *a, const struct question *q, struct rn_span *s,
                      struct rn_err *err)
{
    struct rn_str text = {0};
    rn_task_choice_question(q->query, q->options, q->n, &text);
    int rc = RN_OK;
    for (size_t i = 0; i < q->n && rc == RN_OK; i++) {
        char letter = (char)('A' + i);
        chat_prompt(a, text.p, &s[i].ids);
        s[i].start = (int64_t)s[i].ids.n;
        rn_tokenizer_encode(a->tok, &letter, 1, &s[i].ids);
        s[i].end = (int64_t)s[i].ids.n;
        if (s[i].end != s[i].start + 1)
            rc = rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the letter %c is no single token", letter);
    }
    rn_str_release(&text);
    return rc;
}

static const struct {
    const char *name, *suffix; /* in items; of the metric */
    bool chat;
    int (*ask)(const struct asker *, const struct question *, struct rn_span *, struct rn_err *);
} forms[] = {[RN_CHOICES_CHAT] = {"chat", "", true, ask_chat},
             [RN_CHOICES_TEXT] = {"text", "_text", false, ask_text},
             [RN_CHOICES_LETTER] = {"letter", "_letter", true, ask_letter}};

static int ask(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
               struct rn_err *err)
{
    const struct asker *a = ctx;
    const struct question *item = &a->choices->items[i];
    q->gold = item->gold;
    return forms[a->form].ask(a, item, rn_questions_add(to, item->n), err);
}

static void note(void *ctx, const struct rn_asked *q, const struct rn_span *s, size_t n,
                 json_t *item)
{
    const struct asker *a = ctx;
    (void)q, (void)s, (void)n;
    json_object_set_new(item, "form", json_string(forms[a->form].name));
}

int rn_choices_score(const struct rn_choices *c, enum rn_choices_form form,
                     const struct rn_eval_run *run, struct rn_given_result *r, struct rn_err *err)
{
    struct asker a = {.choices = c, .form = form, .tok = run->tokenizer};
    struct rn_given task = {
        .what = forms[form].name, .items = (int64_t)c->n, .ask = ask, .note = note, .ctx = &a};
    if (forms[form].chat)
        RN_TRY(rn_chat_tokens_find(&a.special, a.tok, err));
    return rn_eval_given(run, &task, r, err);
}

/* --- the tasks --- */

static int score_forms(const struct rn_eval_run *r, const struct rn_choices *c, const char *id,
                       struct rn_err *err)
{
    size_t cut = 0;
    for (size_t form = 0; form < RN_COUNT(forms); form++) {
        struct rn_given_result found;
        RN_TRY(rn_choices_score(c, (enum rn_choices_form)form, r, &found, err));
        char *metric = rn_xprintf("%s%s", id, forms[form].suffix);
        rn_eval_share(r->report, metric, found.right, found.items);
        free(metric);
        cut += found.cut;
    }
    rn_eval_cut(r->report, cut);
    return RN_OK;
}

static int run_questions(const struct rn_eval_run *r, enum rn_eval_input in, struct rn_err *err)
{
    const char *path;
    struct rn_choices *c;
    RN_TRY(rn_eval_file(r, in, &path, err));
    RN_TRY(rn_choices_open(&c, path, err));
    int rc = score_forms(r, c, rn_eval_input_names[in], err);
    rn_choices_free(c);
    return rc;
}

static int run_tiny_world(struct rn_eval_run *r, struct rn_err *err)
{
    return run_questions(r, RN_EVAL_IN_tiny_world, err);
}
static int run_choices(struct rn_eval_run *r, struct rn_err *err)
{
    return run_questions(r, RN_EVAL_IN_choices, err);
}

const struct rn_eval_task rn_eval_task_tiny_world = {
    .protocol = "runnel", .version = 1, .inputs = RN_EVAL_IN(tiny_world), .run = run_tiny_world};
const struct rn_eval_task rn_eval_task_choices = {
    .protocol = "runnel", .version = 1, .inputs = RN_EVAL_IN(choices), .run = run_choices};
