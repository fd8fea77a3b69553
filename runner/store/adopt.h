/* adopt.h - takes old outputs for what a stage would make now.
 *
 *     RN_TRY(rn_adopt(pipeline, &how, "base", &adopted, err));
 *
 * For the person who knows that a change did not matter: a raised implementation version, a
 * rewritten input. The entry the stage was compared with is published again under the new key; its
 * manifest and the journal say `adopted`, and from what. */
#ifndef RN_ADOPT_H
#define RN_ADOPT_H

#include "plan.h"

struct rn_adopted {
    char from[128], reason[320]; /* the old entry; what sets it apart */
    bool nothing_to_do;          /* the outputs are up to date */
};

/* RN_EUSAGE: no such stage, inputs are missing, or nothing is there to adopt; RN_ECORRUPT: what is
 * there is damaged; RN_ELOCKED: the run is at work. */
int rn_adopt(const struct rn_pipeline *, const struct rn_run_how *, const char *stage,
             struct rn_adopted *, struct rn_err *);

#endif
