/* bpe_pairs.h - which token two tokens make side by side.
 *
 *     struct rn_pairs p = {0};
 *     RN_TRY(rn_pairs_add(&p, left, right, rank, err));
 *     int32_t rank = rn_pairs_find(&p, left, right);          RN_NO_RANK: none
 *     rn_pairs_release(&p);
 *
 * Ids are of RN_ID_BITS bits. Inside of bpe.h. */
#ifndef RN_BPE_PAIRS_H
#define RN_BPE_PAIRS_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    RN_ID_BITS = 21,        /* three of them fit a slot */
    RN_NO_RANK = INT32_MAX, /* larger than every rank, so it never wins */
};

struct rn_pairs {
    uint64_t *slots; /* open addressing: left << 42 | right << 21 | rank of both; ~0: free */
    size_t n;
    int bits; /* 2^bits slots */
};

/* Of a pair that is not there yet. RN_ENOMEM. */
int rn_pairs_add(struct rn_pairs *, int32_t left, int32_t right, int32_t rank, struct rn_err *);
/* Makes room for one more: what has room, if only for none, can be asked. RN_ENOMEM. */
int rn_pairs_room(struct rn_pairs *, struct rn_err *);
int32_t rn_pairs_find(const struct rn_pairs *, int32_t left, int32_t right);
void rn_pairs_release(struct rn_pairs *);

#endif
