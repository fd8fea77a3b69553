/* spelling_bee.h - conversations that are made, not read: nanochat's SpellingBee and its
 * SimpleSpelling, row for row.
 *
 *     struct rn_spelling *s;
 *     RN_TRY(rn_spelling_open(&s, "words_alpha.txt", err));
 *     rn_spelling_bee(s, 7, &conversation);                   row 7 of the split `train`
 *     rn_spelling_simple(s, RN_SPELLING_TEST + 7, &conversation);     row 7 of `test`
 *     rn_spelling_free(s);
 *
 * A row is a function of its number alone, drawn by CPython's Random(number). */
#ifndef RN_SPELLING_BEE_H
#define RN_SPELLING_BEE_H

#include "conversation.h"
#include "hash.h"

enum {
    RN_SPELLING_TEST = 10000000
}; /* where the numbers of `test` begin and those of `train` end */

struct rn_spelling;
/* A word a line, of letters a to z. RN_ECORRUPT with the line of anything else, or if there is
 * none. */
int rn_spelling_open(struct rn_spelling **, const char *path, struct rn_err *);
void rn_spelling_free(struct rn_spelling *);                /* takes NULL */
const char *rn_spelling_digest(const struct rn_spelling *); /* hex, over the words */
/* How often a letter stands in a word: counted by hand, then by a tool. */
void rn_spelling_bee(const struct rn_spelling *, int64_t number, struct rn_conversation *);
/* The letters of a word. */
void rn_spelling_simple(const struct rn_spelling *, int64_t number, struct rn_conversation *);

#endif
