/* graph.h - references become edges, edges an order, the whole a digest.
 *
 *     rn_graph_resolve(&loading);           p->stages[i].edges
 *     rn_graph_sort(&loading);              p->stages in running order
 *     rn_graph_key8(loading.p, key8);
 *
 * Problems are added to the loading; nothing fails early. */
#ifndef RN_GRAPH_H
#define RN_GRAPH_H

#include "loading.h"

/* Edges of every stage: producers, outputs and artifact kinds checked. */
void rn_graph_resolve(struct rn_loading *);
/* Puts p->stages in running order: topological, ties as written. A cycle is a problem. */
void rn_graph_sort(struct rn_loading *);
/* First 8 hex digits of the digest over identity and extend values and the graph. Stage names,
 * order and neutral edges do not enter. Needs the running order. */
void rn_graph_key8(const struct rn_pipeline *, char key8[9]);

#endif
