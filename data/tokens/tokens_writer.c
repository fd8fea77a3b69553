#include "file.h"
#include "mem.h"
#include "str.h"
#include "tokens.h"
#include "tokens_layout.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct rn_tokens_writer {
    char *dir;
    struct rn_tokens_header
        header; /* what all shards have in common; magic to vocab_size, digest */
    int64_t shard_tokens, total;
    int shard;
    unsigned char *bytes; /* tokens of the shard being filled */
    size_t n_tokens, cap_tokens;
    uint64_t *ends;
    size_t n_docs, cap_docs;
};

int rn_tokens_writer_new(struct rn_tokens_writer **out, const char *dir, const char *split,
                         const struct rn_tokens_spec *spec, struct rn_err *err)
{
    RN_ASSERT(strlen(split) < TOKENS_SPLIT_BYTES);
    RN_ASSERT(strlen(spec->tokenizer_digest) == TOKENS_DIGEST_BYTES);
    RN_ASSERT(spec->shard_tokens >= 1 && spec->shard_tokens <= RN_TOKENS_SHARD_MAX);
    RN_ASSERT(spec->width == 2 || spec->width == 4);
    *out = NULL;
    if (spec->width == 2 && spec->vocab_size > 1 << 16)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'dtype: uint16' cannot hold a vocabulary of %d tokens", spec->vocab_size);
    struct rn_tokens_writer *w = rn_new(struct rn_tokens_writer);
    w->dir = rn_xdup(dir);
    w->shard_tokens = spec->shard_tokens;
    w->header.magic = spec->width == 2 ? TOKENS_MAGIC_2 : TOKENS_MAGIC_4;
    w->header.version = spec->width == 2 ? TOKENS_VERSION_2 : TOKENS_VERSION_4;
    w->header.width = spec->width;
    w->header.vocab_size = spec->vocab_size;
    memcpy(w->header.own, TOKENS_MAGIC_OWN, sizeof w->header.own);
    memcpy(w->header.split, split, strlen(split));
    memcpy(w->header.digest, spec->tokenizer_digest, TOKENS_DIGEST_BYTES);
    *out = w;
    return RN_OK;
}

void rn_tokens_writer_free(struct rn_tokens_writer *w)
{
    if (!w)
        return;
    free(w->dir);
    free(w->bytes);
    free(w->ends);
    free(w);
}

int64_t rn_tokens_writer_count(const struct rn_tokens_writer *w)
{
    return w->total;
}

/* The end table, then the CRC of each block of tokens. *n receives the size; caller frees. */
static unsigned char *make_tables(const struct rn_tokens_writer *w, size_t *n)
{
    size_t token_bytes = w->n_tokens * (size_t)w->header.width;
    size_t n_blocks = (size_t)rn_tokens_blocks((int64_t)token_bytes);
    *n = w->n_docs * sizeof(uint64_t) + n_blocks * sizeof(uint32_t);
    unsigned char *tables = rn_xrealloc(NULL, *n + 1, 1);
    if (w->n_docs)
        memcpy(tables, w->ends, w->n_docs * sizeof(uint64_t));
    for (size_t b = 0; b < n_blocks; b++) {
        size_t at = b * TOKENS_BLOCK_BYTES, left = token_bytes - at;
        uint32_t crc = (uint32_t)crc32_z(0, w->bytes + at,
                                         left < TOKENS_BLOCK_BYTES ? left : TOKENS_BLOCK_BYTES);
        memcpy(tables + w->n_docs * sizeof(uint64_t) + b * sizeof crc, &crc, sizeof crc);
    }
    return tables;
}

static int write_shard(struct rn_tokens_writer *w, bool last, struct rn_err *err)
{
    static const char zeros[8];
    struct rn_tokens_header h = w->header;
    struct rn_writer out;
    size_t n_tables, token_bytes = w->n_tokens * (size_t)h.width;
    unsigned char *tables = make_tables(w, &n_tables);
    h.n_tokens = (int32_t)w->n_tokens;
    h.n_docs = (int32_t)w->n_docs;
    h.shard = w->shard;
    h.last = last;
    h.tables_crc = (uint32_t)crc32_z(0, tables, n_tables);
    h.header_crc = (uint32_t)crc32_z(0, (void *)&h, offsetof(struct rn_tokens_header, header_crc));
    char *path = rn_xprintf("%s/%s_%05d.bin", w->dir, h.split, w->shard);
    int rc = rn_writer_open(&out, path, err);
    if (rc == RN_OK) {
        rn_writer_add(&out, &h, sizeof h);
        rn_writer_add(&out, w->bytes, token_bytes);
        rn_writer_add(&out, zeros, (size_t)rn_tokens_padded((int64_t)token_bytes) - token_bytes);
        rn_writer_add(&out, tables, n_tables);
        rc = rn_writer_commit(&out, NULL, err);
    }
    free(path);
    free(tables);
    w->shard++;
    w->n_tokens = w->n_docs = 0;
    return rc;
}

static int make_room(struct rn_tokens_writer *w, size_t n, struct rn_err *err)
{
    size_t want = w->n_tokens + n, cap = w->cap_tokens ? w->cap_tokens : 1 << 16;
    if (want <= w->cap_tokens)
        return RN_OK;
    while (cap < want)
        cap *= 2;
    unsigned char *bytes = realloc(w->bytes, cap * (size_t)w->header.width);
    if (!bytes)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "token shard: no memory for %zu tokens", cap);
    w->bytes = bytes;
    w->cap_tokens = cap;
    return RN_OK;
}

static int put_ids(struct rn_tokens_writer *w, const int32_t *ids, size_t n, struct rn_err *err)
{
    uint16_t *narrow = (uint16_t *)w->bytes + w->n_tokens;
    uint32_t *wide = (uint32_t *)w->bytes + w->n_tokens;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= w->header.vocab_size)
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "token %d outside the vocabulary of %d",
                           ids[i], w->header.vocab_size);
        if (w->header.width == 2)
            narrow[i] = (uint16_t)ids[i];
        else
            wide[i] = (uint32_t)ids[i];
    }
    return RN_OK;
}

int rn_tokens_writer_add(struct rn_tokens_writer *w, const int32_t *ids, size_t n, unsigned marks,
                         struct rn_err *err)
{
    if (n > RN_TOKENS_SHARD_MAX)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "document of %zu tokens; at most %d are kept",
                       n, RN_TOKENS_SHARD_MAX);
    bool full = (int64_t)(w->n_tokens + n) > w->shard_tokens || w->n_docs == INT32_MAX;
    if (full && w->n_docs > 0)
        RN_TRY(write_shard(w, false, err));
    RN_TRY(make_room(w, n, err));
    RN_TRY(put_ids(w, ids, n, err));
    w->n_tokens += n;
    w->total += (int64_t)n;
    uint64_t end = w->n_tokens | (marks & RN_TOKENS_GROUP_END ? TOKENS_GROUP_END : 0) |
                   (marks & RN_TOKENS_FILE_START ? TOKENS_FILE_START : 0);
    RN_PUSH(w->ends, w->n_docs, w->cap_docs, end);
    return RN_OK;
}

int rn_tokens_writer_finish(struct rn_tokens_writer *w, struct rn_err *err)
{
    return write_shard(w, true, err);
}
