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

enum { ID_BITS = 21 };
#define FREE_PAIR UINT64_MAX /* no pair: its two ids would be above RN_VOCAB_MAX_TOKENS */

static inline uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)left << ID_BITS | (uint32_t)right;
}

static inline size_t pair_place(const struct rn_pairs *p, uint64_t pair)
{
    return pair * BASE >> (64 - p->bits);
}

static inline size_t pair_slot(const struct rn_pairs *p, uint64_t pair)
{
    size_t mask = ((size_t)1 << p->bits) - 1, i = pair_place(p, pair);
    while (p->slots[i] != FREE_PAIR && p->slots[i] >> ID_BITS != pair)
        i = (i + 1) & mask;
    return i;
}

int32_t rn_vocab_join(const struct rn_vocab *v, int32_t left, int32_t right)
{
    uint64_t pair = pair_key(left, right);
    uint64_t found = v->pairs.slots[pair_place(&v->pairs, pair)];
    /* Mostly the first slot decides, one way or the other, which no processor can foresee. */
    if ((found != FREE_PAIR) & (found >> ID_BITS != pair))
        found = v->pairs.slots[pair_slot(&v->pairs, pair)];
    return found >> ID_BITS == pair ? (int32_t)(found & ((1 << ID_BITS) - 1)) : RN_NO_RANK;
}

static int pairs_room(struct rn_pairs *p, struct rn_err *err)
{
    if (p->slots && p->n < (size_t)1 << p->bits >> 1)
        return RN_OK;
    struct rn_pairs more = {.n = p->n, .bits = p->slots ? p->bits + 1 : 10};
    void *slots;
    RN_TRY(rn_try_alloc(&slots, (size_t)1 << more.bits, sizeof *more.slots, "pair table", err));
    more.slots = memset(slots, -1, sizeof *more.slots << more.bits);
    for (size_t i = 0; p->slots && i < (size_t)1 << p->bits; i++)
        if (p->slots[i] != FREE_PAIR)
            more.slots[pair_slot(&more, p->slots[i] >> ID_BITS)] = p->slots[i];
    free(p->slots);
    *p = more;
    return RN_OK;
}

static int add_pair(struct rn_pairs *p, uint64_t pair, int32_t rank, struct rn_err *err)
{
    RN_TRY(pairs_room(p, err));
    p->slots[pair_slot(p, pair)] = pair << ID_BITS | (uint32_t)rank;
    p->n++;
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
            RN_TRY(add_pair(&v->pairs, pair_key(a, b), rank, err));
    }
    return RN_OK;
}

/* The pairs that merges of lower rank leave of each token, *whole if that is always one pair, as it
 * is for every vocabulary that was trained. Then no other pair can ever become the token: while two
 * parts that make up its bytes stand side by side, no merge crossed their ends, so what was merged
 * between them is what would have been merged had these bytes stood alone. */
static int last_pairs(const struct rn_vocab *v, struct rn_pairs *out, bool *whole,
                      struct rn_err *err)
{
    struct rn_ids parts = {0};
    int rc = RN_OK;
    *whole = true;
    for (size_t rank = 0; rank < v->n && *whole && rc == RN_OK; rank++) {
        size_t n;
        const unsigned char *p = rn_vocab_bytes(v, rank, &n);
        if (n == 1)
            continue;
        parts.n = 0;
        rn_bpe_join(v, p, n, (int32_t)rank, &parts);
        *whole = parts.n == 2;
        if (*whole)
            rc = add_pair(out, pair_key(parts.p[0], parts.p[1]), (int32_t)rank, err);
    }
    rn_ids_release(&parts);
    return rc;
}

/* One pair for each token instead of all its cuts, if that is the same: a table small enough for
 * the processor's cache. */
static int thin_pairs(struct rn_vocab *v, struct rn_err *err)
{
    struct rn_pairs thin = {0};
    int rc = pairs_room(&thin, err);
    if (rc == RN_OK)
        rc = last_pairs(v, &thin, &v->one_pair, err);
    if (rc == RN_OK && v->one_pair) {
        free(v->pairs.slots);
        v->pairs = thin;
    } else {
        free(thin.slots);
    }
    return rc;
}

/* Where every merge begins: the joins of two bytes, without hashing. */
static int join_bytes(struct rn_vocab *v, struct rn_err *err)
{
    void *joins;
    RN_TRY(rn_try_alloc(&joins, 256 * 256, sizeof *v->byte_join, "pair table", err));
    v->byte_join = joins;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            v->byte_join[a * 256 + b] = rn_vocab_join(v, v->byte_rank[a], v->byte_rank[b]);
    return RN_OK;
}

static int find_seams(struct rn_vocab *v, struct rn_err *err)
{
    void *seams;
    RN_TRY(rn_try_alloc(&seams, 1, sizeof *v->seams, "vocabulary", err));
    v->seams = seams;
    for (size_t rank = 0; rank < v->n; rank++) {
        size_t n;
        const unsigned char *p = rn_vocab_bytes(v, rank, &n);
        rn_seams_add(v->seams, p, n);
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
    RN_TRY(pairs_room(&v->pairs, err));
    RN_TRY(join_bytes(v, err));
    RN_TRY(find_seams(v, err));
    return thin_pairs(v, err);
}

void rn_vocab_release(struct rn_vocab *v)
{
    free(v->bytes);
    free(v->start);
    free(v->tokens);
    free(v->pairs.slots);
    free(v->byte_join);
    free(v->seams);
    *v = (struct rn_vocab){0};
}
