/* planview.h - a decided plan, for people and for programs: plan and explain share it.
 *
 *     char cells[RN_CELLS][32];
 *     rn_planview_cells(&plan.nodes[i], cells);      "2 min", "310 MiB", "1.2 GiB", "-"
 *     json_t *doc = rn_planview_json(&plan, i);      one line of `plan --json` */
#ifndef RN_PLANVIEW_H
#define RN_PLANVIEW_H

#include "plan.h"

char rn_planview_symbol(const struct rn_planned *); /* = + > ! - or a blank */
const char *rn_planview_word(const struct rn_planned *);
bool rn_planview_is_work(const struct rn_planned *); /* runs, resumes */

/* What the stage would take; "-": unknown or nothing. A '~' stands before a guess. */
enum rn_planview_cell { RN_CELL_TIME, RN_CELL_MEMORY, RN_CELL_DISK, RN_CELL_DOWNLOAD, RN_CELLS };
extern const char *const rn_planview_heads[RN_CELLS]; /* "TIME", .. */
void rn_planview_cells(const struct rn_planned *, char cells[RN_CELLS][32]);
void rn_planview_totals(const struct rn_plan *, char cells[RN_CELLS][32]);

/* The object that docs/plan.md describes; a new reference. */
json_t *rn_planview_json(const struct rn_plan *, size_t stage);

#endif
