/* cells.h - every pipeline of a file: one for each cell of its matrix, or the one it is.
 *
 *     struct rn_cells *cells;
 *     RN_TRY(rn_cells_open(&cells, "sweep.yaml", &how, NULL, err));     all of them are checked
 *     for (size_t i = 0; i < cells->n; i++) {
 *         struct rn_pipeline *p = rn_cells_compose(cells, i);
 *         use(p);
 *         rn_pipeline_free(p);
 *     }
 *     rn_cells_free(cells);
 *
 * The file is read once; a pipeline is composed when asked for, because a thousand of them together
 * are large. */
#ifndef RN_CELLS_H
#define RN_CELLS_H

#include "matrix.h"
#include "pipeline.h"

struct rn_cells {
    struct rn_document *document;
    struct rn_matrix matrix;
    const struct rn_cell *cells; /* those asked for; NULL without a matrix */
    size_t n;                    /* 1 without a matrix */
    struct rn_pipeline_how how;
};

/* `only`: name or number of a cell, NULL for all. RN_ECONFIG after printing every problem of every
 * cell but the last, which is in err; two cells of one tag are a problem. RN_EUSAGE: no such cell.
 * Texts that `how` points at are borrowed, its list of overrides is copied. */
int rn_cells_open(struct rn_cells **, const char *path, const struct rn_pipeline_how *how,
                  const char *only, struct rn_err *);
/* The i-th pipeline, never NULL: it was checked. Free before the cells. */
struct rn_pipeline *rn_cells_compose(const struct rn_cells *, size_t i);
void rn_cells_free(struct rn_cells *); /* takes NULL */
/* The pipeline of the one cell there is, which then owns the document; the cells are gone. */
struct rn_pipeline *rn_cells_into_pipeline(struct rn_cells *);

#endif
