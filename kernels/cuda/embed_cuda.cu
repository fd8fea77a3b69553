#include "clear.cuh"
#include "lookup.cuh"
#include "scatter.cuh"

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    rn_look_up(c, {rn_y_of(a, 0), rn_x_of(a, 1), (const int32_t *)a->x[0], rn_elems(a->xs[0]),
                   a->xs[1].d[0], a->xs[1].d[1]});
}

struct embed_term {
    struct rn_tensor dy;
    int64_t C;
    __device__ void operator()(float x[RN_VEC], int64_t r, int64_t c) const
    {
        rn_load(x, dy, r * C + c, (r + 1) * C);
    }
};

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    int64_t V = a->xs[1].d[0], C = a->xs[1].d[1];
    if (!(a->acc & 2))
        rn_clear(c, rn_dx_of(a, 1), V * C);
    rn_scatter(c, (float *)a->dx[1], (const int32_t *)a->x[0], rn_elems(a->xs[0]), V, C, a->scratch,
               embed_term{rn_dy_of(a, 0), C});
}

static size_t scratch_bytes(struct rn_cuda *, const struct rn_args *a)
{
    return a->bwd ? rn_scatter_bytes(rn_elems(a->xs[0])) : 0;
}

const struct rn_cuda_kernel rn_cuda_embed = {fwd, bwd, scratch_bytes};
