/* opdef.h - what the program knows of an op, whatever the backend: kernels/ops/op_<name>.c.
 *
 *     const struct rn_opdef rn_op_relu2 = {
 *         .nx = 1, .ny = 1, .keep_x = 1, .shape = rn_shape_like_first,
 *     };
 *
 * All masks have bit i for operand or output i. */
#ifndef RN_OPDEF_H
#define RN_OPDEF_H

#include "op.h"
#include "shape.h"

struct rn_opdef {
    uint8_t nx, ny;         /* operands at most, outputs exactly */
    uint8_t optional;       /* operands that may be absent */
    uint8_t ints;           /* int32 operands; never differentiated */
    uint8_t codes;          /* operands that are codes (fp8.h); never differentiated */
    uint8_t fixed;          /* float operands that are never differentiated (tables, scales) */
    uint8_t looks_up;       /* operands of which single rows are read */
    uint8_t writes;         /* operands changed in place: weights, state, gradients */
    uint8_t y_ints;         /* int32 outputs */
    uint8_t y_codes;        /* outputs that are codes, of the type that i0 names */
    uint8_t y_work;         /* outputs that are room to work in: their contents mean nothing */
    uint8_t narrow_x;       /* operands that the kernels take as bf16, too, and their gradients */
    uint8_t narrow_y;       /* outputs likewise */
    uint8_t stored_x;       /* weights and states that may be kept in bf16; gradients are fp32 */
    bool forward_only;      /* no backward kernel exists */
    bool again;             /* cheaper to make again in backward than to keep */
    bool bwd_gives_y;       /* backward can do all that forward does; then it stands for both */
    bool over_x;            /* forward may write y[0] over x[0] */
    bool over_dy;           /* backward may write dx[0] over dy[0] */
    bool takes_grads;       /* its one operand is the whole gradient slab, added by the program */
    uint8_t batch;          /* of rn_prog_together: at most so many at once (op_batch.h); 0: one */
    int64_t batch_elements; /* and if more than one, of so many elements of x[0]; 0: no bound */
    uint8_t keep_x, keep_y; /* what backward reads; the rest is NULL there */
    /* Replaces keep_x where it depends on which operands are present and which gradients are
     * wanted. NULL: keep_x as it stands. */
    unsigned (*keep)(unsigned present, unsigned want);
    /* Fills ys from xs (xs[i] NULL: absent). NULL if all is well, else what is wrong. */
    const char *(*shape)(const struct rn_shape *const *xs, const struct rn_attrs *,
                         struct rn_shape *ys);
    /* want 0: forward; else the mask of gradients that a backward call gives. NULL: not counted. */
    double (*flops)(const struct rn_shape *xs, const struct rn_shape *ys, const struct rn_attrs *,
                    unsigned want);
};

extern const struct rn_opdef *const rn_opdefs[RN_OP_COUNT];
extern const char *const rn_op_names[RN_OP_COUNT]; /* "rmsnorm" */

/* Of x(R,K) times w: a product forward, one for each of dx and dw backward. */
double rn_linear_flops(const struct rn_shape *xs, const struct rn_shape *ys,
                       const struct rn_attrs *, unsigned want);
/* ys[0] = xs[0]: the shape rule of everything that works element by element. */
const char *rn_shape_like_first(const struct rn_shape *const *xs, const struct rn_attrs *,
                                struct rn_shape *ys);

#endif
