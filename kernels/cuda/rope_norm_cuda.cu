/* A group of lanes for each head, each lane with a vector of either half. */
#include "group.cuh"

struct rope {
    struct rn_tensor x, y, dx, dy, cossin;
    const int32_t *pos;
    float *rstd;
    int64_t R, H, D, Tmax; /* R = B*T rows of H heads */
    float eps;
    bool add;
};

static struct rope rope_of(const struct rn_args *a)
{
    const struct rn_shape *x = &a->xs[0];
    return {rn_x_of(a, 0),    rn_y_of(a, 0),     rn_dx_of(a, 0),
            rn_dy_of(a, 0),   rn_x_of(a, 1),     (const int32_t *)a->x[2],
            (float *)a->y[1], x->d[0] * x->d[1], x->d[2],
            x->d[3],          a->xs[1].d[0],     a->attrs.f[0],
            (a->acc & 1) != 0};
}

/* Where row r's angles begin: cosines, then sines. */
static __device__ int64_t angles(const struct rope &t, int64_t r)
{
    RN_KERNEL_ASSERT(t.pos[r] >= 0 && t.pos[r] < t.Tmax);
    return t.pos[r] * t.D;
}

struct halves { /* a vector of the first half of a head, and that of the second */
    float lo[RN_VEC], hi[RN_VEC];
};

static __device__ struct halves load_halves(const struct rn_tensor &t, int64_t at, int64_t d,
                                            int64_t D)
{
    struct halves x;
    rn_load(x.lo, t, at + d, at + D / 2);
    rn_load(x.hi, t, at + D / 2 + d, at + D);
    return x;
}

/* (x1 c + x2 s, x2 c - x1 s), with angles that begin at `at`; turned by -theta, or back. */
static __device__ void turn(struct halves &x, const struct rope &t, int64_t at, int64_t d,
                            bool back)
{
    struct halves a = load_halves(t.cossin, at, d, t.D);
    for (int i = 0; i < RN_VEC; i++) {
        float s = back ? -a.hi[i] : a.hi[i], x1 = x.lo[i], x2 = x.hi[i];
        x.lo[i] = x1 * a.lo[i] + x2 * s;
        x.hi[i] = x2 * a.lo[i] - x1 * s;
    }
}

/* The norm is taken after turning: rounded angles change the length. */
static __global__ void rope_norm_fwd(struct rope t, int lanes)
{
    struct rn_group g = rn_group_of(lanes);
    bool mine = g.number < t.R * t.H;
    int64_t head = g.number * t.D, at = mine ? angles(t, g.number / t.H) : 0;
    float squares = 0;
    for (int64_t d = g.lane * RN_VEC; mine && d < t.D / 2; d += lanes * RN_VEC) {
        struct halves x = load_halves(t.x, head, d, t.D);
        turn(x, t, at, d, false);
        for (int i = 0; i < RN_VEC; i++)
            squares += x.lo[i] * x.lo[i] + x.hi[i] * x.hi[i];
    }
    float s = 1.0f / sqrtf(rn_group_sum(squares, lanes) / (float)t.D + t.eps);
    if (mine && g.lane == 0)
        t.rstd[g.number] = s;
    for (int64_t d = g.lane * RN_VEC; mine && d < t.D / 2; d += lanes * RN_VEC) {
        struct halves x = load_halves(t.x, head, d, t.D);
        turn(x, t, at, d, false);
        for (int i = 0; i < RN_VEC; i++) {
            x.lo[i] *= s;
            x.hi[i] *= s;
        }
        rn_store(t.y, head + d, head + t.D / 2, x.lo);
        rn_store(t.y, head + t.D / 2 + d, head + t.D, x.hi);
    }
}

/* u = rstd (dy - y mean(dy y)) is the gradient before the norm; dx is u turned back. */
static __global__ void rope_norm_bwd(struct rope t, int lanes)
{
    struct rn_group g = rn_group_of(lanes);
    bool mine = g.number < t.R * t.H;
    int64_t head = g.number * t.D, at = mine ? angles(t, g.number / t.H) : 0;
    float sum = 0, s = mine ? t.rstd[g.number] : 0;
    for (int64_t d = g.lane * RN_VEC; mine && d < t.D / 2; d += lanes * RN_VEC) {
        struct halves dy = load_halves(t.dy, head, d, t.D), y = load_halves(t.y, head, d, t.D);
        for (int i = 0; i < RN_VEC; i++)
            sum += dy.lo[i] * y.lo[i] + dy.hi[i] * y.hi[i];
    }
    float mean = rn_group_sum(sum, lanes) / (float)t.D;
    for (int64_t d = g.lane * RN_VEC; mine && d < t.D / 2; d += lanes * RN_VEC) {
        struct halves dy = load_halves(t.dy, head, d, t.D), y = load_halves(t.y, head, d, t.D);
        for (int i = 0; i < RN_VEC; i++) {
            dy.lo[i] = s * (dy.lo[i] - y.lo[i] * mean);
            dy.hi[i] = s * (dy.hi[i] - y.hi[i] * mean);
        }
        turn(dy, t, at, d, true);
        rn_give(t.dx, head + d, head + t.D / 2, dy.lo, t.add);
        rn_give(t.dx, head + t.D / 2 + d, head + t.D, dy.hi, t.add);
    }
}

static void fwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct rope t = rope_of(a);
    int lanes = rn_group_lanes(t.D / 2);
    RN_LAUNCH(rope_norm_fwd, rn_group_blocks(t.R * t.H, lanes), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t, lanes);
}

static void bwd(struct rn_cuda *c, const struct rn_args *a)
{
    struct rope t = rope_of(a);
    int lanes = rn_group_lanes(t.D / 2);
    RN_LAUNCH(rope_norm_bwd, rn_group_blocks(t.R * t.H, lanes), RN_BLOCK_THREADS, 0,
              rn_cuda_stream(c), t, lanes);
}

const struct rn_cuda_kernel rn_cuda_rope_norm = {fwd, bwd, NULL};
