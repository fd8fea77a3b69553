/* span.h - the part of a prompt that an evaluation judges, and how it is judged.
 *
 *     struct rn_questions q = {0};
 *     struct rn_span *s = rn_questions_add(&q, 4);      a prompt each: ids, [start, end) of them
 *     rn_spans_common_prefix(s, 4);                     start: where the choices part ways
 *     RN_TRY(rn_questions_score(&q, scorer, err));
 *     size_t best = rn_spans_lowest(rn_question(&q, 0), 4);
 *     rn_questions_release(&q); */
#ifndef RN_SPAN_H
#define RN_SPAN_H

#include "scorer.h"
#include "tokenizer.h"

struct rn_span {
    struct rn_ids ids;
    int64_t start, end; /* judged tokens; start >= 1, as the first token is predicted by none */
    /* Set by score: */
    double sum_loss;    /* over the span */
    double mean_loss;   /* NaN where the span is empty */
    bool all_likeliest; /* every token of the span was the model's first choice */
};
void rn_spans_release(struct rn_span *, size_t n);

/* Start of all: the length of their common prefix; end of each: its length. */
void rn_spans_common_prefix(struct rn_span *, size_t n);
/* Each span is the common suffix of all. */
void rn_spans_common_suffix(struct rn_span *, size_t n);
/* Keeps the last max_len tokens of each (0: all); returns how many were longer. */
size_t rn_spans_crop(struct rn_span *, size_t n, int64_t max_len);

/* Index of the lowest mean loss as Python's min finds it: the first among equals, and a NaN only if
 * it stands first. */
size_t rn_spans_lowest(const struct rn_span *, size_t n);

/* --- many questions at once --- */

struct rn_questions { /* zero-initialise */
    struct rn_span *spans;
    size_t *ends; /* of each question's spans */
    size_t n, cap_ends, n_spans, cap_spans;
};
/* Zeroed spans of one more question, valid until the next one is added. */
struct rn_span *rn_questions_add(struct rn_questions *, size_t n_spans);
struct rn_span *rn_question(const struct rn_questions *, size_t i);
size_t rn_question_spans(const struct rn_questions *, size_t i);
int rn_questions_score(struct rn_questions *, struct rn_scorer *, struct rn_err *);
/* Empty afterwards, and may be filled again. */
void rn_questions_release(struct rn_questions *);

#endif
