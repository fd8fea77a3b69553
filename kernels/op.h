/* op.h - an op as its table, the program and the backends name it. What each one means: ops.def. */
#ifndef RN_OP_H
#define RN_OP_H

#include <stdint.h>

enum { RN_MAX_IN = 8, RN_MAX_OUT = 4 }; /* operands, outputs */

struct rn_attrs { /* constants of one op; which ones: ops.def */
    float f[4];
    int64_t i[6];
};

/* Ops, in ops.def order: RN_OP_LINEAR, RN_OP_ADAMW, ... */
enum rn_op_kind {
#define OP(id, name) RN_OP_##id,
#include "ops.def"
#undef OP
    RN_OP_COUNT
};

#endif
