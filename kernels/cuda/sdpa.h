/* sdpa.h - attention by cuDNN, where it is and can.
 *
 *     struct rn_sdpa *s = rn_sdpa_open(c);              NULL: no cuDNN, told in one line
 *     if (!rn_sdpa_run(c, s, a))                        enqueued, or not its kind of call
 *         the own kernel
 *
 * It takes bf16 whose gradients are written, not added to. A plan for each shape is compiled when
 * it is first met, which takes about a second. */
#ifndef RN_SDPA_H
#define RN_SDPA_H

#include "cuda.h"

struct rn_sdpa;

struct rn_sdpa *rn_sdpa_open(struct rn_cuda *);
void rn_sdpa_close(struct rn_sdpa *); /* takes NULL */
/* s may be NULL. False too where cuDNN has no plan for the call, which is told once. */
bool rn_sdpa_run(struct rn_cuda *, struct rn_sdpa *, const struct rn_args *);
/* Of scratch memory; 0 where rn_sdpa_run says false. */
size_t rn_sdpa_scratch_bytes(const struct rn_sdpa *, const struct rn_args *);

#endif
