/* matrix.h - `matrix:` as a list of cells; a cell is a pipeline of its own.
 *
 *     matrix:
 *       vars.depth: [12, 16]                 an axis: any key that an override may set
 *       base.seed: [1, 2]                    2 x 2 cells, the last axis varies fastest
 *       exclude: [{vars.depth: 16, base.seed: 2}]
 *       include: [{vars.depth: 24, base.seed: 1}]       one more cell
 *       fail_fast: false                     run the others when one fails; default true
 *
 *     struct rn_matrix m;
 *     rn_matrix_read(&m, document);                       problems go to the document's
 *     how.cell = &m.cells[i];
 *
 * A cell's values are laid over file and profile before anything is substituted or checked, so that
 * each cell is checked as what it is, and its key tells it from the others. */
#ifndef RN_MATRIX_H
#define RN_MATRIX_H

#include "document.h"

struct rn_loading;

struct rn_setting {
    const char *key; /* "vars.depth" */
    const struct rn_node *value;
    struct rn_place at; /* of the key */
};
struct rn_cell {
    const char *name; /* "depth=12,seed=1" */
    struct rn_setting *set;
    size_t n;
};
struct rn_matrix { /* lives in the document's arena */
    struct rn_cell *cells;
    size_t n; /* 0: the file has no matrix */
    bool fail_fast;
};

void rn_matrix_read(struct rn_matrix *, struct rn_document *);
/* The cell of that name or number ("1" is the first), NULL if there is none. */
const struct rn_cell *rn_matrix_find(const struct rn_matrix *, const char *name);
/* Lays a cell over the tree. A problem: an override sets what the cell sets. */
void rn_matrix_lay(struct rn_loading *, const struct rn_cell *, const char *const *overrides);

#endif
