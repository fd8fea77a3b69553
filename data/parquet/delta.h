/* delta.h - parquet's DELTA_BINARY_PACKED: integers as packed differences.
 *
 *     struct rn_delta d = {.p = bytes, .end = bytes + n};
 *     const char *bad = rn_delta_take(&d, out, count);        NULL, or why they are not `count`
 *     use(d.p);                                               what follows the stream
 *
 * Differences wrap around in 64 bits, as those of 32-bit columns do in 32: narrow the result. */
#ifndef RN_DELTA_H
#define RN_DELTA_H

#include <stddef.h>
#include <stdint.h>

struct rn_delta {
    const unsigned char *p, *end;
};
const char *rn_delta_take(struct rn_delta *, int64_t *out, size_t count);

#endif
