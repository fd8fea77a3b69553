/* codec.h - one block of compressed bytes into a buffer of known size.
 *
 *     const struct rn_codec *c = rn_codec_parquet(number);
 *     if (!c || !c->expand) ...                                 a codec that we do not read
 *     const char *bad = c->expand(src, n_src, dst, n_dst);      NULL: dst is filled exactly
 *
 * Never writes beyond n_dst. Tables are constant: any thread. */
#ifndef RN_CODEC_H
#define RN_CODEC_H

#include <stddef.h>

struct rn_codec {
    const char *name;
    /* Whether n_src bytes may become n_dst at all, before anybody allocates n_dst. */
    size_t ratio_max;
    const char *(*expand)(const void *src, size_t n_src, void *dst, size_t n_dst);
};
/* By the number in parquet's CompressionCodec; NULL if there is no such number. */
const struct rn_codec *rn_codec_parquet(int number);

#endif
