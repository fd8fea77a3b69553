/* parquet_schema.h - the columns of a parquet file: a tree of nodes, and its leaves.
 *
 *     struct rn_pq_schema s = {0};
 *     const char *bad = rn_pq_schema_read(&s, &thrift, &field);        NULL, or why it is none
 *     for (size_t i = 1; i < s.nodes[0].next; i = s.nodes[i].next)
 *         use(s.nodes[i].name);                                        the fields of a row
 *     rn_pq_schema_release(&s);
 *
 * Inside of data/parquet*.c; others include parquet.h. Nodes stand in pre-order: what is below node
 * i are the nodes from i + 1 to before nodes[i].next. A leaf holds values, and every value carries
 * two levels (Dremel's): how many of the optional and repeated nodes on its path are there (def),
 * and which of the repeated ones it repeats (rep; 0 begins a row). */
#ifndef RN_PARQUET_SCHEMA_H
#define RN_PARQUET_SCHEMA_H

#include "mem.h"
#include "parquet.h"
#include "thrift.h"

enum { RN_PQ_DEPTH_MAX = 32 }; /* of nodes, so levels fit a byte */

enum rn_pq_repetition { RN_PQ_REQUIRED, RN_PQ_OPTIONAL, RN_PQ_REPEATED };

struct rn_pq_node {
    const char *name;
    size_t next;          /* the node after this one and all below it */
    int leaf;             /* index into leaves; -1: has nodes below it */
    int max_def, max_rep; /* of a value that is there, this node counted */
    enum rn_pq_repetition repetition;
    bool list, map; /* annotated so */
};
struct rn_pq_leaf {
    const char *path; /* names from the root, joined by dots */
    enum rn_parquet_type type;
    int type_length; /* of RN_PQ_FIXED */
    int max_def, max_rep;
    bool text;         /* annotated as UTF-8 */
    bool without_sign; /* annotated as an unsigned integer */
};
struct rn_pq_schema {
    struct rn_arena names;
    struct rn_pq_node *nodes; /* nodes[0] is the root */
    size_t n_nodes, cap_nodes;
    struct rn_pq_leaf *leaves;
    size_t n_leaves, cap_leaves;
};

/* Reads the footer's list of schema elements. Release in both cases. */
const char *rn_pq_schema_read(struct rn_pq_schema *, struct rn_thrift *,
                              const struct rn_thrift_field *);
void rn_pq_schema_release(struct rn_pq_schema *);

#endif
