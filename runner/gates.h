/* runner/gates.h - the small fixed grammar of `gate:` and `watch:`.
 *
 *     finite(METRIC)
 *     METRIC < NUMBER        and <=, >, >=
 *
 * METRIC is a name of the kind's metric table, or REFERENCE.NAME for kinds that measure what their
 * references give (eval: sft.tiny_world). */
#ifndef RN_GATES_H
#define RN_GATES_H

#include "loading.h"

/* Reads a list of texts into gates in the arena; problems are placed at the items of `node`. The
 * stage's edges must be resolved. Returns the number read. */
size_t rn_gates_read(struct rn_loading *, const struct rn_pstage *, const struct rn_list *texts,
                     const struct rn_node *node, struct rn_gate **out);

#endif
