/* tokens_in.h - the role `tokens`: what `tokenize` made, or fetched: token shards of any
 * format, or parquet files whose texts are encoded as they are trained on.
 *
 *     RN_TRY(rn_tokens_in_open(&corpus, artifact, "train", tokenizer, job->log, err));
 *
 * Fetched shards of other programs know no tokenizer: their largest id is checked against the
 * vocabulary, and a line of the log says so. */
#ifndef RN_TOKENS_IN_H
#define RN_TOKENS_IN_H

#include "corpus.h"
#include "stage.h"

extern const char *const rn_tokens_in_kinds[]; /* artifact kinds that may stand there */

/* The split's shards; fetched files of other programs are all of them the split that is asked for.
 * The tokenizer outlives the corpus. RN_ECORRUPT as tokens.h and corpus.h say. */
int rn_tokens_in_open(struct rn_corpus **, const struct rn_artifact *, const char *split,
                      const struct rn_tokenizer *, const struct rn_log *, struct rn_err *);
/* Why nobody can say that the tokenizer is theirs; "" if they say it themselves, are text, or are
 * not there yet (NULL). */
void rn_tokens_in_note(const struct rn_artifact *, char note[160]);
/* True if the artifact holds shards of the split by their names. */
bool rn_tokens_in_has(const struct rn_artifact *, const char *split);

#endif
