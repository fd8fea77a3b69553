/* feed.h - one canonical stream: in which order the documents of a corpus come.
 *
 *     struct rn_feed_cfg cfg = {RN_SHUFFLE_SHARDS, .seed = 42, .stream = 0, .streams = 8};
 *     RN_TRY(rn_feed_new(&f, corpus, &cfg, err));
 *     RN_TRY(rn_feed_next(f, &doc, &pause, err));                       endlessly, pass after pass
 *     json_t *state = rn_feed_state(f);                                 exact
 *     rn_feed_free(f);
 *
 * Stream s of P takes the row groups s, s + P, ... of each file, as rank s of P ranks of nanochat
 * does. What is a function of (seed, pass) alone, without history:
 *
 *     none     files, groups and documents as stored
 *     shards   the order of the files
 *     rows     that, and the order of the stream's documents within each file
 *
 * Arithmetic only: no document is read. */
#ifndef RN_FEED_H
#define RN_FEED_H

#include "corpus.h"
#include "json.h"

enum rn_shuffle { RN_SHUFFLE_NONE, RN_SHUFFLE_SHARDS, RN_SHUFFLE_ROWS };
extern const char *const rn_shuffle_words[]; /* NULL-ended, in that order */
struct rn_feed_cfg {
    enum rn_shuffle shuffle;
    uint64_t seed;
    int64_t stream, streams; /* 0 <= stream < streams */
};

struct rn_feed;
/* The corpus is borrowed. RN_ECONFIG if the stream would get no document; RN_ENOMEM. */
int rn_feed_new(struct rn_feed **, const struct rn_corpus *, const struct rn_feed_cfg *,
                struct rn_err *);
/* pause: the document is the last one of its group, or of its file where rows are shuffled.
 * RN_ENOMEM. */
int rn_feed_next(struct rn_feed *, int64_t *doc, bool *pause, struct rn_err *);
int64_t rn_feed_pass(const struct rn_feed *);  /* passes given out whole */
json_t *rn_feed_state(const struct rn_feed *); /* new reference */
/* RN_ECORRUPT if there is no such position, or the state is of another order. */
int rn_feed_restore(struct rn_feed *, const json_t *state, struct rn_err *);
void rn_feed_free(struct rn_feed *); /* takes NULL */

#endif
