/* Content -> rank. Byte strings are hashed as polynomials, so that the hash of every prefix and
 * suffix of a token follows from one pass: all cuts of all tokens cost O(bytes of the vocabulary),
 * however long the tokens of a hostile file are. */
#include "bpe.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define BASE    UINT64_C(0x9E3779B97F4A7C15)
#define INVERSE UINT64_C(0xF1DE83E19937733D) /* of BASE, modulo 2^64 */
_Static_assert(BASE *INVERSE == 1, "");

/* Four bytes at a time: multiplications that need not wait for each other. */
static inline uint64_t hash_bytes(const unsigned char *p, size_t n)
{
    uint64_t h = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        h = h * (BASE * BASE * BASE * BASE) + (p[i] + UINT64_C(1)) * (BASE * BASE * BASE) +
            (p[i + 1] + UINT64_C(1)) * (BASE * BASE) + (p[i + 2] + UINT64_C(1)) * BASE + p[i + 3] +
            1;
    for (; i < n; i++)
        h = h * BASE + p[i] + 1;
    return h;
}

static inline uint64_t spread(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

const unsigned char *rn_vocab_bytes(const struct rn_vocab *v, size_t rank, size_t *n)
{
    *n = v->start[rank + 1] - v->start[rank];
    return v->bytes + v->start[rank];
}

static inline bool is_token(const struct rn_vocab *v, int32_t rank, const void *bytes, size_t n)
{
    const uint32_t *start = v->start + rank;
    return start[1] - start[0] == n && memcmp(v->bytes + start[0], bytes, n) == 0;
}

/* Slot of the token, or the free slot where it belongs. `place` is the spread hash of the bytes. */
static size_t token_slot(const struct rn_vocab *v, uint64_t place, const void *bytes, size_t n)
{
    uint32_t tag = (uint32_t)(place >> 32);
    size_t i = place & v->tokens_mask;
    while (v->tokens[i].rank >= 0 &&
           (v->tokens[i].tag != tag || !is_token(v, v->tokens[i].rank, bytes, n)))
        i = (i + 1) & v->tokens_mask;
    return i;
}

static int32_t lookup(const struct rn_vocab *v, uint64_t hash, const void *bytes, size_t n)
{
    return v->n ? v->tokens[token_slot(v, spread(hash), bytes, n)].rank : -1;
}

static void put_token(struct rn_vocab *v, int32_t rank, const void *bytes, size_t n)
{
    uint64_t place = spread(hash_bytes(bytes, n));
    v->tokens[token_slot(v, place, bytes, n)] =
        (struct rn_token_slot){(uint32_t)(place >> 32), rank};
}

int32_t rn_vocab_rank(const struct rn_vocab *v, const void *bytes, size_t n)
{
    return n == 0 || n > v->longest ? -1 : lookup(v, hash_bytes(bytes, n), bytes, n);
}

/* Doubles the content table once it is half full. */
static int tokens_room(struct rn_vocab *v, struct rn_err *err)
{
    if (v->tokens && v->n * 2 <= v->tokens_mask)
        return RN_OK;
    size_t slots = v->tokens ? (v->tokens_mask + 1) * 2 : 1024;
    void *fresh;
    RN_TRY(rn_try_alloc(&fresh, slots, sizeof *v->tokens, "vocabulary", err));
    free(v->tokens);
    v->tokens = fresh;
    v->tokens_mask = slots - 1;
    memset(v->tokens, -1, slots * sizeof *v->tokens);
    for (size_t rank = 0; rank < v->n; rank++) {
        size_t n;
        const unsigned char *p = rn_vocab_bytes(v, rank, &n);
        put_token(v, (int32_t)rank, p, n);
    }
    return RN_OK;
}

static int append(struct rn_vocab *v, const void *bytes, size_t n, struct rn_err *err)
{
    size_t used = v->n ? v->start[v->n] : 0;
    RN_TRY(rn_try_grow(&v->bytes, &v->bytes_cap, used + n, 1, "vocabulary", err));
    RN_TRY(rn_try_grow(&v->start, &v->start_cap, v->n + 2, sizeof *v->start, "vocabulary", err));
    v->start[0] = 0;
    memcpy(v->bytes + used, bytes, n);
    v->start[v->n + 1] = (uint32_t)(used + n);
    return RN_OK;
}

int rn_vocab_add(struct rn_vocab *v, const void *bytes, size_t n, struct rn_place at,
                 struct rn_err *err)
{
    if (n == 0 || n > RN_TOKEN_MAX_BYTES)
        return rn_fail(err, RN_ECORRUPT, at, "token of %zu bytes, expected 1 to %d", n,
                       RN_TOKEN_MAX_BYTES);
    if (v->n == RN_VOCAB_MAX_TOKENS || (v->n && v->start[v->n] + n > RN_VOCAB_MAX_BYTES))
        return rn_fail(err, RN_ECORRUPT, at, "vocabulary over %d tokens or %d bytes",
                       RN_VOCAB_MAX_TOKENS, RN_VOCAB_MAX_BYTES);
    RN_TRY(tokens_room(v, err));
    int32_t same = lookup(v, hash_bytes(bytes, n), bytes, n);
    if (same >= 0)
        return rn_fail(err, RN_ECORRUPT, at, "token %zu has the same bytes as token %d", v->n,
                       same);
    RN_TRY(append(v, bytes, n, err));
    put_token(v, (int32_t)v->n++, bytes, n);
    v->longest = n > v->longest ? n : v->longest;
    return RN_OK;
}

/* Every way to cut a token into two tokens is a merge that may happen: tiktoken compares the bytes
 * of joined parts, not the merges of training. Cuts go from the right; `left` and `right` are the
 * hashes of both sides. */
static int add_cuts(struct rn_vocab *v, int32_t rank, struct rn_err *err)
{
    size_t n;
    const unsigned char *p = rn_vocab_bytes(v, (size_t)rank, &n);
    uint64_t left = hash_bytes(p, n), right = 0, power = 1;
    for (size_t cut = n - 1; cut > 0; cut--) {
        uint64_t c = (uint64_t)p[cut] + 1;
        left = (left - c) * INVERSE;
        right += c * power;
        power *= BASE;
        int32_t a = lookup(v, left, p, cut);
        int32_t b = a < 0 ? -1 : lookup(v, right, p + cut, n - cut);
        if (b >= 0)
            RN_TRY(rn_pairs_add(&v->pairs, a, b, rank, err));
    }
    return RN_OK;
}

int rn_vocab_add_cuts(struct rn_vocab *v, struct rn_err *err)
{
    for (size_t rank = 0; rank < v->n; rank++)
        RN_TRY(add_cuts(v, (int32_t)rank, err));
    return rn_pairs_room(&v->pairs, err);
}

void rn_vocab_release(struct rn_vocab *v)
{
    free(v->bytes);
    free(v->start);
    free(v->tokens);
    rn_pairs_release(&v->pairs);
    free(v->byte_join);
    free(v->seams);
    *v = (struct rn_vocab){0};
}
