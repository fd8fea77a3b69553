/* same_graph.h - a profile is the same graph as the file: what it may not change.
 *
 * Equal: the stages, their kinds, where each input comes from, the metrics of the gates. Sizes,
 * bounds, slices, the length of a list and the sources of files are free, so that the small run of
 * a profile exercises the large one. */
#ifndef RN_SAME_GRAPH_H
#define RN_SAME_GRAPH_H

#include "loading.h"

/* Every difference is a problem where the profile makes it, which names the place in the file. */
void rn_same_graph(struct rn_loading *with, const struct rn_pipeline *alone);

#endif
