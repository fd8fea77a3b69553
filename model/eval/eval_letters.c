/* ARC and MMLU as nanochat asks them: a chat that lists the answers; among the letters of that row
 * the likeliest one is the model's answer. */
#include "eval_given.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

struct asking {
    const struct rn_tokenizer *tokenizer;
    struct rn_task *task;
    struct rn_chat_tokens special;
};

/* The letter of choice i: as the row labels it, or A, B, ... */
static const char *letter_of(const json_t *row, size_t i, char plain[2])
{
    const json_t *labels = json_object_get(json_object_get(row, "choices"), "label");
    plain[0] = (char)('A' + i);
    plain[1] = '\0';
    return labels ? json_string_value(json_array_get(labels, i)) : plain;
}

static size_t choices_of(const json_t *row)
{
    const json_t *choices = json_object_get(row, "choices");
    return json_array_size(json_is_object(choices) ? json_object_get(choices, "text") : choices);
}

static int ask_letters(const struct asking *a, const json_t *row, const struct rn_conversation *c,
                       struct rn_questions *to, struct rn_asked *q, struct rn_err *err)
{
    const struct rn_tokenizer *tok = a->tokenizer;
    const struct rn_chat_part *right = &c->turns[1].parts[0];
    size_t n = choices_of(row);
    struct rn_span *s = rn_questions_add(to, n);
    for (size_t i = 0; i < n; i++) {
        char plain[2];
        const char *letter = letter_of(row, i, plain);
        rn_conversation_prompt(c, &a->special, tok, &s[i].ids);
        s[i].start = (int64_t)s[i].ids.n;
        rn_tokenizer_encode(tok, letter, strlen(letter), &s[i].ids);
        s[i].end = (int64_t)s[i].ids.n;
        if (s[i].end != s[i].start + 1)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the letter %.10s is no single token",
                           letter);
        if (strlen(letter) == right->n && memcmp(letter, right->text, right->n) == 0)
            q->gold = i;
    }
    return RN_OK;
}

static int ask(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
               struct rn_err *err)
{
    const struct asking *a = ctx;
    struct rn_conversation c;
    json_t *row = NULL;
    int rc = rn_task_get(a->task, i, &c, err);
    if (rc == RN_OK)
        rc = rn_task_row(a->task, i, &row, err);
    if (rc == RN_OK)
        rc = ask_letters(a, json_object_get(row, "train") ? json_object_get(row, "train") : row, &c,
                         to, q, err);
    json_decref(row);
    rn_conversation_release(&c);
    return rc;
}

static int run(struct rn_eval_run *r, enum rn_eval_input in, const char *kind, struct rn_err *err)
{
    struct asking a = {.tokenizer = r->tokenizer};
    struct rn_given_result found;
    RN_TRY(rn_chat_tokens_find(&a.special, r->tokenizer, err));
    RN_TRY(rn_task_open(&a.task, kind, "test", r->data[in].paths, r->data[in].n, err));
    struct rn_given task = {
        .what = rn_eval_input_names[in], .items = rn_task_rows(a.task), .ask = ask, .ctx = &a};
    int rc = rn_eval_given(r, &task, &found, err);
    rn_task_free(a.task);
    RN_TRY(rc);
    rn_eval_share(r->report, task.what, found.right, found.items);
    rn_eval_cut(r->report, found.cut);
    return RN_OK;
}

static int run_arc_easy(struct rn_eval_run *r, struct rn_err *err)
{
    return run(r, RN_EVAL_IN_arc_easy, "arc", err);
}
static int run_arc_challenge(struct rn_eval_run *r, struct rn_err *err)
{
    return run(r, RN_EVAL_IN_arc_challenge, "arc", err);
}
static int run_mmlu(struct rn_eval_run *r, struct rn_err *err)
{
    return run(r, RN_EVAL_IN_mmlu, "mmlu", err);
}

const struct rn_eval_task rn_eval_task_arc_easy = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(arc_easy), .run = run_arc_easy};
const struct rn_eval_task rn_eval_task_arc_challenge = {.protocol = "nanochat",
                                                        .version = 1,
                                                        .inputs = RN_EVAL_IN(arc_challenge),
                                                        .run = run_arc_challenge};
const struct rn_eval_task rn_eval_task_mmlu = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(mmlu), .run = run_mmlu};
