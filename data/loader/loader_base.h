/* loader_base.h - what the loaders of one stream have in common.
 *
 * Inside of loader_stream.c and loader_bestfit.c; others include loader.h. */
#ifndef RN_LOADER_BASE_H
#define RN_LOADER_BASE_H

#include "feed.h"
#include "loader.h"

struct rn_loader_base {
    const struct rn_corpus *corpus; /* borrowed */
    int64_t B, T;
    struct rn_feed *feed;
    struct rn_corpus_reader *reader;
    int64_t empty; /* documents without tokens since the last one with any */
};
/* RN_ECORRUPT if there are no tokens at all. Release in both cases. */
int rn_loader_base_init(struct rn_loader_base *, const struct rn_corpus *, int64_t B, int64_t T,
                        const struct rn_feed_cfg *, struct rn_err *);
void rn_loader_base_release(struct rn_loader_base *);
/* The next document of the stream and its size, which may be 0; RN_ECORRUPT once a whole pass was
 * empty. pause as feed.h says. */
int rn_loader_base_next(struct rn_loader_base *, int64_t *doc, int64_t *size, bool *pause,
                        struct rn_err *);
/* {"data": digest, "B": ., "T": ., "feed": .}; new reference. */
json_t *rn_loader_base_state(const struct rn_loader_base *);
/* RN_ECORRUPT with both values if the state is of other data or another shape. */
int rn_loader_base_restore(struct rn_loader_base *, const json_t *state, struct rn_err *);
/* Splits rows of T+1 ids that begin `stride` apart into x and y. */
void rn_loader_base_shift(const struct rn_loader_base *, const int32_t *ids, int64_t stride,
                          int32_t *x, int32_t *y);

/* One stream, of which the feed's cfg says the number; see loader.h. */
int rn_loader_stream(struct rn_loader **, const struct rn_corpus *, int64_t B, int64_t T,
                     const struct rn_feed_cfg *, struct rn_err *);
int rn_loader_bestfit(struct rn_loader **, const struct rn_corpus *, int64_t B, int64_t T,
                      const struct rn_feed_cfg *, struct rn_err *);

#endif
