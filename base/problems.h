/* problems.h - everything that is wrong with a file, found in one pass.
 *
 *     struct rn_problems all = {0};
 *     struct rn_err *p = rn_problem_add(&all, at, "unknown key '%s'", key);
 *     rn_hint(p, "did you mean '%s'?", near);
 *     rn_problems_sort(&all);
 *     for (size_t i = 0; i < all.n; i++)
 *         rn_err_print(all.items[i], stderr);
 *     rn_problems_release(&all);
 *
 * Problems are RN_ECONFIG errors. The first 100 are kept, the rest is only counted. */
#ifndef RN_PROBLEMS_H
#define RN_PROBLEMS_H

#include "err.h"

#include <stddef.h>

struct rn_problems {
    struct rn_err **items; /* each on the heap: an rn_err points into itself */
    size_t n, cap;
    size_t dropped; /* found beyond the first 100 */
};
/* The new problem, to hang a hint on; never NULL. */
struct rn_err *rn_problem_add(struct rn_problems *, struct rn_place at, const char *fmt, ...)
    RN_PRINTF(3, 4);
/* Adds copies of those that are not there yet, by place and text. */
void rn_problems_join(struct rn_problems *, const struct rn_problems *from);
/* By file, line and column; problems of one place keep their order. */
void rn_problems_sort(struct rn_problems *);
size_t rn_problems_count(const struct rn_problems *); /* dropped ones included */
void rn_problems_release(struct rn_problems *);

#endif
