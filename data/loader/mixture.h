/* mixture.h - conversations of several tasks in one fixed order.
 *
 *     struct rn_mixture *m = rn_mixture_new();
 *     RN_TRY(rn_mixture_add(m, task, -1, 2, err));       all its rows, twice; takes the task
 *     rn_mixture_close(m);
 *     RN_TRY(rn_mixture_get(m, i, &c, err));             i in [0, rn_mixture_rows(m))
 *     rn_mixture_free(m);
 *
 * The order is nanochat's TaskMixture: all (task, row) pairs as added, shuffled by CPython's
 * Random(42). More epochs of a task means its rows stand in the list more than once. */
#ifndef RN_MIXTURE_H
#define RN_MIXTURE_H

#include "task.h"

enum { RN_MIXTURE_ROWS_MAX = 1 << 30 };

struct rn_mixture;
struct rn_mixture *rn_mixture_new(void);
void rn_mixture_free(struct rn_mixture *); /* takes NULL; frees the tasks */
/* The first `rows` rows of the task (-1: all), `epochs` times. The task is the mixture's from now
 * on, also after an error. RN_ECONFIG for no row at all or too many. */
int rn_mixture_add(struct rn_mixture *, struct rn_task *, int64_t rows, int64_t epochs,
                   struct rn_err *);
void rn_mixture_close(struct rn_mixture *); /* draws the order; nothing may be added after it */
int64_t rn_mixture_rows(const struct rn_mixture *);
const char *rn_mixture_digest(const struct rn_mixture *); /* over tasks, rows and epochs */
/* As rn_task_get. */
int rn_mixture_get(const struct rn_mixture *, int64_t i, struct rn_conversation *, struct rn_err *);

#endif
