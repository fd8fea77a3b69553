/* bpe_merge.h - learns merges from counted words.
 *
 *     struct rn_merger *m;
 *     RN_TRY(rn_merger_new(&m, &words, n_merges, err));
 *     while ((rc = rn_merger_step(m, &pair, err)) == RN_OK && pair.left >= 0)
 *         new_token(pair.left, pair.right);
 *     rn_merger_free(m);
 *
 * Exactly rustbpe's rule: each step takes the pair of adjacent tokens with the highest count, ties
 * by smallest (left, right), and merges it leftmost first wherever it stands. Ids 0 to 255 are
 * bytes; step k makes id 256 + k. Counts are 64 bits. Inside `data` only. */
#ifndef RN_BPE_MERGE_H
#define RN_BPE_MERGE_H

#include "words.h"

struct rn_merger;
struct rn_merge {
    int32_t left, right; /* -1: no pair is left */
};

/* Takes what it needs out of `words`, of which only `items` stays in use (and must stay).
 * RN_ENOMEM; also for more than 4 GiB of distinct words. */
int rn_merger_new(struct rn_merger **, struct rn_words *words, int32_t n_merges, struct rn_err *);
/* At most n_merges times. RN_ENOMEM. */
int rn_merger_step(struct rn_merger *, struct rn_merge *out, struct rn_err *);
void rn_merger_free(struct rn_merger *); /* takes NULL */

#endif
