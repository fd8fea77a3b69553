/* gate_check.h - the bounds that a stage's metrics must keep.
 *
 *     RN_TRY(rn_gates_check(stage, final_metrics, "runs/smoke/metrics/base.jsonl", err));
 *
 * A gate that is not met ends the run with exit 9; the outputs stay, and the next run asks again
 * without running the stage again. */
#ifndef RN_GATE_CHECK_H
#define RN_GATE_CHECK_H

#include "pipeline.h"

/* RN_OK, or RN_EGATE at the first gate that does not hold, with what was measured. final: {name:
 * number, or null for not finite}; the numbers of the stage (path, may be NULL) are read only for
 * names that it lacks and for min, max and mean. */
int rn_gates_check(const struct rn_pstage *, const json_t *final, const char *path,
                   struct rn_err *);

#endif
