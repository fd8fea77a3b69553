/* Whatever bytes claim to be tokens, of ours or of another program, every id is read or refused
 * with a reason; what was read is written and read again as it was.
 *
 * The first byte says how the rest is served: as one file, as Megatron's pair (two bytes: where the
 * index ends), or as a shard of ours whose checksums are made right, so that what is behind them is
 * met as well. */
#include "scratch.h"
#include "token_write.h"
#include "tokens_layout.h"

#include <zlib.h>

static char paths[3][96]; /* the file, the index beside it, a copy in another format */

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    RN_ASSERT(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void put_pair(const uint8_t *bytes, size_t n)
{
    size_t index = n >= 2 ? (size_t)(bytes[0] | bytes[1] << 8) : 0, rest = n >= 2 ? n - 2 : 0;
    index = index < rest ? index : rest;
    if (n >= 2) {
        put(paths[1], bytes + 2, index);
        put(paths[0], bytes + 2 + index, rest - index);
    }
}

static void put_sealed(const uint8_t *bytes, size_t n)
{
    struct rn_tokens_header h;
    uint8_t *copy = rn_xalloc(n + 1);
    memcpy(copy, bytes, n);
    if (n >= sizeof h) {
        memcpy(&h, bytes, sizeof h);
        int64_t tables = TOKENS_HEADER_BYTES + rn_tokens_padded((int64_t)h.n_tokens * h.width);
        if (tables >= TOKENS_HEADER_BYTES && tables <= (int64_t)n)
            h.tables_crc = (uint32_t)crc32_z(0, copy + tables, n - (size_t)tables);
        h.header_crc =
            (uint32_t)crc32_z(0, (void *)&h, offsetof(struct rn_tokens_header, header_crc));
        memcpy(copy, &h, sizeof h);
    }
    put(paths[0], copy, n);
    free(copy);
}

static int expect_reason(int rc, const struct rn_err *err)
{
    RN_ASSERT(rc == RN_OK || (rc == RN_ECORRUPT && err->msg[0]) || rc == RN_EIO);
    return rc;
}

/* All ids through documents; false if one was refused. */
static bool read_all(struct rn_tokens *t, uint64_t *sum)
{
    struct rn_err err = {0};
    int64_t at = 0;
    *sum = 0;
    for (int64_t d = 0; d < rn_tokens_docs(t); d++) {
        struct rn_tokens_doc doc = rn_tokens_doc(t, d);
        RN_ASSERT(doc.start == at && doc.n >= 0);
        int32_t *ids = rn_xrealloc(NULL, (size_t)doc.n + 1, sizeof *ids);
        int rc = expect_reason(rn_tokens_get(t, doc.start, doc.n, ids, &err), &err);
        for (int64_t i = 0; rc == RN_OK && i < doc.n; i++)
            *sum = *sum * 31 + (uint64_t)ids[i];
        free(ids);
        if (rc != RN_OK)
            return false;
        at += doc.n;
    }
    RN_ASSERT(at == rn_tokens_count(t));
    return true;
}

static void expect_round_trip(struct rn_tokens *t, uint64_t want)
{
    struct rn_err err = {0};
    struct rn_tokens *back;
    uint64_t sum;
    RN_ASSERT(rn_tokens_write(t, paths[2], &err) == RN_OK);
    RN_ASSERT(rn_tokens_open_any(&back, paths[2], -1, &err) == RN_OK);
    RN_ASSERT(read_all(back, &sum) && sum == want);
    rn_tokens_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const serve[])(const uint8_t *, size_t) = {put_pair, put_sealed};
    struct rn_err err = {0};
    struct rn_tokens *t;
    uint64_t sum;
    if (n == 0)
        return 0;
    put(paths[1], bytes, 0);
    if (bytes[0] == 'p' || bytes[0] == 's')
        serve[bytes[0] == 's'](bytes + 1, n - 1);
    else
        put(paths[0], bytes + 1, n - 1);
    if (expect_reason(rn_tokens_open_any(&t, paths[0], 7, &err), &err) == RN_OK) {
        if (read_all(t, &sum))
            expect_round_trip(t, sum);
        rn_tokens_free(t);
    }
    return 0;
}

static void remove_all(void)
{
    for (int i = 0; i < 3; i++)
        unlink(paths[i]);
    scratch_remove();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const names[] = {"input.bin", "input.idx", "copy.npy"};
    (void)argc, (void)argv;
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s", scratch_folder(), names[i]);
    return atexit(remove_all);
}
