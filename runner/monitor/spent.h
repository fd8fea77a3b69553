/* spent.h - what power a training drew, as numbers beside its own.
 *
 *     struct rn_spent s;
 *     rn_spent_init(&s, gauge);                          NULL: nobody samples
 *     n += rn_spent_since(&s, values, n, values + n);    with each step that tells tok_per_sec
 *
 * gpu_power_w and gpu_temp_c of all cards that are sampled, and j_per_token: with the processors'
 * energy where that is known. Means since the numbers before, by energy and time. */
#ifndef RN_SPENT_H
#define RN_SPENT_H

#include "gauge.h"
#include "stage.h"

enum { RN_SPENT_VALUES = 3 };
struct rn_spent {
    const struct rn_gauge *gauge;
    struct rn_reading last; /* of the numbers before */
    double gpu_w, all_w;    /* since then */
};

void rn_spent_init(struct rn_spent *, const struct rn_gauge *);
/* How many values it wrote to out. */
size_t rn_spent_since(struct rn_spent *, const struct rn_metric_value *, size_t n,
                      struct rn_metric_value out[RN_SPENT_VALUES]);

#endif
