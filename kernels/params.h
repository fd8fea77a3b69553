/* params.h - the weights of a model: named tensors on a device, shared by its programs.
 *
 *     struct rn_params *params;
 *     RN_TRY(rn_params_new(&params, device, specs, n, true, err));    all zero
 *     int i = rn_params_find(params, "lm_head.weight");
 *     RN_TRY(rn_params_put(params, (size_t)i, host, err));
 *     rn_params_free(params);
 *
 * One thread at a time. Errors, where nothing else is said, are those of the device. */
#ifndef RN_PARAMS_H
#define RN_PARAMS_H

#include "device.h"
#include "shape.h"

struct rn_params; /* named tensors on a device, with a slab of fp32 gradients if wanted */
struct rn_param_spec {
    const char *name; /* "transformer.h.3.mlp.c_fc.weight", as PyTorch exports it */
    struct rn_shape shape;
    enum rn_dtype dtype; /* RN_F32; RN_BF16 where all ops that use it say they take it so */
};
int rn_params_new(struct rn_params **, struct rn_device *, const struct rn_param_spec *, size_t n,
                  bool with_grads, struct rn_err *);
/* Without memory: programs of a sketch are planned as others are, but take no memory, what is put
 * into them is dropped, and they cannot be run; rn_prog_bytes says what they would take. */
struct rn_params *rn_params_sketch(struct rn_device *, const struct rn_param_spec *, size_t n,
                                   bool with_grads);
void rn_params_free(struct rn_params *);
size_t rn_params_count(const struct rn_params *);
const struct rn_param_spec *rn_params_spec(const struct rn_params *, size_t i);
int rn_params_find(const struct rn_params *, const char *name); /* index or -1 */
/* Copies between host and device; host holds rn_elems(shape) floats, whatever the dtype. */
int rn_params_put(struct rn_params *, size_t i, const float *host, struct rn_err *);
/* Elements [first, first + n) of it alone. */
int rn_params_put_part(struct rn_params *, size_t i, int64_t first, int64_t n, const float *host,
                       struct rn_err *);
int rn_params_get(const struct rn_params *, size_t i, float *host, struct rn_err *);
int rn_params_get_grad(const struct rn_params *, size_t i, float *host, struct rn_err *);
int rn_params_zero_grads(struct rn_params *, struct rn_err *);

#endif
