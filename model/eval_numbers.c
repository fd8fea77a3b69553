/* GSM8K and SpellingBee as nanochat asks them: a greedy answer of up to 512 tokens with the
 * calculator at hand; the number behind "#### " must be the same text as that of the solution,
 * commas aside. */
#include "answer.h"
#include "evals.h"
#include "mem.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, ANSWER_TOKENS = 512, TOP_K = 50, SPELLING_ROWS = 256 };

/* The first number behind "#### ", without commas; false: there is none. */
static bool number_of(const char *text, struct rn_str *out)
{
    for (const char *p = text; (p = strstr(p, "#### ")); p += 5) {
        const char *q = p + 5, *first = q + (*q == '-');
        size_t n = strspn(first, "0123456789.,");
        if (n == 0)
            continue;
        for (; q < first + n; q++)
            if (*q != ',')
                rn_str_putc(out, *q);
        return true;
    }
    return false;
}

struct asking {
    struct rn_eval_run *run;
    const char *id;
    struct rn_task *task;
    struct rn_chat_tokens special;
    struct rn_answerer *answerer;
    int64_t items;
    size_t right;
};

static int prompt_of(const struct asking *a, int64_t i, struct rn_ids *out, struct rn_err *err)
{
    struct rn_conversation c;
    int rc = rn_task_get(a->task, i, &c, err);
    if (rc == RN_OK)
        rn_conversation_prompt(&c, &a->special, a->run->tokenizer, out);
    rn_conversation_release(&c);
    return rc;
}

/* The number at the end of the solution, which is the conversation's last text. */
static int solution_of(const struct asking *a, int64_t i, struct rn_str *out, struct rn_err *err)
{
    struct rn_conversation c;
    int rc = rn_task_get(a->task, i, &c, err);
    const struct rn_turn *said = rc == RN_OK && c.n == 2 ? &c.turns[1] : NULL;
    if (said && said->n_parts)
        number_of(said->parts[said->n_parts - 1].text, out);
    rn_conversation_release(&c);
    return rc;
}

static int judge(struct asking *a, int64_t i, const char *answer, struct rn_err *err)
{
    struct rn_str want = {0}, got = {0};
    RN_TRY(solution_of(a, i, &want, err));
    bool right = number_of(answer, &got) && want.n == got.n && want.n > 0 &&
                 memcmp(want.p, got.p, got.n) == 0;
    json_t *text = json_string(answer);
    a->right += right;
    rn_eval_item(a->run->report, json_pack("{s:I, s:b, s:o}", "item", (json_int_t)i, "right", right,
                                           "answer", text ? text : json_string("no UTF-8")));
    rn_str_release(&want);
    rn_str_release(&got);
    return RN_OK;
}

static int ask_some(struct asking *a, int64_t from, size_t n, struct rn_err *err)
{
    struct rn_ids prompts[ROWS] = {0};
    struct rn_str texts[ROWS] = {0};
    struct rn_sampling how = {.max_tokens = ANSWER_TOKENS, .top_k = TOP_K};
    int rc = RN_OK;
    for (size_t k = 0; k < n && rc == RN_OK; k++)
        rc = prompt_of(a, from + (int64_t)k, &prompts[k], err);
    if (rc == RN_OK)
        rc = rn_answer(a->answerer, prompts, n, &how, texts, err);
    for (size_t k = 0; k < n; k++) {
        if (rc == RN_OK)
            rc = judge(a, from + (int64_t)k, texts[k].p ? texts[k].p : "", err);
        rn_ids_release(&prompts[k]);
        rn_str_release(&texts[k]);
    }
    return rc;
}

static int ask_all(struct asking *a, struct rn_err *err)
{
    for (int64_t i = 0; i < a->items; i += ROWS) {
        size_t n = a->items - i < ROWS ? (size_t)(a->items - i) : ROWS;
        RN_TRY(ask_some(a, i, n, err));
        RN_TRY(rn_eval_goes_on(a->run, a->id, (size_t)i + n, (size_t)a->items, err));
    }
    rn_eval_share(a->run->report, a->id, a->right, (size_t)a->items);
    return RN_OK;
}

/* Longest prompt and answer. */
static int length_of(const struct asking *a, int64_t *Tmax, struct rn_err *err)
{
    struct rn_ids ids = {0};
    int rc = RN_OK;
    *Tmax = 1;
    for (int64_t i = 0; i < a->items && rc == RN_OK; i++) {
        rc = prompt_of(a, i, &ids, err);
        *Tmax = (int64_t)ids.n > *Tmax ? (int64_t)ids.n : *Tmax;
    }
    *Tmax += ANSWER_TOKENS;
    rn_ids_release(&ids);
    return rc;
}

/* The first `rows` rows of the task, or as many as are asked for. */
static int run(struct rn_eval_run *r, enum rn_eval_input in, const char *kind, int64_t rows,
               struct rn_err *err)
{
    const struct rn_eval_data *d = &r->data[in];
    struct asking a = {.run = r, .id = rn_eval_input_names[in]};
    int64_t Tmax;
    RN_TRY(rn_chat_tokens_find(&a.special, r->tokenizer, err));
    RN_TRY(rn_task_open(&a.task, kind, "test", d->paths, d->n, err));
    a.items = rn_task_rows(a.task) < rows ? rn_task_rows(a.task) : rows;
    a.items = r->max_items >= 0 && r->max_items < a.items ? r->max_items : a.items;
    int rc = length_of(&a, &Tmax, err);
    if (rc == RN_OK)
        rc = rn_answerer_new(&a.answerer, r->model, r->tokenizer, ROWS, Tmax, err);
    if (rc == RN_OK)
        rc = ask_all(&a, err);
    rn_answerer_free(a.answerer);
    rn_task_free(a.task);
    return rc;
}

static int run_gsm8k(struct rn_eval_run *r, struct rn_err *err)
{
    return run(r, RN_EVAL_IN_gsm8k, "gsm8k", INT64_MAX, err);
}
static int run_spelling_bee(struct rn_eval_run *r, struct rn_err *err)
{
    return run(r, RN_EVAL_IN_spelling_bee, "spelling-bee", SPELLING_ROWS, err);
}

const struct rn_eval_task rn_eval_task_gsm8k = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(gsm8k), .run = run_gsm8k};
const struct rn_eval_task rn_eval_task_spelling_bee = {.protocol = "nanochat",
                                                       .version = 1,
                                                       .inputs = RN_EVAL_IN(spelling_bee),
                                                       .run = run_spelling_bee};
