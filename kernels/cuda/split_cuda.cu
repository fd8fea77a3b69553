#include "vec.cuh"

struct thirds {
    struct rn_tensor whole, part[3]; /* (R,3C), (R,C) each */
    int64_t R, C;
    bool add;
};

static int64_t vectors_of(const struct thirds &t)
{
    return t.R * 3 * rn_div_up(t.C, RN_VEC);
}

/* Without an index into arguments, which would need memory. */
static __device__ struct rn_tensor third(const struct thirds &t, int i)
{
    return i == 0 ? t.part[0] : i == 1 ? t.part[1] : t.part[2];
}

struct place { /* of a thread's vector: its third, and where rows of it begin, are read and end */
    int i;
    int64_t whole, part, c;
};

static __device__ bool place_of(struct place *w, const struct thirds &t)
{
    int64_t at = (int64_t)blockIdx.x * RN_BLOCK_THREADS + threadIdx.x;
    int64_t of_row = (t.C + RN_VEC - 1) / RN_VEC, row = at / of_row;
    w->i = (int)(row % 3);
    w->whole = row * t.C;
    w->part = row / 3 * t.C;
    w->c = at % of_row * RN_VEC;
    return row < 3 * t.R;
}

static __global__ void split_fwd(struct thirds t)
{
    struct place w;
    float x[RN_VEC];
    if (!place_of(&w, t))
        return;
    rn_load(x, t.whole, w.whole + w.c, w.whole + t.C);
    rn_store(third(t, w.i), w.part + w.c, w.part + t.C, x);
}

/* A third without memory was not used: its gradient is zero. */
static __global__ void split_bwd(struct thirds t)
{
    struct place w;
    float x[RN_VEC] = {0};
    if (!place_of(&w, t))
        return;
    if (third(t, w.i).p)
        rn_load(x, third(t, w.i), w.part + w.c, w.part + t.C);
    rn_give(t.whole, w.whole + w.c, w.whole + t.C, x, t.add);
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct thirds t = {rn_x_of(a, 0),
                       {rn_y_of(a, 0), rn_y_of(a, 1), rn_y_of(a, 2)},
                       rn_rows(a->ys[0]),
                       rn_cols(a->ys[0]),
                       false};
    RN_LAUNCH(split_fwd, rn_blocks(vectors_of(t), RN_BLOCK_THREADS), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct thirds t = {rn_dx_of(a, 0),
                       {rn_dy_of(a, 0), rn_dy_of(a, 1), rn_dy_of(a, 2)},
                       rn_rows(a->ys[0]),
                       rn_cols(a->ys[0]),
                       (a->acc & 1) != 0};
    RN_LAUNCH(split_bwd, rn_blocks(vectors_of(t), RN_BLOCK_THREADS), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t);
}

const struct rn_cuda_kernel rn_cuda_split = {fwd, bwd, NULL};
