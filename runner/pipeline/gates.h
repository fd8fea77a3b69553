/* gates.h - the small fixed grammar of `gate:`, read.
 *
 *     finite(METRIC)
 *     VALUE < NUMBER        and <=, >, >=
 *
 * VALUE is METRIC or last(METRIC), its newest value, or min(METRIC), max(METRIC), mean(METRIC) over
 * all values of the stage. METRIC is a name of the kind's metric table, or REFERENCE.NAME for kinds
 * that measure what their references give (eval: sft.tiny_world). gate_check.h applies them. */
#ifndef RN_GATES_H
#define RN_GATES_H

#include "loading.h"

/* Reads a list of texts into gates in the arena; problems are placed at the items of `node`. The
 * stage's edges must be resolved. Returns the number read. */
size_t rn_gates_read(struct rn_loading *, const struct rn_pstage *, const struct rn_list *texts,
                     const struct rn_node *node, struct rn_gate **out);

/* Whether the stage measures it; false: a problem was added at the place. */
bool rn_gates_know_metric(struct rn_loading *, const struct rn_pstage *, const char *metric,
                          struct rn_place);

#endif
