/* build.h - what the builder of an architecture calls: rows of its weight table, ops of its forward
 * pass.
 *
 *     rn_weights_add(w, "matrix", RN_SHAPE(C, C), "h.%d.proj.weight", layer)->init = RN_INIT_ZERO;
 *     rn_val w = rn_build_weight(b, "h.%d.proj.weight", layer);
 *     x = rn_build_linear(b, x, w, RN_NONE, false, "h.%d.proj", layer);
 *
 * Errors stick to the program until it is planned. Inside of the room `model`. */
#ifndef RN_BUILD_H
#define RN_BUILD_H

#include "fp8.h"
#include "model_config.h"
#include "prog.h"

/* --- weight tables --- */

struct rn_weights {
    struct rn_weight *items;
    size_t n, cap;
};
/* Appends a row and returns it for init; name is a printf format. */
struct rn_weight *rn_weights_add(struct rn_weights *, const char *group, struct rn_shape,
                                 const char *name, ...) RN_PRINTF(4, 5);

/* --- forward passes --- */

struct rn_build_fp8 {         /* of a training program whose linear layers are of codes (fp8.h) */
    const struct rn_fp8 *how; /* NULL: none are */
    rn_val amax;              /* rows of a layer: its x, its w, the gradient of its y */
    int64_t layers;           /* so far */
    rn_val x, codes;          /* what was quantized last: several layers may read it */
    int64_t x_row;
};
struct rn_build { /* one program under construction */
    struct rn_prog *p;
    const struct rn_model_cfg *cfg;
    bool trains;        /* backward and a step will follow */
    bool recompute;     /* what a block made is not kept for backward */
    bool deterministic; /* backward adds in a fixed order, wherever it is computed */
    int64_t B, T, Tmax; /* Tmax: positions of a row; T unless slots */
    int64_t slots;      /* rows of a cache that holds earlier positions; 0: rows are whole */
    struct rn_build_fp8 fp8;
    bool exact;      /* fp32, whatever the model computes in */
    rn_val ids, pos; /* int32 (B,T) */
    rn_val span;     /* int32 (B,2), with slots: see ops.def, attention_decode */
    rn_val rope;     /* (Tmax, head_dim) constant, for those who rotate */
};
/* Appends an op; `in` is RN_IN(..) or any list; the value's name is a printf format. */
rn_val rn_build_op(struct rn_build *, int kind, struct rn_attrs, const rn_val *in, int n_in,
                   const char *name, ...) RN_PRINTF(6, 7);
#define RN_IN(...)                                                                                 \
    (const rn_val[]){__VA_ARGS__}, (int)(sizeof((rn_val[]){__VA_ARGS__}) / sizeof(rn_val))
#define RN_ATTRS(...) ((struct rn_attrs){__VA_ARGS__})
#define RN_NO_ATTRS   ((struct rn_attrs){{0}, {0}})
rn_val rn_build_weight(struct rn_build *, const char *name, ...) RN_PRINTF(2, 3);
/* x (..) seen as another shape of as many elements. */
rn_val rn_build_view(struct rn_build *, rn_val x, struct rn_shape, const char *name);
/* x w^T + bias of a block: w is (N,K), or with kn (K,N); bias may be RN_NONE. */
rn_val rn_build_linear(struct rn_build *, rn_val x, rn_val w, rn_val bias, bool kn,
                       const char *name, ...) RN_PRINTF(6, 7);
/* a + b */
rn_val rn_build_add(struct rn_build *, rn_val a, rn_val b, const char *name);
/* Causal attention, over the row or over the cache too: q (B,T,H,D), k and v (B,T,K,D). A window
 * below 0 sees everything before; otherwise window + 1 keys. */
rn_val rn_build_attention(struct rn_build *, int64_t layer, rn_val q, rn_val k, rn_val v,
                          double scale, int64_t window);

/* Ends a block, or the stem: x is all that is kept of it where blocks are made again. Returns x. */
rn_val rn_build_block_end(struct rn_build *, rn_val x);

#endif
