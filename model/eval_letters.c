/* ARC and MMLU as nanochat asks them: a chat that lists the answers; among the letters of that row
 * the likeliest one is the model's answer. */
#include "evals.h"
#include "mem.h"
#include "span.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

enum { LETTERS_MAX = 26, CHUNK = 64 };

struct asking {
    const struct rn_eval_run *run;
    struct rn_task *task;
    struct rn_chat_tokens special;
    struct rn_questions questions;
    size_t gold[CHUNK], right, cut;
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

static int ask_letters(struct asking *a, const json_t *row, const struct rn_conversation *c,
                       struct rn_err *err)
{
    const struct rn_tokenizer *tok = a->run->tokenizer;
    const struct rn_chat_part *right = &c->turns[1].parts[0];
    size_t n = choices_of(row), at = a->questions.n;
    struct rn_span *s = rn_questions_add(&a->questions, n);
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
            a->gold[at] = i;
    }
    a->cut += rn_spans_crop(s, n, rn_eval_max_len(a->run)) > 0;
    return RN_OK;
}

static int ask_row(struct asking *a, int64_t i, struct rn_err *err)
{
    struct rn_conversation c;
    json_t *row = NULL;
    int rc = rn_task_get(a->task, i, &c, err);
    if (rc == RN_OK)
        rc = rn_task_row(a->task, i, &row, err);
    if (rc == RN_OK)
        rc = ask_letters(a, json_object_get(row, "train") ? json_object_get(row, "train") : row, &c,
                         err);
    json_decref(row);
    rn_conversation_release(&c);
    return rc;
}

static void judge(struct asking *a, int64_t from)
{
    for (size_t i = 0; i < a->questions.n; i++) {
        const struct rn_span *s = rn_question(&a->questions, i);
        size_t n = rn_question_spans(&a->questions, i), choice = rn_spans_lowest(s, n);
        json_t *losses = json_array();
        for (size_t k = 0; k < n; k++)
            json_array_append_new(losses, json_real(s[k].mean_loss));
        a->right += choice == a->gold[i];
        rn_eval_item(a->run->report,
                     json_pack("{s:I, s:I, s:I, s:o}", "item", (json_int_t)from + (json_int_t)i,
                               "gold", (json_int_t)a->gold[i], "choice", (json_int_t)choice,
                               "losses", losses));
    }
}

static int score_chunk(struct asking *a, int64_t from, int64_t end, struct rn_err *err)
{
    int rc = RN_OK;
    for (int64_t i = from; i < end && rc == RN_OK; i++)
        rc = ask_row(a, i, err);
    if (rc == RN_OK)
        rc = rn_questions_score(&a->questions, a->run->scorer, err);
    if (rc == RN_OK)
        judge(a, from);
    rn_questions_release(&a->questions);
    return rc;
}

static int score(struct asking *a, const char *id, struct rn_err *err)
{
    int64_t most = a->run->max_items, all = rn_task_rows(a->task);
    all = most >= 0 && most < all ? most : all;
    for (int64_t i = 0; i < all; i += CHUNK) {
        int64_t end = all - i < CHUNK ? all : i + CHUNK;
        RN_TRY(score_chunk(a, i, end, err));
        RN_TRY(rn_eval_goes_on(a->run, id, (size_t)end, (size_t)all, err));
    }
    rn_eval_share(a->run->report, id, a->right, (size_t)all);
    if (a->cut)
        rn_eval_note(a->run->report, "letters_cut_prompts", json_integer((json_int_t)a->cut));
    return RN_OK;
}

static int run(struct rn_eval_run *r, enum rn_eval_input in, const char *kind, struct rn_err *err)
{
    struct asking a = {.run = r};
    RN_TRY(rn_chat_tokens_find(&a.special, r->tokenizer, err));
    RN_TRY(rn_task_open(&a.task, kind, "test", r->data[in].paths, r->data[in].n, err));
    int rc = score(&a, rn_eval_input_names[in], err);
    rn_task_free(a.task);
    return rc;
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
