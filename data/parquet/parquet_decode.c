#include "parquet_decode.h"
#include "bytes.h"
#include "delta.h"
#include "mem.h"
#include "rle.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

static const size_t joined_bytes_max = (size_t)1 << 30; /* of a column of one row group */

/* --- buffers --- */

int rn_pq_reserve(struct rn_pq_buffer *b, size_t count, size_t each, struct rn_err *err)
{
    size_t n;
    if (__builtin_mul_overflow(count, each, &n))
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "parquet: %zu x %zu bytes overflow", count,
                       each);
    if (n <= b->cap_bytes)
        return RN_OK;
    free(b->p);
    b->cap_bytes = 0;
    b->p = malloc(n); /* not zeroed: pages fill it */
    if (!b->p)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "parquet: no memory for %zu bytes", n);
    b->cap_bytes = n;
    return RN_OK;
}

void rn_pq_scratch_clear(struct rn_pq_scratch *s)
{
    while (s->joined.n > 0)
        free(s->joined.blocks[--s->joined.n]);
    s->joined.size_bytes = 0;
}

void rn_pq_scratch_release(struct rn_pq_scratch *s)
{
    rn_pq_scratch_clear(s);
    free(s->joined.blocks);
    free(s->indices.p);
    free(s->lengths.p);
    *s = (struct rn_pq_scratch){0};
}

size_t rn_pq_value_size(enum rn_parquet_type type)
{
    return type >= RN_PQ_BYTES ? sizeof(struct rn_parquet_string) : sizeof(int64_t);
}

static int corrupt_page(const struct rn_pq_input *in, const char *why)
{
    return rn_pq_corrupt(&in->at, "page", why);
}

static int check_text(const struct rn_pq_input *in, const struct rn_parquet_string *s)
{
    if (in->leaf->text && !rn_utf8_valid(s->p, s->n))
        return rn_pq_corrupt(&in->at, "a string", "is not valid UTF-8");
    return RN_OK;
}

/* --- PLAIN --- */

static int plain_strings(const struct rn_pq_input *in, struct rn_parquet_string *out, size_t n)
{
    const unsigned char *p = in->p, *end = in->end;
    for (size_t i = 0; i < n; i++) {
        if (end - p < 4)
            return corrupt_page(in, "ends before its last string");
        out[i].n = rn_le32_at(p);
        p += 4;
        if (out[i].n > (size_t)(end - p))
            return corrupt_page(in, "has a string longer than itself");
        out[i].p = (const char *)p;
        p += out[i].n;
        RN_TRY(check_text(in, &out[i]));
    }
    return RN_OK;
}

static int plain_fixed(const struct rn_pq_input *in, struct rn_parquet_string *out, size_t n)
{
    size_t each = (size_t)in->leaf->type_length;
    if ((size_t)(in->end - in->p) / each < n)
        return corrupt_page(in, "ends before its last value");
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct rn_parquet_string){.p = (const char *)in->p + i * each, .n = each};
        RN_TRY(check_text(in, &out[i]));
    }
    return RN_OK;
}

static int64_t widen_int32(const struct rn_pq_leaf *leaf, int32_t v)
{
    return leaf->without_sign ? (int64_t)(uint32_t)v : v;
}

/* Little-endian bytes to int64_t or double. All machines we build for are little-endian. */
static void widen(const struct rn_pq_leaf *leaf, const unsigned char *p, void *out, size_t i)
{
    if (leaf->type == RN_PQ_INT32) {
        ((int64_t *)out)[i] = widen_int32(leaf, (int32_t)rn_le32_at(p + 4 * i));
    } else if (leaf->type == RN_PQ_FLOAT) {
        float v;
        memcpy(&v, p + 4 * i, 4);
        ((double *)out)[i] = v;
    } else if (leaf->type == RN_PQ_BOOLEAN) {
        ((int64_t *)out)[i] = p[i / 8] >> (i % 8) & 1;
    } else {
        memcpy((int64_t *)out + i, p + 8 * i, 8);
    }
}

static int plain_numbers(const struct rn_pq_input *in, void *out, size_t n)
{
    enum rn_parquet_type type = in->leaf->type;
    size_t bits = type == RN_PQ_BOOLEAN ? 1 : type == RN_PQ_INT32 || type == RN_PQ_FLOAT ? 32 : 64;
    if ((size_t)(in->end - in->p) < (n * bits + 7) / 8)
        return corrupt_page(in, "ends before its last value");
    for (size_t i = 0; i < n; i++)
        widen(in->leaf, in->p, out, i);
    return RN_OK;
}

static int plain(const struct rn_pq_input *in, void *out, size_t n)
{
    if (in->leaf->type == RN_PQ_BYTES)
        return plain_strings(in, out, n);
    if (in->leaf->type == RN_PQ_FIXED)
        return plain_fixed(in, out, n);
    return plain_numbers(in, out, n);
}

/* --- runs --- */

static int take_runs(const struct rn_pq_input *in, struct rn_rle r, size_t n)
{
    RN_TRY(rn_pq_reserve(&in->scratch->indices, n, sizeof(uint32_t), in->at.err));
    const char *bad = rn_rle_take(&r, in->scratch->indices.p, n);
    return bad ? corrupt_page(in, bad) : RN_OK;
}

static int dictionary(const struct rn_pq_input *in, void *out, size_t n)
{
    size_t each = rn_pq_value_size(in->leaf->type);
    if (!in->dict)
        return corrupt_page(in, "refers to a dictionary that is not there");
    if (in->p == in->end || *in->p > 32)
        return corrupt_page(in, "has no valid bit width for its dictionary indices");
    RN_TRY(take_runs(in, (struct rn_rle){.p = in->p + 1, .end = in->end, .width = *in->p}, n));
    const uint32_t *index = in->scratch->indices.p;
    for (size_t i = 0; i < n; i++) {
        if (index[i] >= in->n_dict)
            return corrupt_page(in, "has an index beyond its dictionary");
        memcpy((char *)out + i * each, (const char *)in->dict + index[i] * each, each);
    }
    return RN_OK;
}

static int run_booleans(const struct rn_pq_input *in, void *out, size_t n)
{
    const unsigned char *p = in->p;
    if (in->end - p < 4 || rn_le32_at(p) > (size_t)(in->end - p - 4))
        return corrupt_page(in, "has runs longer than itself");
    struct rn_rle r = {.p = p + 4, .end = p + 4 + rn_le32_at(p), .width = 1};
    RN_TRY(take_runs(in, r, n));
    for (size_t i = 0; i < n; i++)
        ((int64_t *)out)[i] = ((const uint32_t *)in->scratch->indices.p)[i];
    return RN_OK;
}

/* --- differences --- */

static int delta_ints(const struct rn_pq_input *in, void *out, size_t n)
{
    struct rn_delta d = {.p = in->p, .end = in->end};
    int64_t *v = out;
    const char *bad = rn_delta_take(&d, v, n);
    if (bad)
        return corrupt_page(in, bad);
    for (size_t i = 0; i < n && in->leaf->type == RN_PQ_INT32; i++)
        v[i] = widen_int32(in->leaf, (int32_t)(uint32_t)v[i]);
    return RN_OK;
}

static int take_lengths(const struct rn_pq_input *in, struct rn_delta *d, int64_t *out, size_t n)
{
    const char *bad = rn_delta_take(d, out, n);
    if (bad)
        return rn_pq_corrupt(&in->at, "page of string lengths", bad);
    for (size_t i = 0; i < n; i++)
        if (out[i] < 0 || out[i] > INT32_MAX)
            return corrupt_page(in, "has a string of an impossible length");
    return RN_OK;
}

static int delta_lengths(const struct rn_pq_input *in, void *out, size_t n)
{
    struct rn_parquet_string *s = out;
    struct rn_delta d = {.p = in->p, .end = in->end};
    RN_TRY(rn_pq_reserve(&in->scratch->lengths, n, sizeof(int64_t), in->at.err));
    const int64_t *length = in->scratch->lengths.p;
    RN_TRY(take_lengths(in, &d, in->scratch->lengths.p, n));
    for (size_t i = 0; i < n; i++) {
        if (length[i] > d.end - d.p)
            return corrupt_page(in, "ends before its last string");
        s[i] = (struct rn_parquet_string){.p = (const char *)d.p, .n = (size_t)length[i]};
        d.p += length[i];
        RN_TRY(check_text(in, &s[i]));
    }
    return RN_OK;
}

/* A string is a prefix of the one before it and a suffix. One without a suffix takes no bytes, so
 * that what must be joined stays in proportion to the page. */
static int measure_joined(const struct rn_pq_input *in, const int64_t *prefix,
                          const int64_t *suffix, size_t n, int64_t left, size_t *total)
{
    int64_t last = 0;
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        if (prefix[i] > last)
            return corrupt_page(in, "has a prefix longer than the string before it");
        if (suffix[i] > left)
            return corrupt_page(in, "ends before its last string");
        left -= suffix[i];
        last = prefix[i] + suffix[i];
        *total += prefix[i] && suffix[i] ? (size_t)last : 0;
        if (*total > joined_bytes_max - in->scratch->joined.size_bytes)
            return corrupt_page(in, "unfolds to more than 1 GiB of strings");
    }
    return RN_OK;
}

static int add_block(const struct rn_pq_input *in, size_t size_bytes, char **out)
{
    struct rn_pq_joined *j = &in->scratch->joined;
    void *block;
    RN_TRY(rn_try_alloc(&block, size_bytes + 1, 1, "parquet strings", in->at.err));
    RN_PUSH(j->blocks, j->n, j->cap, block);
    j->size_bytes += size_bytes;
    *out = block;
    return RN_OK;
}

static int join(const struct rn_pq_input *in, const int64_t *prefix, const int64_t *suffix,
                const unsigned char *from, char *to, struct rn_parquet_string *out, size_t n)
{
    struct rn_parquet_string last = {.p = to};
    for (size_t i = 0; i < n; i++) {
        size_t head = (size_t)prefix[i], tail = (size_t)suffix[i];
        if (tail > 0 && head > 0) {
            memcpy(to, last.p, head);
            memcpy(to + head, from, tail);
            last.p = to;
            to += head + tail;
        } else if (tail > 0) {
            last.p = (const char *)from;
        }
        last.n = head + tail;
        from += tail;
        out[i] = last;
        RN_TRY(check_text(in, &last));
        if (in->leaf->type == RN_PQ_FIXED && last.n != (size_t)in->leaf->type_length)
            return corrupt_page(in, "has a value of another length than its column");
    }
    return RN_OK;
}

static int delta_strings(const struct rn_pq_input *in, void *out, size_t n)
{
    struct rn_delta d = {.p = in->p, .end = in->end};
    size_t total;
    char *room;
    RN_TRY(rn_pq_reserve(&in->scratch->lengths, 2 * n, sizeof(int64_t), in->at.err));
    int64_t *prefix = in->scratch->lengths.p, *suffix = prefix + n;
    RN_TRY(take_lengths(in, &d, prefix, n));
    RN_TRY(take_lengths(in, &d, suffix, n));
    RN_TRY(measure_joined(in, prefix, suffix, n, d.end - d.p, &total));
    RN_TRY(add_block(in, total, &room));
    return join(in, prefix, suffix, d.p, room, out, n);
}

/* --- all of them --- */

enum {
    INTS = 1 << RN_PQ_INT32 | 1 << RN_PQ_INT64,
    BYTES = 1 << RN_PQ_BYTES,
    STRINGS = BYTES | 1 << RN_PQ_FIXED,
    BOOLEANS = 1 << RN_PQ_BOOLEAN,
    ALL = INTS | STRINGS | BOOLEANS | 1 << RN_PQ_FLOAT | 1 << RN_PQ_DOUBLE
};

static const struct encoding {
    const char *name;
    unsigned types; /* a bit each */
    int (*decode)(const struct rn_pq_input *, void *out, size_t n);
} encodings[] = {
    [RN_PQ_PLAIN] = {"PLAIN", ALL, plain},
    [RN_PQ_PLAIN_DICTIONARY] = {"PLAIN_DICTIONARY", ALL, dictionary},
    [RN_PQ_RLE] = {"RLE", BOOLEANS, run_booleans},
    [RN_PQ_BIT_PACKED] = {"BIT_PACKED", 0, NULL},
    [RN_PQ_DELTA_BINARY_PACKED] = {"DELTA_BINARY_PACKED", INTS, delta_ints},
    [RN_PQ_DELTA_LENGTH_BYTE_ARRAY] = {"DELTA_LENGTH_BYTE_ARRAY", BYTES, delta_lengths},
    [RN_PQ_DELTA_BYTE_ARRAY] = {"DELTA_BYTE_ARRAY", STRINGS, delta_strings},
    [RN_PQ_RLE_DICTIONARY] = {"RLE_DICTIONARY", ALL, dictionary},
    [RN_PQ_BYTE_STREAM_SPLIT] = {"BYTE_STREAM_SPLIT", 0, NULL},
};

int rn_pq_decode(const struct rn_pq_input *in, void *out, size_t n)
{
    bool known = in->encoding >= 0 && (size_t)in->encoding < RN_COUNT(encodings);
    const struct encoding *e = known ? &encodings[in->encoding] : NULL;
    if (!e || !e->name)
        return rn_fail(in->at.err, RN_ECORRUPT, RN_PATH(in->at.path),
                       "parquet column '%s': encoding number %lld does not exist", in->at.column,
                       (long long)in->encoding);
    if (!(e->types >> in->leaf->type & 1))
        return rn_fail(in->at.err, RN_ECORRUPT, RN_PATH(in->at.path),
                       "parquet column '%s': encoding %s is not read%s", in->at.column, e->name,
                       e->decode ? " for values of its type" : "");
    return n ? e->decode(in, out, n) : RN_OK; /* a page of nulls may end here */
}
