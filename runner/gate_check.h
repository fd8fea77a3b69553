/* runner/gate_check.h - the bounds that a stage's final metrics must keep.
 *
 *     RN_TRY(rn_gates_check(stage, final_metrics, NULL, err));
 *
 * A gate that is not met ends the run with exit 9; the outputs stay. */
#ifndef RN_GATE_CHECK_H
#define RN_GATE_CHECK_H

#include "pipeline.h"

/* RN_OK, or RN_EGATE at the first gate that does not hold, with what was measured. metrics: {name:
 * number, or null for not finite}; `more` (may be NULL) is asked for names that it lacks. */
int rn_gates_check(const struct rn_pstage *, const json_t *metrics, const json_t *more,
                   struct rn_err *);

#endif
