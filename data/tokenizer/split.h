/* split.h - cuts text into the pieces that BPE never merges across.
 *
 *     const struct rn_split *s = rn_split_find("nanochat");
 *     for (size_t at = 0; at < n; at = end) {
 *         end = rn_split_next(s, text, n, at);
 *         use(text + at, end - at);
 *     }
 *
 * Hand-written equals of three regular expressions, as tiktoken 0.14 and rustbpe 0.1.0 run them.
 * They are alternatives, tried in this order (a space is written as [ ]):
 *
 *     gpt2       '(?:[sdmt]|ll|ve|re)
 *                [ ]?\p{L}+
 *                [ ]?\p{N}+
 *                [ ]?[^\s\p{L}\p{N}]+
 *                \s+(?!\S)
 *                \s+
 *
 *     cl100k     '(?i:[sdmt]|ll|ve|re)
 *                [^\r\n\p{L}\p{N}]?+\p{L}++
 *                \p{N}{1,3}+
 *                [ ]?[^\s\p{L}\p{N}]++[\r\n]*+
 *                \s++$
 *                \s*[\r\n]
 *                \s+(?!\S)
 *                \s
 *
 *     nanochat   as cl100k, with \p{N}{1,2} and without \s++$
 *
 * rn_split_ends gives the same pieces by the hundred, several times as fast. They are linear in the
 * text, without recursion or allocation.
 *
 * Other expressions are run by PCRE2: "regex:\\p{L}+|\\P{L}" is the name of one (split_regex.h).
 *
 * Constant, so any thread. */
#ifndef RN_SPLIT_H
#define RN_SPLIT_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define RN_SPLIT_REGEX "regex:"

struct rn_split;

extern const char *const rn_split_names[];              /* NULL-ended */
const struct rn_split *rn_split_find(const char *name); /* one of these; or NULL */
const char *rn_split_name(const struct rn_split *);

/* A pattern by its name, or the one that the text behind RN_SPLIT_REGEX is. RN_ECORRUPT at `at`. */
int rn_split_open(struct rn_split **, const char *name, struct rn_place at, struct rn_err *);
void rn_split_free(struct rn_split *); /* takes NULL */
/* Texts on which a regular expression gave up: see split_regex.h. */
int64_t rn_split_gave_up(const struct rn_split *);

/* End of the piece that starts at `at` < n; the result is > at and <= n. text is valid UTF-8 and at
 * is the end of the piece before (or 0). */
size_t rn_split_next(const struct rn_split *, const char *text, size_t n, size_t at);

/* The ends of the pieces from `at` on, as rn_split_next gives them one by one: at most `max` >= 64
 * of them, at least one if at < n. Returns how many; the last is where to go on. */
size_t rn_split_ends(const struct rn_split *, const char *text, size_t n, size_t at, size_t *ends,
                     size_t max);

#endif
