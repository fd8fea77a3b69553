/* model/span.h - the part of a prompt that an evaluation judges, and how it is judged.
 *
 *     struct rn_span s[4] = {0};                        a prompt each: ids, [start, end) of them
 *     rn_spans_common_prefix(s, 4);                     start: where the choices part ways
 *     RN_TRY(rn_spans_score(scorer, s, 4, err));
 *     int best = rn_spans_lowest(s, 4);
 *     rn_spans_release(s, 4); */
#ifndef RN_SPAN_H
#define RN_SPAN_H

#include "scorer.h"
#include "tokenizer.h"

struct rn_span {
    struct rn_ids ids;
    int64_t start, end; /* judged tokens; start >= 1, as the first token is predicted by none */
    double mean_loss;   /* over the span; NaN where it is empty. Set by score */
    bool all_likeliest; /* every token of the span was the model's first choice. Set by score */
};
void rn_spans_release(struct rn_span *, size_t n);

/* Start of all: the length of their common prefix; end of each: its length. */
void rn_spans_common_prefix(struct rn_span *, size_t n);
/* Each span is the common suffix of all. */
void rn_spans_common_suffix(struct rn_span *, size_t n);
/* Keeps the last max_len tokens of a longer prompt. 0: nothing is cut. */
void rn_spans_crop(struct rn_span *, size_t n, int64_t max_len);

int rn_spans_score(struct rn_scorer *, struct rn_span *, size_t n, struct rn_err *);
/* Index of the lowest mean loss as Python's min finds it: the first among equals, and a NaN only if
 * it stands first. */
size_t rn_spans_lowest(const struct rn_span *, size_t n);

#endif
