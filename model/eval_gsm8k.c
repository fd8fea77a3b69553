/* GSM8K as nanochat asks it: a greedy answer of up to 512 tokens with the calculator at hand; the
 * number behind "#### " must be the same text as that of the solution, commas aside. */
#include "answer.h"
#include "evals.h"
#include "mem.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, ANSWER_TOKENS = 512, TOP_K = 50 };

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

static bool same_number(const char *a, const char *b)
{
    struct rn_str x = {0}, y = {0};
    bool same = number_of(a, &x) && number_of(b, &y) && strcmp(x.p ? x.p : "", y.p ? y.p : "") == 0;
    rn_str_release(&x);
    rn_str_release(&y);
    return same;
}

struct asking {
    struct rn_eval_run *run;
    struct rn_task *task;
    struct rn_chat_tokens special;
    struct rn_answerer *answerer;
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

static int judge(struct asking *a, int64_t i, const char *answer, struct rn_err *err)
{
    json_t *row;
    RN_TRY(rn_task_row(a->task, i, &row, err));
    bool right = same_number(rn_json_str(row, "answer", ""), answer);
    json_decref(row);
    a->right += right;
    json_t *text = json_string(answer);
    rn_eval_item(a->run->report, json_pack("{s:I, s:b, s:o}", "item", (json_int_t)i, "right", right,
                                           "answer", text ? text : json_string("no UTF-8")));
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
    int64_t most = a->run->max_items, all = rn_task_rows(a->task);
    all = most >= 0 && most < all ? most : all;
    for (int64_t i = 0; i < all; i += ROWS) {
        size_t n = all - i < ROWS ? (size_t)(all - i) : ROWS;
        RN_TRY(ask_some(a, i, n, err));
        RN_TRY(rn_eval_goes_on(a->run, "gsm8k", (size_t)i + n, (size_t)all, err));
    }
    rn_eval_share(a->run->report, "gsm8k", a->right, (size_t)all);
    return RN_OK;
}

/* Longest prompt and answer. */
static int length_of(const struct asking *a, int64_t *Tmax, struct rn_err *err)
{
    struct rn_ids ids = {0};
    int rc = RN_OK;
    *Tmax = 1;
    for (int64_t i = 0; i < rn_task_rows(a->task) && rc == RN_OK; i++) {
        rc = prompt_of(a, i, &ids, err);
        *Tmax = (int64_t)ids.n > *Tmax ? (int64_t)ids.n : *Tmax;
    }
    *Tmax += ANSWER_TOKENS;
    rn_ids_release(&ids);
    return rc;
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    const struct rn_eval_data *d = &r->data[RN_EVAL_IN_gsm8k];
    struct asking a = {.run = r};
    int64_t Tmax;
    RN_TRY(rn_chat_tokens_find(&a.special, r->tokenizer, err));
    RN_TRY(rn_task_open(&a.task, "gsm8k", d->paths, d->n, err));
    int rc = length_of(&a, &Tmax, err);
    if (rc == RN_OK)
        rc = rn_answerer_new(&a.answerer, r->model, r->tokenizer, ROWS, Tmax, err);
    if (rc == RN_OK)
        rc = ask_all(&a, err);
    rn_answerer_free(a.answerer);
    rn_task_free(a.task);
    return rc;
}

const struct rn_eval_task rn_eval_task_gsm8k = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(gsm8k), .run = run};
