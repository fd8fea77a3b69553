#include "eval_given.h"

#include "mem.h"

#include <math.h>

enum { TOGETHER = 64 };

struct asking {
    const struct rn_eval_run *run;
    const struct rn_given *task;
    struct rn_given_result *result;
    struct rn_questions questions;
    struct rn_asked asked[TOGETHER];
};

/* Asks the next ones; *more is false if there are none behind them. */
static int ask_some(struct asking *a, int64_t items, bool *more, struct rn_err *err)
{
    for (*more = true; *more && a->questions.n < TOGETHER;) {
        size_t n = a->questions.n;
        int64_t i = (int64_t)(a->result->items + n);
        a->asked[n] = (struct rn_asked){.row = i};
        if (i < items)
            RN_TRY(a->task->ask(a->task->ctx, i, &a->questions, &a->asked[n], err));
        *more = a->questions.n > n;
    }
    a->result->cut +=
        rn_spans_crop(a->questions.spans, a->questions.n_spans, rn_eval_max_len(a->run));
    return RN_OK;
}

static json_t *losses_of(const struct rn_span *s, size_t n)
{
    json_t *losses = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(losses,
                              isfinite(s[i].mean_loss) ? json_real(s[i].mean_loss) : json_null());
    return losses;
}

static void judge(const struct asking *a, const struct rn_asked *q, const struct rn_span *s,
                  size_t n)
{
    size_t choice = q->exact ? 0 : rn_spans_lowest(s, n);
    bool right = q->exact ? s->all_likeliest : choice == q->gold;
    json_t *item = json_pack("{s:I, s:o, s:b}", "row", (json_int_t)q->row, "losses",
                             losses_of(s, n), "right", right);
    if (!q->exact) {
        json_object_set_new(item, "gold", json_integer((json_int_t)q->gold));
        json_object_set_new(item, "choice", json_integer((json_int_t)choice));
    }
    if (a->task->note)
        a->task->note(a->task->ctx, q, s, n, item);
    rn_eval_item(a->run->report, item);
    a->result->right += right;
}

static int answer_some(struct asking *a, struct rn_err *err)
{
    RN_TRY(rn_questions_score(&a->questions, a->run->scorer, err));
    for (size_t i = 0; i < a->questions.n; i++)
        judge(a, &a->asked[i], rn_question(&a->questions, i), rn_question_spans(&a->questions, i));
    a->result->items += a->questions.n;
    return RN_OK;
}

int rn_eval_given(const struct rn_eval_run *run, const struct rn_given *task,
                  struct rn_given_result *result, struct rn_err *err)
{
    struct asking a = {.run = run, .task = task, .result = result};
    int64_t most = run->max_items, items = most >= 0 && most < task->items ? most : task->items;
    size_t all = items < INT64_MAX ? (size_t)items : 0;
    *result = (struct rn_given_result){0};
    for (bool more = true; more;) {
        int rc = ask_some(&a, items, &more, err);
        if (rc == RN_OK)
            rc = answer_some(&a, err);
        rn_questions_release(&a.questions);
        RN_TRY(rc);
        RN_TRY(rn_eval_goes_on(run, task->what, result->items, all, err));
    }
    return RN_OK;
}
