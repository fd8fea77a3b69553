#include "codec.h"

#include "library.h"
#include "mem.h"

#include <lz4.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static const char wrong_size[] = "expands to another size than its page says";

static const char *expand_none(const void *src, size_t n_src, void *dst, size_t n_dst)
{
    if (n_src != n_dst)
        return "has another size than its page says";
    memcpy(dst, src, n_dst);
    return NULL;
}

#define SNAPPY(F)                                                                                  \
    F(snappy_uncompressed_length)                                                                  \
    F(snappy_uncompress)

static struct {
    SNAPPY(RN_LIBRARY_POINTER)
} api;
static struct rn_library snappy = RN_LIBRARY(SNAPPY, api, RN_SONAME, "libsnappy1v5");

static const char *expand_snappy(const void *src, size_t n_src, void *dst, size_t n_dst)
{
    size_t n = 0;
    if (api.snappy_uncompressed_length(src, n_src, &n) != SNAPPY_OK)
        return "is not valid snappy";
    if (n != n_dst)
        return wrong_size;
    return api.snappy_uncompress(src, n_src, dst, &n) == SNAPPY_OK ? NULL : "is not valid snappy";
}

static const char *expand_zstd(const void *src, size_t n_src, void *dst, size_t n_dst)
{
    size_t n = ZSTD_decompress(dst, n_dst, src, n_src);
    if (ZSTD_isError(n))
        return "is not valid zstd";
    return n == n_dst ? NULL : wrong_size;
}

static const char *expand_lz4(const void *src, size_t n_src, void *dst, size_t n_dst)
{
    if (n_src > LZ4_MAX_INPUT_SIZE || n_dst > LZ4_MAX_INPUT_SIZE)
        return "is too large for lz4";
    int n = LZ4_decompress_safe(src, dst, (int)n_src, (int)n_dst);
    if (n < 0)
        return "is not valid lz4";
    return (size_t)n == n_dst ? NULL : wrong_size;
}

/* All members of a gzip stream, one after another (RFC 1952 allows several). */
static const char *inflate_members(z_stream *z)
{
    while (z->avail_in > 0) {
        int rc = inflate(z, Z_FINISH);
        if (rc != Z_STREAM_END)
            return "is not valid gzip of the size its page says";
        if (z->avail_in > 0 && inflateReset(z) != Z_OK)
            return "is not valid gzip";
    }
    return z->avail_out == 0 ? NULL : wrong_size;
}

static const char *expand_gzip(const void *src, size_t n_src, void *dst, size_t n_dst)
{
    enum { WINDOW = 15, DETECT_GZIP_OR_ZLIB = 32 };
    z_stream z = {.next_in = (Bytef *)src,
                  .avail_in = (uInt)n_src,
                  .next_out = dst,
                  .avail_out = (uInt)n_dst};
    if (n_src > UINT32_MAX || n_dst > UINT32_MAX)
        return "is too large for gzip";
    if (inflateInit2(&z, WINDOW + DETECT_GZIP_OR_ZLIB) != Z_OK)
        return "finds no memory for gzip";
    const char *bad = inflate_members(&z);
    inflateEnd(&z);
    return bad;
}

static const struct rn_codec codecs[] = {
    /* name, most bytes out of one byte in (+ 1 KiB), function, library that is opened for it */
    {"none", 1, expand_none},
    {"snappy", 64, expand_snappy, &snappy},
    {"gzip", 1040, expand_gzip},
    {"lzo", 0, NULL},
    {"brotli", 0, NULL},
    {"lz4 (Hadoop)", 0, NULL},
    {"zstd", 1 << 17, expand_zstd},
    {"lz4_raw", 256, expand_lz4},
};

const struct rn_codec *rn_codec_parquet(int number)
{
    return number >= 0 && (size_t)number < RN_COUNT(codecs) ? &codecs[number] : NULL;
}

int rn_codec_need(const struct rn_codec *c, struct rn_place at, struct rn_err *err)
{
    return c->library ? rn_library_need(c->library, at, err) : RN_OK;
}
