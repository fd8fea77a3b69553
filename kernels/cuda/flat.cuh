/* flat.cuh - ops that work element by element: what their files share.
 *
 *     struct relu2 {
 *         static __device__ float of(float x, float kept, float k) { ... }
 *     };
 *     static void fwd(struct rn_cuda *c, const struct rn_args *a)
 *     {
 *         rn_flat_fwd<relu2>(c, a);
 *     }
 *
 * k is the op's f0. Forward: y = of(x, 0, k). Backward: dx = or += of(dy, kept, k), where kept is x
 * if the op keeps it, else y, else 0. */
#ifndef RN_FLAT_CUH
#define RN_FLAT_CUH

#include "vec.cuh"

struct rn_flat {
    struct rn_tensor to, from, kept;
    int64_t n;
    float k;
    bool add;
};

template <class F> static __global__ void rn_flat_kernel(struct rn_flat t)
{
    int64_t at = rn_vec_at();
    if (at >= t.n)
        return;
    float x[RN_VEC], kept[RN_VEC] = {0};
    rn_load(x, t.from, at, t.n);
    if (t.kept.p)
        rn_load(kept, t.kept, at, t.n);
    for (int i = 0; i < RN_VEC; i++)
        x[i] = F::of(x[i], kept[i], t.k);
    rn_give(t.to, at, t.n, x, t.add);
}

template <class F> static void rn_flat_fwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t n = rn_elems(a->xs[0]);
    struct rn_flat t = {rn_y_of(a, 0), rn_x_of(a, 0), {}, n, a->attrs.f[0], false};
    RN_LAUNCH(rn_flat_kernel<F>, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

template <class F> static void rn_flat_bwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t n = rn_elems(a->xs[0]);
    struct rn_tensor kept = a->x[0] ? rn_x_of(a, 0) : rn_y_of(a, 0);
    struct rn_flat t = {rn_dx_of(a, 0), rn_dy_of(a, 0), kept, n, a->attrs.f[0], (a->acc & 1) != 0};
    RN_LAUNCH(rn_flat_kernel<F>, rn_vec_blocks(n), RN_BLOCK_THREADS, 0, rn_cuda_stream(c), t);
}

#endif
