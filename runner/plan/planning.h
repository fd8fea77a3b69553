/* planning.h - a plan while it is made: what the files behind plan.h share.
 *
 *     plan.c           the order of deciding
 *     plan_range.c     what the command line asks for
 *     plan_inputs.c    inputs, and the keys that follow from them
 *     plan_reason.c    why
 *     plan_cost.c      what it costs, and what it would throw away
 *     plan_job.c       what a stage may ask, while planning and while running
 *
 * Nobody else includes this. */
#ifndef RN_PLANNING_H
#define RN_PLANNING_H

#include "plan.h"

/* What a stage came to, and what came out of it: for rn_journal_last. */
#define RN_EVENTS_OF_WORK   "started|done|kept|adopted|failed|interrupted"
#define RN_EVENTS_OF_RESULT "done|kept|adopted"

/* --- plan_range.c --- */

/* RN_EUSAGE: an option names no stage, or two exclude each other. */
int rn_plan_check_options(const struct rn_pipeline *, const struct rn_run_how *, struct rn_err *);
bool rn_plan_before_range(const struct rn_plan *, size_t stage); /* --from, --only */
bool rn_plan_after_range(const struct rn_plan *, size_t stage);  /* --until, --only */

/* --- plan_inputs.c --- */

/* Fills nodes[stage].inputs. *missing: the first producer without outputs, n_stages if all are
 * there. */
int rn_plan_take_inputs(struct rn_plan *, size_t stage, size_t *missing, struct rn_err *);
/* Needs all inputs. */
int rn_plan_make_keys(struct rn_plan *, size_t stage, struct rn_err *);

/* --- plan_reason.c --- */

void rn_plan_say(struct rn_planned *, enum rn_action, const char *fmt, ...) RN_PRINTF(3, 4);
void rn_plan_tell_kept(struct rn_planned *);
void rn_plan_tell_why(struct rn_plan *, size_t stage);     /* a stage that runs from the start */
void rn_plan_tell_resumed(struct rn_plan *, size_t stage); /* one that goes on */

/* --- plan_cost.c --- */

int rn_plan_ask_cost(struct rn_plan *, size_t stage, struct rn_err *);
void rn_plan_expect_time(struct rn_plan *, size_t stage); /* sets time_s; needs the cost */
/* Sets consent: what a run from the start would put aside. Needs the reason. */
void rn_plan_weigh(struct rn_plan *, size_t stage, bool forced);

#endif
