/* arrivals.h - files of a stage that is still at work: whole, verified, and where they stay.
 *
 *     rn_arrivals_add(&node->arrivals, &arrival);              as the stage announces them
 *     if (rn_arrivals_cover(node->arrivals, edge))
 *         start whoever needs data.shards[0:8] with
 *             rn_arrivals_artifact(node->arrivals, "files", edge, &arena)
 *
 * What a slice holds is fixed by the configuration; only when it is complete depends on time. An
 * artifact made here has the digest that the same slice of the finished output has. */
#ifndef RN_ARRIVALS_H
#define RN_ARRIVALS_H

#include "pipeline.h"

struct rn_arrivals; /* NULL: none yet */

/* Copies. What cannot be (an index outside of the count, a name with a path) is not taken. */
void rn_arrivals_add(struct rn_arrivals **, const struct rn_arrival *);
/* All files that the edge asks for are there. Cheap; arrivals may be NULL. */
bool rn_arrivals_cover(const struct rn_arrivals *, const struct rn_edge *);
/* These files as an artifact in the arena; NULL: not all are there. kind: of the output. */
const struct rn_artifact *rn_arrivals_artifact(const struct rn_arrivals *, const char *kind,
                                               const struct rn_edge *, struct rn_arena *);
/* The same under the files' own names: links below dir, which is made. Readers tell a format by its
 * name's ending, which a cache does not keep. */
int rn_arrivals_link(const struct rn_artifact **, const char *dir, struct rn_arena *,
                     struct rn_err *);
void rn_arrivals_free(struct rn_arrivals *); /* takes NULL */

#endif
