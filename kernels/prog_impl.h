/* prog_impl.h - the inside of a program, for prog*.c, params.c, op_times.c and their tests.
 *
 * A value is a shape with a role; an op names values. A view is a value whose `root` is another
 * value: memory, lifetime and gradient belong to the root alone. */
#ifndef RN_PROG_IMPL_H
#define RN_PROG_IMPL_H

#include "device_impl.h"
#include "mem.h"
#include "op_times.h"
#include "opdef.h"
#include "prog.h"

struct rn_params {
    struct rn_device *dev; /* borrowed */
    struct rn_arena arena; /* names */
    struct rn_param_spec *specs;
    size_t *offsets, *grad_offsets; /* bytes into the slabs */
    size_t n, size_bytes, grads_bytes;
    bool with_grads;
    char *weights, *grads; /* device memory; NULL: not wanted, or a sketch */
};

struct rn_value {
    const char *name;
    enum rn_role role;
    enum rn_dtype dtype;
    struct rn_shape shape;
    rn_val root;      /* itself unless a view */
    rn_val first;     /* the value that this one repeats in backward; else itself */
    rn_val grad;      /* RN_NONE: none made */
    int param;        /* RN_PARAM, RN_DPARAM: index in the store, ALL_PARAMS: the whole slab */
    int64_t part;     /* likewise: its first element there; 0 but for a part */
    int out;          /* which output of its op; -1: not an output */
    bool wants;       /* depends on a weight that has a gradient */
    const void *host; /* RN_CONST: contents until plan */
    int born, dies;   /* first and last op that touches it; set by plan */
    rn_val over;      /* takes the memory of this value, which dies where it is born; RN_NONE */
    size_t offset;    /* bytes into its slab; set by plan */
    char *data;       /* device address; set by plan */
};
enum { ALL_PARAMS = -2 };

struct rn_op { /* x, y: forward operands, in backward ops too */
    const char *name;
    int kind, ny;
    bool bwd;
    bool again;                /* forward: the outputs are not kept for backward */
    int behind;                /* as in struct rn_args */
    unsigned acc;              /* bit i: dx[i] is added to */
    unsigned reads_x, reads_y; /* backward: the kept ones, and what it gives */
    rn_val x[RN_MAX_IN], y[RN_MAX_OUT], dx[RN_MAX_IN], dy[RN_MAX_OUT];
    struct rn_attrs attrs;
};

struct rn_prog {
    struct rn_params *params;     /* borrowed */
    struct rn_device *dev;        /* borrowed */
    const struct rn_prog *lender; /* of states; NULL: none */
    struct rn_arena arena;
    struct rn_err err; /* sticks until plan */
    struct rn_value *values;
    int n_values, cap_values;
    struct rn_op *ops;
    int n_ops, cap_ops;
    rn_val *weights, *dweights; /* by parameter index; RN_NONE: not used yet */
    int n_remembered;           /* ops that the last rn_prog_forget has seen */
    enum rn_dtype compute;
    bool planned, reused;
    size_t held_bytes, act_bytes, scratch_bytes;
    char *held, *act;      /* device slabs: INPUT + CONST + STATE; ACT + GRAD + OUTPUT + scratch */
    struct rn_args *calls; /* one per op */
    void *plan;            /* the backend's */
    struct rn_op_times *times; /* borrowed; NULL: runs are not timed */
};

static inline struct rn_value *rn_value_at(const struct rn_prog *p, rn_val v)
{
    RN_ASSERT(v >= 0 && v < p->n_values);
    return &p->values[v];
}
static inline size_t rn_align_up(size_t size_bytes)
{
    return (size_bytes + RN_ALIGN - 1) / RN_ALIGN * RN_ALIGN;
}
static inline size_t rn_value_bytes(const struct rn_value *v)
{
    return (size_t)rn_elems(v->shape) * rn_dtype_bytes(v->dtype);
}
static inline bool rn_params_is_sketch(const struct rn_params *ps)
{
    return !ps->weights;
}
static inline bool rn_role_is_planned(enum rn_role role)
{
    return role == RN_ACT || role == RN_GRAD || role == RN_OUTPUT;
}

/* A value of its own memory; RN_NONE and a sticking error if the shape is no shape. */
rn_val rn_prog_new_value(struct rn_prog *, const char *name, enum rn_role, enum rn_dtype,
                         struct rn_shape);
/* Another shape of v's memory. */
rn_val rn_prog_new_view(struct rn_prog *, const char *name, rn_val v, struct rn_shape);
rn_val rn_prog_dparam(struct rn_prog *, int param);
void rn_prog_push(struct rn_prog *, const struct rn_op *);
/* Gives values between ops the dtype `compute` where all that touch them can do with it. */
void rn_prog_narrow(struct rn_prog *);
double rn_op_flops(const struct rn_prog *, const struct rn_op *);
/* p->times is not NULL. */
int rn_prog_run_timed(struct rn_prog *, int first, int end, struct rn_err *);
/* "(16,256,768)" into buf, which is returned. */
const char *rn_shape_show(char buf[64], const struct rn_shape *);
/* Which forward operands and outputs of `op` are present. */
unsigned rn_op_present(const struct rn_op *);
unsigned rn_op_wanted(const struct rn_op *); /* dx that are present */

#endif
