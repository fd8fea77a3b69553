#include "shape.h"

#include "fp8.h"

size_t rn_dtype_bytes(enum rn_dtype t)
{
    return rn_dtype_is_code(t) ? 1 : t == RN_BF16 ? 2 : 4;
}

int64_t rn_elems(struct rn_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.n; i++)
        n *= s.d[i];
    return n;
}

int64_t rn_cols(struct rn_shape s)
{
    return s.n ? s.d[s.n - 1] : 1;
}

int64_t rn_rows(struct rn_shape s)
{
    int64_t cols = rn_cols(s);
    return cols ? rn_elems(s) / cols : 0;
}

bool rn_shape_same(const struct rn_shape *a, const struct rn_shape *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->d[i] != b->d[i])
            return false;
    return true;
}

bool rn_shape_is_vector(const struct rn_shape *s, int64_t n)
{
    return rn_elems(*s) == n && rn_cols(*s) == n;
}
