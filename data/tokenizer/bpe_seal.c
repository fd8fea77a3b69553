/* A vocabulary that has all its tokens is made ready to encode: what can become what. */
#include "bpe.h"

#include "mem.h"

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
            rc = rn_pairs_add(out, parts.p[0], parts.p[1], (int32_t)rank, err);
    }
    rn_ids_release(&parts);
    return rc;
}

/* One pair for each token instead of all its cuts, if that is the same: a table small enough for
 * the processor's cache. */
static int thin_pairs(struct rn_vocab *v, struct rn_err *err)
{
    struct rn_pairs thin = {0};
    int rc = rn_pairs_room(&thin, err);
    if (rc == RN_OK)
        rc = last_pairs(v, &thin, &v->one_pair, err);
    if (rc == RN_OK && v->one_pair) {
        rn_pairs_release(&v->pairs);
        v->pairs = thin;
    } else {
        rn_pairs_release(&thin);
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
    RN_TRY(rn_vocab_add_cuts(v, err));
    RN_TRY(join_bytes(v, err));
    RN_TRY(find_seams(v, err));
    return thin_pairs(v, err);
}
