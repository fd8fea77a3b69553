/* Every op of ops.def in double precision, slowly and plainly, and the shapes to try it with. */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "prog.h"

struct ref { /* operands and outputs as doubles, integers too; operands may be changed in place */
    struct rn_shape xs[RN_MAX_IN], ys[RN_MAX_OUT];
    double *x[RN_MAX_IN], *y[RN_MAX_OUT]; /* x NULL: absent */
    struct rn_attrs attrs;
};

struct op_case {
    const char *what; /* "" or what is special */
    int kind;
    struct rn_shape xs[RN_MAX_IN]; /* n 0: absent */
    struct rn_attrs attrs;
    int below;          /* int operands are drawn from [0, below) */
    int same_a, same_b; /* operand same_b is operand same_a (0, 0: none) */
    bool cancels; /* a gradient is the small difference of large numbers: nothing left in bf16 */
    /* Replaces the default, random values, where an operand needs others. May be NULL. */
    void (*fill)(int operand, double *x, int64_t n);
};

extern const struct op_case op_cases[];
extern const size_t op_case_count;
extern void (*const op_refs[RN_OP_COUNT])(const struct ref *);

#endif
