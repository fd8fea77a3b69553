/* series.h - one metric of all stages of all runs, ready to be drawn.
 *
 *     size_t n;
 *     struct rn_series *lines = rn_series_collect(accounts, n_accounts, "loss", &n);
 *     draw(lines[0].label, lines[0].step, lines[0].y, lines[0].n);
 *     rn_series_free(lines, n); */
#ifndef RN_SERIES_H
#define RN_SERIES_H

#include "account.h"

/* One line: the known values of the metric in one stage of one run. */
struct rn_series {
    char *label; /* the stage, behind the run's tag where there are several */
    double *step, *time_s, *tokens, *flops, *y; /* [n]; time since the stage's first number */
    size_t n;
};
/* Stages with one row or without the metric have no line. */
struct rn_series *rn_series_collect(const struct rn_account *, size_t n_runs, const char *metric,
                                    size_t *n);
void rn_series_free(struct rn_series *, size_t n);

#endif
