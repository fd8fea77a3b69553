#include "bpe_parts.h"

#include <string.h>

/* Index of the first of the two neighbours whose join has the lowest rank below `limit`; -1: none
 * have. */
static int best_join(const struct rn_vocab *v, const int32_t *part, int n, int32_t limit,
                     int32_t *joined)
{
    int best = -1;
    *joined = limit;
    for (int i = 0; i + 1 < n; i++) {
        int32_t join = rn_vocab_join(v, part[i], part[i + 1]);
        if (join < *joined) {
            *joined = join;
            best = i;
        }
    }
    return best;
}

bool rn_vocab_parts(const struct rn_vocab *v, int32_t rank, int32_t *left, int32_t *right)
{
    int32_t part[RN_PARTS_MAX_BYTES], joined;
    size_t n_bytes;
    const unsigned char *p = rn_vocab_bytes(v, (size_t)rank, &n_bytes);
    if (n_bytes < 2 || n_bytes > RN_PARTS_MAX_BYTES)
        return false;
    int n = (int)n_bytes;
    for (int i = 0; i < n; i++)
        part[i] = v->byte_rank[p[i]];
    for (int at; n > 2 && (at = best_join(v, part, n, rank, &joined)) >= 0; n--) {
        part[at] = joined;
        memmove(part + at + 1, part + at + 2, (size_t)(n - at - 2) * sizeof *part);
    }
    *left = part[0];
    *right = part[1];
    return n == 2;
}
