/* model_impl.h - the inside of a model: model.c makes it, model_files.c keeps it on disk,
 * model_progs.c builds its programs. Nobody else includes this. */
#ifndef RN_MODEL_IMPL_H
#define RN_MODEL_IMPL_H

#include "model.h"

struct rn_model {
    struct rn_model_cfg cfg;
    struct rn_weight *weights; /* the table, in the order of params */
    size_t n;
    struct rn_params *params;
    enum rn_dtype compute;
    struct rn_fp8 fp8;
    bool recompute, deterministic;
};

#endif
