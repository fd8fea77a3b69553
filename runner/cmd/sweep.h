/* sweep.h - the cells of a matrix side by side: state and numbers of each one's run.
 *
 *     RN_TRY(rn_cells_open(&cells, "sweep.yaml", &how, NULL, err));
 *     rn_sweep_print(cells, "runs", json);
 *
 * One row for each cell, one column for each metric that a gate looks at (without gates: the number
 * that says most). With json an object a line: {"cell", "name", "tag", "state", "numbers", ..}. */
#ifndef RN_SWEEP_H
#define RN_SWEEP_H

#include "cells.h"

/* To stdout. Reads only; a cell that never ran has a row, too. */
void rn_sweep_print(const struct rn_cells *, const char *runs, bool json);

#endif
