/* codec.h - one block of compressed bytes into a buffer of known size.
 *
 *     const struct rn_codec *c = rn_codec_parquet(number);
 *     if (!c || !c->expand) ...                                 a codec that we do not read
 *     RN_TRY(rn_codec_need(c, RN_PATH(path), err));
 *     const char *bad = c->expand(src, n_src, dst, n_dst);      NULL: dst is filled exactly
 *
 * Never writes beyond n_dst. Any thread. */
#ifndef RN_CODEC_H
#define RN_CODEC_H

#include "err.h"

#include <stddef.h>

struct rn_codec {
    const char *name;
    /* Whether n_src bytes may become n_dst at all, before anybody allocates n_dst. */
    size_t ratio_max;
    const char *(*expand)(const void *src, size_t n_src, void *dst, size_t n_dst);
    struct rn_library *library; /* NULL: none but what the program is linked with */
};
/* By the number in parquet's CompressionCodec; NULL if there is no such number. */
const struct rn_codec *rn_codec_parquet(int number);
/* Before the first expand. RN_EIO as rn_library_need says. */
int rn_codec_need(const struct rn_codec *, struct rn_place at, struct rn_err *);

#endif
