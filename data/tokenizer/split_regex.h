/* split_regex.h - a split pattern that the user wrote, run by PCRE2.
 *
 *     struct rn_regex *r;
 *     RN_TRY(rn_regex_new(&r, "\\p{L}+|\\s+", at, err));
 *     count = rn_regex_ends(r, text, n, at, ends, max);         as rn_split_ends
 *     rn_regex_free(r);
 *
 * Classes are those of the Unicode that PCRE2 was built with (rn_regex_unicode), `$` is the end of
 * the text. What lies between two matches is a piece too: text is never lost. A match that takes
 * more than RN_REGEX_STEPS is given up, and the rest of the text is one piece; that is counted, so
 * that training can refuse the pattern. Constant but for that count: any thread. Inside `data`
 * only. */
#ifndef RN_SPLIT_REGEX_H
#define RN_SPLIT_REGEX_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum { RN_REGEX_MAX_BYTES = 4096, RN_REGEX_STEPS = 100000000 };

struct rn_regex;

/* RN_ECORRUPT at `at`: too long, no regular expression, or one that matches nothing at all. */
int rn_regex_new(struct rn_regex **, const char *pattern, struct rn_place at, struct rn_err *);
void rn_regex_free(struct rn_regex *); /* takes NULL */
/* max >= 2. */
size_t rn_regex_ends(const struct rn_regex *, const char *text, size_t n, size_t at, size_t *ends,
                     size_t max);
/* Texts of which a rest was one piece because matching was given up. */
int64_t rn_regex_gave_up(const struct rn_regex *);
/* "14.0.0", say. */
const char *rn_regex_unicode(char buf[24]);

#endif
