/* errand_proof.h - the second half of an errand: a body came whole; is it the file, and what then?
 * Between errand.c and errand_proof.c alone.
 *
 *     rn_errand_set_up_proof(e);         the body of e->r was taken, from the source in asking.now
 *     rn_errand_prove(&e->task);         takes long: a thread of the pool does it
 *     rn_errand_proven(e);               it is in a batch, or another source is to be asked
 *     rn_errand_give_up(e);              and there is none: the first one's word, or a failure
 *     rn_errand_drop_first(e);           what it gave is not needed any more
 *
 * Where nobody vouches for what the first source gave and there is a second one, it is put aside
 * until that one gave the same (agreed), something else (disputed) or nothing (first use). */
#ifndef RN_ERRAND_PROOF_H
#define RN_ERRAND_PROOF_H

#include "errand.h"

void rn_errand_set_up_proof(struct rn_errand *);
/* rc, err: what of ours failed; r.finding: what is wrong with the body; otherwise it lies in
 * proof.payload, read-only, and on the disk where it is large. */
void rn_errand_prove(struct rn_task *);
/* Leaves the errand RN_BATCHED, RN_READY or RN_BROKEN_OFF. */
void rn_errand_proven(struct rn_errand *);
/* Leaves it RN_BATCHED or RN_NOT_HAD. */
void rn_errand_give_up(struct rn_errand *);
void rn_errand_drop_first(struct rn_errand *);

#endif
