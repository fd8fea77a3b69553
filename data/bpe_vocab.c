/* Two tables: content -> rank, and (rank, rank) -> rank of the joined token. Byte strings are
 * hashed as polynomials, so that the hash of every prefix and suffix of a token follows from one
 * pass: the pair table costs O(bytes of the vocabulary), however long the tokens of a hostile file
 * are. */
#include "bpe.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define BASE    UINT64_C(0x9E3779B97F4A7C15)
#define INVERSE UINT64_C(0xF1DE83E19937733D) /* of BASE, modulo 2^64 */
_Static_assert(BASE *INVERSE == 1, "");

static inline uint64_t hash_bytes(const unsigned char *p, size_t n)
{
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++)
        h = h * BASE + p[i] + 1;
    return h;
}

static inline size_t spread(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93u;
    return (size_t)(h ^ h >> 32);
}

const unsigned char *rn_vocab_bytes(const struct rn_vocab *v, size_t rank, size_t *n)
{
    *n = v->start[rank + 1] - v->start[rank];
    return v->bytes + v->start[rank];
}

static bool is_token(const struct rn_vocab *v, int32_t rank, const void *bytes, size_t n)
{
    size_t have;
    const unsigned char *p = rn_vocab_bytes(v, (size_t)rank, &have);
    return have == n && memcmp(p, bytes, n) == 0;
}

/* Slot of the token, or the free slot where it belongs. */
static size_t token_slot(const struct rn_vocab *v, uint64_t hash, const void *bytes, size_t n)
{
    size_t i = spread(hash) & v->tokens_mask;
    while (v->tokens[i] >= 0 && !is_token(v, v->tokens[i], bytes, n))
        i = (i + 1) & v->tokens_mask;
    return i;
}

static int32_t lookup(const struct rn_vocab *v, uint64_t hash, const void *bytes, size_t n)
{
    return v->n ? v->tokens[token_slot(v, hash, bytes, n)] : -1;
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
        v->tokens[token_slot(v, hash_bytes(p, n), p, n)] = (int32_t)rank;
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
    v->start[v->n + 1] = used + n;
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
    size_t slot = token_slot(v, hash_bytes(bytes, n), bytes, n);
    if (v->tokens[slot] >= 0)
        return rn_fail(err, RN_ECORRUPT, at, "token %zu has the same bytes as token %d", v->n,
                       v->tokens[slot]);
    RN_TRY(append(v, bytes, n, err));
    v->tokens[slot] = (int32_t)v->n++;
    v->longest = n > v->longest ? n : v->longest;
    return RN_OK;
}

static uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)left << 32 | (uint32_t)right;
}

static size_t pair_slot(const struct rn_vocab *v, uint64_t pair)
{
    size_t i = spread(pair * BASE) & v->pairs_mask;
    while (v->pairs[i].rank >= 0 && v->pairs[i].pair != pair)
        i = (i + 1) & v->pairs_mask;
    return i;
}

int32_t rn_vocab_join(const struct rn_vocab *v, int32_t left, int32_t right)
{
    const struct rn_pair_slot *s = &v->pairs[pair_slot(v, pair_key(left, right))];
    return s->rank >= 0 ? s->rank : RN_NO_RANK;
}

static int pairs_room(struct rn_vocab *v, struct rn_err *err)
{
    if (v->pairs && v->pairs_n * 2 <= v->pairs_mask)
        return RN_OK;
    struct rn_pair_slot *old = v->pairs;
    size_t old_slots = old ? v->pairs_mask + 1 : 0, slots = old ? old_slots * 2 : 1024;
    void *fresh;
    RN_TRY(rn_try_alloc(&fresh, slots, sizeof *v->pairs, "pair table", err));
    memset(fresh, -1, slots * sizeof *v->pairs);
    v->pairs = fresh;
    v->pairs_mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].rank >= 0)
            v->pairs[pair_slot(v, old[i].pair)] = old[i];
    free(old);
    return RN_OK;
}

static int add_pair(struct rn_vocab *v, uint64_t pair, int32_t rank, struct rn_err *err)
{
    RN_TRY(pairs_room(v, err));
    v->pairs[pair_slot(v, pair)] = (struct rn_pair_slot){pair, rank};
    v->pairs_n++;
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
            RN_TRY(add_pair(v, pair_key(a, b), rank, err));
    }
    return RN_OK;
}

int rn_vocab_seal(struct rn_vocab *v, struct rn_place at, struct rn_err *err)
{
    for (int b = 0; b < 256; b++) {
        unsigned char byte = (unsigned char)b;
        v->byte_rank[b] = rn_vocab_rank(v, &byte, 1);
        if (v->byte_rank[b] < 0)
            return rn_fail(err, RN_ECORRUPT, at, "no token for the single byte 0x%02X", b);
    }
    for (size_t rank = 0; rank < v->n; rank++)
        RN_TRY(add_cuts(v, (int32_t)rank, err));
    return pairs_room(v, err);
}

void rn_vocab_release(struct rn_vocab *v)
{
    free(v->bytes);
    free(v->start);
    free(v->tokens);
    free(v->pairs);
    *v = (struct rn_vocab){0};
}
