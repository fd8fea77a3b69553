/* bpe.h - the vocabulary behind a tokenizer, and encoding one piece with it.
 *
 *     struct rn_vocab v = {0};
 *     RN_TRY(rn_vocab_add(&v, bytes, n, at, err));    each token, in rank order
 *     RN_TRY(rn_vocab_seal(&v, at, err));             checks, builds the pair table
 *     rn_bpe_encode(&v, piece, n, &ids);
 *     rn_vocab_release(&v);
 *
 * Ranks are ids: token i has rank i. A sealed vocabulary is constant: any thread may use it. Inside
 * `data` only; others include tokenizer.h. */
#ifndef RN_BPE_H
#define RN_BPE_H

#include "bpe_pairs.h"
#include "bpe_seams.h"
#include "err.h"
#include "ids.h"

enum {
    RN_TOKEN_MAX_BYTES = 1 << 16, /* one token */
    RN_VOCAB_MAX_TOKENS = (1 << RN_ID_BITS) - 1,
    RN_VOCAB_MAX_BYTES = 1 << 24, /* all tokens */
};

struct rn_token_slot {
    uint32_t tag; /* of the hash: tells most other tokens apart without a look at their bytes */
    int32_t rank; /* -1: free slot */
};
struct rn_vocab {
    unsigned char *bytes; /* tokens end to end */
    uint32_t *start;      /* n + 1 offsets into bytes */
    size_t n, bytes_cap, start_cap;
    struct rn_token_slot *tokens; /* open addressing by content */
    size_t tokens_mask;
    struct rn_pairs pairs;
    bool one_pair;  /* `pairs` has for each token the one pair that can become it */
    size_t longest; /* bytes of the longest token */
    int32_t byte_rank[256];
    int32_t *byte_join; /* [left * 256 + right]: rank of the token of two bytes, or RN_NO_RANK */
    struct rn_seams *seams;
};

/* Appends the token of the next rank. Empty, too long or already there: RN_ECORRUPT at `at`. */
int rn_vocab_add(struct rn_vocab *, const void *bytes, size_t n, struct rn_place at,
                 struct rn_err *);
/* RN_ECORRUPT if one of the 256 bytes is no token. */
int rn_vocab_seal(struct rn_vocab *, struct rn_place at, struct rn_err *);
/* A step of it: `pairs` gets every cut of a token into two. */
int rn_vocab_add_cuts(struct rn_vocab *, struct rn_err *);
void rn_vocab_release(struct rn_vocab *);

int32_t rn_vocab_rank(const struct rn_vocab *, const void *bytes, size_t n); /* -1: no such token */
/* Rank of left's bytes followed by right's, RN_NO_RANK if they are no token (or, if one_pair, one
 * that no merge can make of these two). */
static inline int32_t rn_vocab_join(const struct rn_vocab *v, int32_t left, int32_t right)
{
    return rn_pairs_find(&v->pairs, left, right);
}
const unsigned char *rn_vocab_bytes(const struct rn_vocab *, size_t rank, size_t *n);

/* Appends the ids of one piece: the whole piece if it is a token, else tiktoken's merges (lowest
 * rank first, leftmost on ties). n < 2^32. O(n log n). */
void rn_bpe_encode(const struct rn_vocab *, const unsigned char *piece, size_t n,
                   struct rn_ids *out);
/* The merges alone, of ranks below `limit`. */
void rn_bpe_join(const struct rn_vocab *, const unsigned char *piece, size_t n, int32_t limit,
                 struct rn_ids *out);

#endif
