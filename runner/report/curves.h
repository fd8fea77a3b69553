/* curves.h - the numbers of one stage as columns: what everything shown is made from.
 *
 *     struct rn_curves c;
 *     RN_TRY(rn_curves_read(&c, "runs/smoke-1a2b3c4d", "base", err));
 *     const struct rn_curve *loss = rn_curves_find(&c, "loss");
 *     for (size_t i = 0; i < c.n; i++)
 *         if (loss->known[i])
 *             draw(c.steps[i], loss->values[i]);
 *     rn_curves_release(&c);
 *
 * Lines of metrics/<stage>.jsonl that share a step are one row, the last value of a name wins, and
 * steps rise strictly, whatever was resumed. */
#ifndef RN_CURVES_H
#define RN_CURVES_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_curve {
    char *name;
    double *values;       /* [n]; NaN where it was not finite */
    unsigned char *known; /* [n]; 0: this row has no such value */
};
struct rn_said { /* a text: a sample, a remark */
    int64_t step;
    double time_s;
    char *name, *text;
};
struct rn_curves {
    char *stage;
    int64_t *steps;  /* [n] */
    double *times_s; /* [n]; since 1970, of the row's last line */
    size_t n, cap;
    struct rn_curve *curves; /* in order of first appearance */
    size_t n_curves;
    struct rn_said *said;
    size_t n_said, cap_said;
};

/* A stage without a metrics file has no rows. RN_EIO, RN_ENOMEM. */
int rn_curves_read(struct rn_curves *, const char *run_dir, const char *stage, struct rn_err *);
const struct rn_curve *rn_curves_find(const struct rn_curves *, const char *name); /* or NULL */
/* The last known finite value, NaN if there is none. */
double rn_curves_last(const struct rn_curves *, const char *name);
void rn_curves_release(struct rn_curves *);

#endif
