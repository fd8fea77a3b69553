/* prog.h - a training step as a flat list of ops: build, differentiate, plan, replay.
 *
 *     struct rn_prog *p = rn_prog_new(params);    weights live in params, shared by programs
 *     rn_val loss = build(p, cfg, B, T);          model/<arch>.c; errors stick until plan
 *     rn_prog_backward(p, loss);                  appends backward ops; still only a list
 *     RN_TRY(rn_prog_plan(p, err));               lifetimes, offsets, pointers; allocates, once
 *     for (;;) {
 *         rn_prog_put(p, x, host, err);
 *         RN_TRY(rn_prog_run(p, err));            allocates nothing
 *     }
 *
 * After plan no shape and no address changes: that is what lets CUDA capture one graph and replay
 * it. What changes from step to step (tokens, positions, learning rates, loss scale) goes through
 * RN_INPUT values, never through attributes. Not thread-safe; one program per thread. */
#ifndef RN_PROG_H
#define RN_PROG_H

#include "op.h"
#include "params.h"

typedef int32_t rn_val; /* a value: index into the program */
enum { RN_NONE = -1 };  /* no value */

enum rn_role {
    RN_INPUT,  /* written by the host before a run */
    RN_CONST,  /* written once, at plan (RoPE tables) */
    RN_ACT,    /* planned: memory is reused when nobody needs it any more */
    RN_GRAD,   /* gradient of an ACT; planned with the ACTs */
    RN_PARAM,  /* a weight, in the params store */
    RN_DPARAM, /* its gradient, in the params store; backward always adds to it */
    RN_STATE,  /* the program's own, zero at plan, kept between runs (KV cache, moments) */
    RN_OUTPUT, /* an ACT pinned for the host to read after a run */
};

/* --- building --- */

struct rn_prog;
struct rn_prog *rn_prog_new(struct rn_params *); /* params borrowed; must outlive the program */
void rn_prog_free(struct rn_prog *);             /* takes NULL */
const struct rn_device *rn_prog_device(const struct rn_prog *); /* borrowed */

rn_val rn_prog_input(struct rn_prog *, const char *name, enum rn_dtype, struct rn_shape);
/* host is copied. */
rn_val rn_prog_const(struct rn_prog *, const char *name, enum rn_dtype, struct rn_shape,
                     const void *host);
/* A weight of params (the same name twice is one value), and its gradient for optimizer ops. */
rn_val rn_prog_weight(struct rn_prog *, const char *name);
rn_val rn_prog_weight_grad(struct rn_prog *, const char *name);
/* Elements [first, first + n) of them, a vector, for ops of an optimizer; first is a multiple of
 * RN_PART_ALIGN. All of them: the value above, in its own shape. */
enum { RN_PART_ALIGN = 128 };
rn_val rn_prog_weight_part(struct rn_prog *, const char *name, int64_t first, int64_t n);
rn_val rn_prog_weight_grad_part(struct rn_prog *, const char *name, int64_t first, int64_t n);
rn_val rn_prog_state(struct rn_prog *, const char *name, enum rn_dtype, struct rn_shape);
/* Before plan: each state that `lender` (planned; must outlive p) has by the same name and size is
 * that one, not p's own. So programs of several shapes go on from one KV cache. */
void rn_prog_borrow_states(struct rn_prog *, const struct rn_prog *lender);

/* Before the first op. What matrix products round their operands to: RN_F32 (default) or RN_BF16.
 * Sums stay fp32, and so does every value, except those between ops that all can do with bf16
 * (opdef.h): plan keeps them so, in half of the memory. */
void rn_prog_compute_in(struct rn_prog *, enum rn_dtype);

/* Appends an op of ops.def. x: nx operands, RN_NONE where optional. Returns its first output (or
 * RN_NONE: it has none); the others follow as rn_prog_out(p, first, 1), (.., 2). Bad shapes stick
 * and are reported by plan with the op's name and shapes. */
rn_val rn_prog_op(struct rn_prog *, int kind, const char *name, const rn_val *x, int nx,
                  struct rn_attrs);
rn_val rn_prog_out(const struct rn_prog *, rn_val first, int i);
void rn_prog_pin(struct rn_prog *, rn_val); /* ACT -> OUTPUT */

/* The last n ops, of one kind, may be computed at once: none reads what another writes, but for
 * sums that go on (sumsq); of muon they are of one shape and flavour. Results keep their bits. */
void rn_prog_together(struct rn_prog *, int n);

/* Of the values that ops gave since the last such call only `kept` is kept for backward; the others
 * are made again there, of the same bits: less memory, more time. */
void rn_prog_forget(struct rn_prog *, rn_val kept);

/* Appends the backward ops of `loss` (a one-element value whose gradient is 1). */
void rn_prog_backward(struct rn_prog *, rn_val loss);
/* Sets lifetimes and offsets, allocates, fills constants. rn_prog_plan_no_reuse gives every value
 * its own memory (tests compare both). RN_ECONFIG: a shape; RN_ENOMEM: says how many bytes. */
int rn_prog_plan(struct rn_prog *, struct rn_err *);
int rn_prog_plan_no_reuse(struct rn_prog *, struct rn_err *);

/* --- running --- */

int rn_prog_run(struct rn_prog *, struct rn_err *);
/* A run in steps: ops [first, end) of it, one step behind the other from 0 to rn_prog_length. */
int rn_prog_run_ops(struct rn_prog *, int first, int end, struct rn_err *);
int rn_prog_length(const struct rn_prog *);
/* How many ops of a run it takes until none touches weight i any more (RN_PARAM), or its gradient
 * (RN_DPARAM); 0: none does. */
int rn_prog_done_with(const struct rn_prog *, enum rn_role, size_t i);
rn_val rn_prog_find(const struct rn_prog *, const char *name); /* by name; RN_NONE */
struct rn_shape rn_prog_shape(const struct rn_prog *, rn_val);
/* Whole values to and from the host, as fp32, int32 or codes, a byte each. What is got must be
 * pinned (or input, constant, state): the memory of others has been reused. */
int rn_prog_put(struct rn_prog *, rn_val, const void *host, struct rn_err *);
int rn_prog_get(struct rn_prog *, rn_val, void *host, struct rn_err *);
/* As rn_prog_get of what the value is now, but host holds it after the next rn_device_sync or
 * rn_prog_get only: the device is not waited for. */
int rn_prog_get_later(struct rn_prog *, rn_val, void *host, struct rn_err *);

/* Walk over RN_STATE values (checkpoints of optimizer moments): i from 0 until RN_NONE. */
rn_val rn_prog_state_at(const struct rn_prog *, size_t i);
const char *rn_prog_name(const struct rn_prog *, rn_val);

double rn_prog_flops(const struct rn_prog *);         /* of one run, from the ops' tables */
size_t rn_prog_bytes(const struct rn_prog *);         /* planned memory without weights */
void rn_prog_explain(const struct rn_prog *, FILE *); /* op, name, shapes, bytes, flops, offset */

#endif
