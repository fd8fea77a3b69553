#include "tokens.h"
#include "bytes.h"
#include "docs.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"
#include "token_file.h"
#include "tokens_layout.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct shard {
    char *path;
    struct rn_map map;
    struct rn_tokens_header header; /* a copy, aligned */
    const unsigned char *tokens, *ends, *crcs;
    struct rn_token_file foreign; /* instead of map; then crcs is NULL */
    uint64_t *own_ends;           /* behind `ends` then */
    int64_t n_tokens, n_docs;
    int width;
    atomic_uchar *checked;          /* per block: its checksum was right */
    int64_t first_token, first_doc; /* over all shards */
};

struct rn_tokens {
    struct shard *shards;
    size_t n, cap;
    int64_t n_tokens, n_docs;
    int32_t vocab_size;
    char digest[RN_HEX];
};

/* --- opening --- */

static int damaged(const struct shard *s, struct rn_err *err, const char *why)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path), "damaged token shard: %s", why);
}

static int map_file(struct shard *s, struct rn_err *err)
{
    RN_TRY(rn_map_open(&s->map, s->path, err));
    return s->map.n < TOKENS_HEADER_BYTES ? damaged(s, err, "shorter than its header") : RN_OK;
}

static int check_header(const struct shard *s, struct rn_err *err)
{
    const struct rn_tokens_header *h = &s->header;
    int32_t magic = h->width == 2 ? TOKENS_MAGIC_2 : TOKENS_MAGIC_4;
    if (memcmp(h->own, TOKENS_MAGIC_OWN, sizeof h->own))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path), "not a token shard of this program");
    if (crc32_z(0, s->map.p, offsetof(struct rn_tokens_header, header_crc)) != h->header_crc)
        return damaged(s, err, "its header does not match its checksum");
    if ((h->width != 2 && h->width != 4) || h->magic != magic || h->n_tokens < 0 || h->n_docs < 0 ||
        h->vocab_size < 1 || h->split[TOKENS_SPLIT_BYTES - 1] || h->shard < 0)
        return damaged(s, err, "its header holds impossible values");
    int64_t token_bytes = (int64_t)h->n_tokens * h->width;
    int64_t size = TOKENS_HEADER_BYTES + rn_tokens_padded(token_bytes) + (int64_t)h->n_docs * 8 +
                   rn_tokens_blocks(token_bytes) * 4;
    if (size != (int64_t)s->map.n)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
                       "damaged token shard: %zu bytes, its header asks for %lld", s->map.n,
                       (long long)size);
    return RN_OK;
}

static uint64_t doc_end(const struct shard *s, int64_t doc)
{
    return doc < 0 ? 0 : rn_le64_at(s->ends + 8 * doc);
}

static int check_tables(const struct shard *s, struct rn_err *err)
{
    uint64_t before = 0;
    size_t n = (size_t)(s->map.p + s->map.n - s->ends);
    if (crc32_z(0, s->ends, n) != s->header.tables_crc)
        return damaged(s, err, "its tables do not match their checksum");
    for (int64_t d = 0; d < s->header.n_docs; d++) {
        uint64_t end = doc_end(s, d) & TOKENS_END;
        if (end < before || end > (uint64_t)s->header.n_tokens)
            return damaged(s, err, "its documents overlap");
        before = end;
    }
    return before == (uint64_t)s->header.n_tokens
               ? RN_OK
               : damaged(s, err, "its documents do not cover its tokens");
}

static int open_shard(struct shard *s, struct rn_err *err)
{
    RN_TRY(map_file(s, err));
    memcpy(&s->header, s->map.p, sizeof s->header);
    RN_TRY(check_header(s, err));
    s->n_tokens = s->header.n_tokens;
    s->n_docs = s->header.n_docs;
    s->width = s->header.width;
    int64_t token_bytes = s->n_tokens * s->width;
    s->tokens = s->map.p + TOKENS_HEADER_BYTES;
    s->ends = s->tokens + rn_tokens_padded(token_bytes);
    s->crcs = s->ends + s->n_docs * 8;
    s->checked = rn_xalloc((size_t)rn_tokens_blocks(token_bytes) + 1);
    return check_tables(s, err);
}

static bool in_split(const char *path, const char *split)
{
    const char *name = rn_basename(path);
    size_t n = strlen(split);
    return !strncmp(name, split, n) && name[n] == '_' && rn_ends_with(name, ".bin");
}

static int by_number(const void *a, const void *b)
{
    const struct shard *x = a, *y = b;
    return (x->header.shard > y->header.shard) - (x->header.shard < y->header.shard);
}

static int check_tokenizer(const struct shard *s, const char *digest, struct rn_err *err)
{
    if (!digest || !strncmp(s->header.digest, digest, TOKENS_DIGEST_BYTES))
        return RN_OK;
    rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
            "tokens were made by the tokenizer %.64s, but the tokenizer given is %.64s",
            s->header.digest, digest);
    rn_hint(err, "run the tokenize stage again with this tokenizer");
    return RN_ECORRUPT;
}

/* The shards must be numbers 0 to n-1 of one set, the last one marked as such. */
static int check_set(const struct rn_tokens *t, const char *split, const char *digest,
                     struct rn_err *err)
{
    const struct rn_tokens_header *first = &t->shards[0].header;
    for (size_t i = 0; i < t->n; i++) {
        const struct shard *s = &t->shards[i];
        RN_TRY(check_tokenizer(s, digest, err));
        if (strcmp(s->header.split, split))
            return damaged(s, err, "its header names another split than its file name");
        if (s->header.vocab_size != first->vocab_size ||
            memcmp(s->header.digest, first->digest, TOKENS_DIGEST_BYTES))
            return damaged(s, err, "it belongs to another set than the first shard");
        if ((size_t)s->header.shard != i || (s->header.last != 0) != (i + 1 == t->n))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
                           "a token shard of '%s' is missing: this is number %d%s, at place %zu of "
                           "%zu",
                           split, s->header.shard, s->header.last ? ", the last" : "", i, t->n);
    }
    return RN_OK;
}

/* Of a file without checksums: its size and what stands at both ends. */
static void add_ends(struct rn_sha256 *sha, const struct shard *s)
{
    enum { END_BYTES = 1 << 16 };
    int64_t bytes = s->n_tokens * s->width, n = bytes < END_BYTES ? bytes : END_BYTES;
    rn_sha256_add(sha, &bytes, sizeof bytes);
    rn_sha256_add(sha, s->tokens, (size_t)n);
    rn_sha256_add(sha, s->tokens + bytes - n, (size_t)n);
}

static void number_all(struct rn_tokens *t)
{
    struct rn_sha256 sha;
    rn_sha256_init(&sha);
    for (size_t i = 0; i < t->n; i++) {
        struct shard *s = &t->shards[i];
        s->first_token = t->n_tokens;
        s->first_doc = t->n_docs;
        t->n_tokens += s->n_tokens;
        t->n_docs += s->n_docs;
        if (s->map.p)
            rn_sha256_add(&sha, s->map.p,
                          sizeof s->header); /* holds the CRCs' CRC, so covers all */
        else
            add_ends(&sha, s);
    }
    rn_sha256_done(&sha, t->digest);
}

static int open_all(struct rn_tokens *t, const char *const *paths, size_t n_paths,
                    const char *split, const char *digest, struct rn_err *err)
{
    for (size_t i = 0; i < n_paths; i++) {
        if (!in_split(paths[i], split))
            continue;
        RN_PUSH(t->shards, t->n, t->cap, (struct shard){.path = rn_xdup(paths[i])});
        RN_TRY(open_shard(&t->shards[t->n - 1], err));
    }
    if (t->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "no token shard of '%s' among %zu files",
                       split, n_paths);
    qsort(t->shards, t->n, sizeof *t->shards, by_number);
    RN_TRY(check_set(t, split, digest, err));
    t->vocab_size = t->shards[0].header.vocab_size;
    number_all(t);
    return RN_OK;
}

int rn_tokens_open(struct rn_tokens **out, const char *const *paths, size_t n_paths,
                   const char *split, const char *tokenizer_digest, struct rn_err *err)
{
    struct rn_tokens *t = rn_new(struct rn_tokens);
    int rc = open_all(t, paths, n_paths, split, tokenizer_digest, err);
    if (rc != RN_OK) {
        rn_tokens_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

/* --- files of other programs --- */

static int add_end(struct shard *s, size_t *cap, int64_t end, struct rn_err *err)
{
    RN_TRY(rn_try_grow(&s->own_ends, cap, (size_t)s->n_docs + 1, sizeof *s->own_ends,
                       "ends of documents", err));
    s->own_ends[s->n_docs++] = (uint64_t)end;
    return RN_OK;
}

static int ends_by_length(struct shard *s, size_t *cap, struct rn_err *err)
{
    int64_t end = 0;
    for (int64_t i = 0; i < s->foreign.n_sequences; i++) {
        end += rn_token_file_length(&s->foreign, i);
        RN_TRY(add_end(s, cap, end, err));
    }
    return RN_OK;
}

/* A document ends before each bos and at the end of the file. */
static int ends_by_bos(struct shard *s, int32_t bos, size_t *cap, struct rn_err *err)
{
    enum { AT_ONCE = 4096 };
    int32_t ids[AT_ONCE];
    for (int64_t at = 0; bos >= 0 && at < s->n_tokens; at += AT_ONCE) {
        int64_t n = s->n_tokens - at < AT_ONCE ? s->n_tokens - at : AT_ONCE;
        rn_token_file_get(&s->foreign, at, n, ids);
        for (int64_t i = at == 0; i < n; i++)
            if (ids[i] == bos)
                RN_TRY(add_end(s, cap, at + i, err));
    }
    return s->n_tokens ? add_end(s, cap, s->n_tokens, err) : RN_OK;
}

/* Such a file has no row groups; with some, several streams can share it. */
static void mark_ends(struct shard *s)
{
    for (int64_t d = RN_DOCS_GROUP - 1; d < s->n_docs; d += RN_DOCS_GROUP)
        s->own_ends[d] |= TOKENS_GROUP_END;
    if (s->n_docs) {
        s->own_ends[s->n_docs - 1] |= TOKENS_GROUP_END;
        s->own_ends[0] |= TOKENS_FILE_START;
    }
}

static int open_foreign(struct rn_tokens *t, struct shard *s, int32_t bos, struct rn_err *err)
{
    size_t cap = 0;
    RN_TRY(rn_token_file_open(&s->foreign, s->path, NULL, err));
    s->n_tokens = s->foreign.n;
    s->width = s->foreign.width;
    s->tokens = s->foreign.tokens;
    uint32_t largest = rn_token_file_largest(&s->foreign);
    if (largest >= (uint32_t)t->vocab_size)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
                       "its largest token is %u, but the tokenizer has %d tokens", largest,
                       t->vocab_size);
    RN_TRY(s->foreign.lengths ? ends_by_length(s, &cap, err) : ends_by_bos(s, bos, &cap, err));
    mark_ends(s);
    s->ends = (const unsigned char *)s->own_ends;
    return RN_OK;
}

static int open_all_foreign(struct rn_tokens *t, const char *const *paths, size_t n_paths,
                            int32_t bos, struct rn_err *err)
{
    for (size_t i = 0; i < n_paths; i++) {
        if (rn_token_file_is_index(paths[i]))
            continue;
        RN_PUSH(t->shards, t->n, t->cap, (struct shard){.path = rn_xdup(paths[i])});
        RN_TRY(open_foreign(t, &t->shards[t->n - 1], bos, err));
    }
    if (t->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "no file of tokens among %zu", n_paths);
    number_all(t);
    return RN_OK;
}

int rn_tokens_open_foreign(struct rn_tokens **out, const char *const *paths, size_t n_paths,
                           int32_t vocab_size, int32_t bos, struct rn_err *err)
{
    struct rn_tokens *t = rn_new(struct rn_tokens);
    t->vocab_size = vocab_size;
    int rc = open_all_foreign(t, paths, n_paths, bos, err);
    if (rc != RN_OK) {
        rn_tokens_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

void rn_tokens_free(struct rn_tokens *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        struct shard *s = &t->shards[i];
        rn_map_close(&s->map);
        rn_token_file_close(&s->foreign);
        free(s->own_ends);
        free((void *)s->checked);
        free(s->path);
    }
    free(t->shards);
    free(t);
}

/* --- reading --- */

int64_t rn_tokens_count(const struct rn_tokens *t)
{
    return t->n_tokens;
}

int64_t rn_tokens_docs(const struct rn_tokens *t)
{
    return t->n_docs;
}

int32_t rn_tokens_vocab_size(const struct rn_tokens *t)
{
    return t->vocab_size;
}

int rn_tokens_width(const struct rn_tokens *t)
{
    int width = 2;
    for (size_t i = 0; i < t->n; i++)
        width = t->shards[i].width > width ? t->shards[i].width : width;
    return width;
}

const char *rn_tokens_digest(const struct rn_tokens *t)
{
    return t->digest;
}

/* The last shard whose first document (token) is not beyond `at`, which exists. */
static struct shard *find_shard(const struct rn_tokens *t, int64_t at, bool by_doc)
{
    size_t low = 0, high = t->n;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        const struct shard *s = &t->shards[mid];
        if ((by_doc ? s->first_doc : s->first_token) <= at)
            low = mid;
        else
            high = mid;
    }
    return &t->shards[low];
}

struct rn_tokens_doc rn_tokens_doc(const struct rn_tokens *t, int64_t id)
{
    RN_ASSERT(id >= 0 && id < t->n_docs);
    const struct shard *s = find_shard(t, id, true);
    int64_t local = id - s->first_doc;
    uint64_t start = doc_end(s, local - 1) & TOKENS_END, end = doc_end(s, local);
    return (struct rn_tokens_doc){.start = s->first_token + (int64_t)start,
                                  .n = (int64_t)((end & TOKENS_END) - start),
                                  .group_end = end & TOKENS_GROUP_END,
                                  .file_start = end & TOKENS_FILE_START};
}

static int check_block(struct shard *s, int64_t block, struct rn_err *err)
{
    int64_t at = block * TOKENS_BLOCK_BYTES, n = s->n_tokens * s->width - at;
    if (!s->crcs)
        return RN_OK;
    if (atomic_load_explicit(&s->checked[block], memory_order_relaxed))
        return RN_OK;
    if (n > TOKENS_BLOCK_BYTES)
        n = TOKENS_BLOCK_BYTES;
    if (crc32_z(0, s->tokens + at, (size_t)n) != rn_le32_at(s->crcs + 4 * block))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
                       "damaged token shard: bytes %lld to %lld do not match their checksum",
                       (long long)(TOKENS_HEADER_BYTES + at),
                       (long long)(TOKENS_HEADER_BYTES + at + n));
    atomic_store_explicit(&s->checked[block], 1, memory_order_relaxed);
    return RN_OK;
}

static void widen(const struct shard *s, int64_t local, int64_t n, int32_t *ids)
{
    const uint16_t *narrow = (const uint16_t *)s->tokens + local;
    if (!s->map.p)
        rn_token_file_get(&s->foreign, local, n, ids);
    else if (s->width == 4)
        memcpy(ids, s->tokens + 4 * local, (size_t)n * 4);
    else
        for (int64_t i = 0; i < n; i++)
            ids[i] = narrow[i];
}

static int get_local(const struct rn_tokens *t, struct shard *s, int64_t local, int64_t n,
                     int32_t *ids, struct rn_err *err)
{
    int64_t first = local * s->width / TOKENS_BLOCK_BYTES;
    int64_t last = ((local + n) * s->width - 1) / TOKENS_BLOCK_BYTES;
    for (int64_t b = first; b <= last; b++)
        RN_TRY(check_block(s, b, err));
    widen(s, local, n, ids);
    for (int64_t i = 0; i < n; i++)
        if ((uint32_t)ids[i] >= (uint32_t)t->vocab_size)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path),
                           "damaged token shard: token %d at %lld, vocabulary of %d", ids[i],
                           (long long)(local + i), t->vocab_size);
    return RN_OK;
}

int rn_tokens_get(struct rn_tokens *t, int64_t start, int64_t n, int32_t *ids, struct rn_err *err)
{
    RN_ASSERT(start >= 0 && n >= 0 && start <= t->n_tokens - n);
    while (n > 0) {
        struct shard *s = find_shard(t, start, false);
        int64_t local = start - s->first_token, take = s->n_tokens - local;
        if (take > n)
            take = n;
        RN_TRY(get_local(t, s, local, take, ids, err));
        start += take;
        ids += take;
        n -= take;
    }
    return RN_OK;
}

/* --- one shard --- */

static int check_blocks(struct shard *s, struct rn_err *err)
{
    int64_t n = rn_tokens_blocks(s->n_tokens * s->width);
    for (int64_t block = 0; block < n; block++)
        RN_TRY(check_block(s, block, err));
    return RN_OK;
}

int rn_tokens_open_one(struct rn_tokens **out, const char *path, struct rn_err *err)
{
    struct rn_tokens *t = rn_new(struct rn_tokens);
    RN_PUSH(t->shards, t->n, t->cap, (struct shard){.path = rn_xdup(path)});
    int rc = open_shard(t->shards, err);
    if (rc == RN_OK) {
        t->vocab_size = t->shards[0].header.vocab_size;
        number_all(t);
    } else {
        rn_tokens_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

int rn_tokens_open_any(struct rn_tokens **out, const char *path, int32_t bos, struct rn_err *err)
{
    return rn_tokens_is_ours(path) ? rn_tokens_open_one(out, path, err)
                                   : rn_tokens_open_foreign(out, &path, 1, INT32_MAX, bos, err);
}

int rn_tokens_check(const char *path, int64_t *tokens, struct rn_err *err)
{
    struct rn_tokens *t;
    RN_TRY(rn_tokens_open_one(&t, path, err));
    int rc = check_blocks(t->shards, err);
    *tokens = rn_tokens_count(t);
    rn_tokens_free(t);
    return rc;
}

bool rn_tokens_is_ours(const char *path)
{
    char head[24];
    return rn_file_head(path, head, sizeof head) == sizeof head &&
           memcmp(head + 16, TOKENS_MAGIC_OWN, 8) == 0;
}
