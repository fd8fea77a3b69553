/* stages/tokens_in.h - the role `tokens`: what `tokenize` made, or fetched shards of any format.
 *
 *     RN_TRY(rn_tokens_in_open(&tokens, artifact, "train", tokenizer, job->log, err));
 *
 * Fetched shards of other programs know no tokenizer: their largest id is checked against the
 * vocabulary, and a line of the log says so. */
#ifndef RN_TOKENS_IN_H
#define RN_TOKENS_IN_H

#include "stage.h"
#include "tokenizer.h"
#include "tokens.h"

extern const char *const rn_tokens_in_kinds[]; /* artifact kinds that may stand there */

/* The split's shards; fetched files of other programs are all of them the split that is asked for.
 * RN_ECORRUPT as data/tokens.h says. */
int rn_tokens_in_open(struct rn_tokens **, const struct rn_artifact *, const char *split,
                      const struct rn_tokenizer *, const struct rn_log *, struct rn_err *);
/* True if the artifact holds shards of the split by their names. */
bool rn_tokens_in_has(const struct rn_artifact *, const char *split);

#endif
