/* shares.h - weights that the ranks of a training share: each updates its parts of them.
 *
 *     grads[k] = rn_params_grad_part(params, i, first, n, owner);                  for each
 *     weights[k] = rn_params_part(params, i, first, n, owner);
 *     RN_TRY(rn_params_reduce_grads(params, comm, grads, n_parts, err));    begins
 *     RN_TRY(rn_comm_finish(comm, err));                                    mine are whole sums
 *     ... an optimizer's step on my parts (rn_prog_weight_part) ...
 *     RN_TRY(rn_params_gather(params, comm, weights, n_parts, err));        begins
 *     RN_TRY(rn_comm_finish(comm, err));                                    all have all weights
 *
 * With a NULL comm nothing happens: a rank alone has it all. */
#ifndef RN_SHARES_H
#define RN_SHARES_H

#include "comm.h"
#include "params.h"

/* Elements [first, first + n) of weight i, first a multiple of RN_PART_ALIGN; and their gradients.
 * Parts count in floats, whatever the weight's dtype. */
struct rn_comm_part rn_params_part(const struct rn_params *, size_t i, int64_t first, int64_t n,
                                   int owner);
struct rn_comm_part rn_params_grad_part(const struct rn_params *, size_t i, int64_t first,
                                        int64_t n, int owner);
/* Of what the device was asked for so far; what it is asked for later must not touch these parts
 * before rn_comm_finish. */
int rn_params_reduce_grads(struct rn_params *, struct rn_comm *, const struct rn_comm_part *,
                           size_t n, struct rn_err *);
int rn_params_gather(struct rn_params *, struct rn_comm *, const struct rn_comm_part *, size_t n,
                     struct rn_err *);
/* The whole way for n_floats in host memory that lie in parts with the ranks (a moment that is
 * saved): mine are in place before, all after. Takes device memory for the time. */
int rn_params_collect(const struct rn_params *, struct rn_comm *, float *host, size_t n_floats,
                      const struct rn_comm_part *, size_t n, struct rn_err *);

#endif
