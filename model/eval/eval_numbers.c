/* GSM8K and SpellingBee: the number behind "#### " must be the same text as that of the solution,
 * commas aside. */
#include "eval_written.h"
#include "task.h"

#include <string.h>

enum { SPELLING_ROWS = 256 /* of ten million: nanochat's number */ };

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

static int ask(void *task, int64_t i, struct rn_conversation *c, struct rn_err *err)
{
    return rn_task_get(task, i, c, err);
}

static int judge(void *task, int64_t i, const char *answer, json_t *item, bool *right,
                 struct rn_err *err)
{
    struct rn_conversation c = {0};
    struct rn_str want = {0}, got = {0};
    (void)item;
    int rc = rn_task_get(task, i, &c, err);
    const struct rn_turn *solution = rc == RN_OK && c.n == 2 ? &c.turns[1] : NULL;
    if (solution && solution->n_parts && number_of(answer, &got))
        *right = number_of(solution->parts[solution->n_parts - 1].text, &want) &&
                 strcmp(want.p ? want.p : "", got.p ? got.p : "") == 0;
    rn_conversation_release(&c);
    rn_str_release(&want);
    rn_str_release(&got);
    return rc;
}

static int run(struct rn_eval_run *r, enum rn_eval_input in, const char *kind, int64_t rows,
               struct rn_err *err)
{
    const struct rn_eval_data *d = &r->data[in];
    struct rn_task *task;
    RN_TRY(rn_task_open(&task, kind, "test", d->paths, d->n, err));
    struct rn_written w = {.id = rn_eval_input_names[in],
                           .items = rn_task_rows(task) < rows ? rn_task_rows(task) : rows,
                           .ask = ask,
                           .judge = judge,
                           .ctx = task};
    int rc = rn_eval_written(r, &w, err);
    rn_task_free(task);
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
