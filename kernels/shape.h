/* shape.h - how many numbers of what type lie in which order: of every value, on every device.
 *
 *     struct rn_shape s = RN_SHAPE(B, T, C);
 *     rn_rows(s) * rn_cols(s) == rn_elems(s)                  B * T, C */
#ifndef RN_SHAPE_H
#define RN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rn_dtype { RN_F32, RN_I32, RN_BF16, RN_E4M3, RN_E5M2 }; /* the last two: codes of fp8.h */
enum { RN_MAX_DIMS = 4 };

struct rn_shape { /* row-major, last dimension contiguous */
    int n;
    int64_t d[RN_MAX_DIMS];
};
#define RN_SHAPE(...)                                                                              \
    ((struct rn_shape){.n = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),             \
                       .d = {__VA_ARGS__}})
int64_t rn_elems(struct rn_shape);
int64_t rn_cols(struct rn_shape); /* last dimension */
int64_t rn_rows(struct rn_shape); /* elements / cols */
size_t rn_dtype_bytes(enum rn_dtype);
bool rn_shape_same(const struct rn_shape *, const struct rn_shape *);
bool rn_shape_is_vector(const struct rn_shape *, int64_t n); /* one dimension of n, or (1, n) .. */

#endif
