/* eval_choices.h - multiple choice questions with known answers, judged in three ways.
 *
 *     struct rn_choices *c;
 *     RN_TRY(rn_choices_open(&c, "choices.jsonl", err));       {query, choices, gold} a line
 *     struct rn_given_result r;
 *     RN_TRY(rn_choices_score(c, RN_CHOICES_CHAT, run, &r, err));       r.right of r.items
 *     rn_choices_free(c);
 *
 *     RN_CHOICES_CHAT    the question as a chat; the answer text with the lowest mean loss wins
 *     RN_CHOICES_TEXT    the same as plain text: "Question: ...\nAnswer: ...", for base models
 *     RN_CHOICES_LETTER  a chat that lists the answers; the likeliest of the letters wins */
#ifndef RN_EVAL_CHOICES_H
#define RN_EVAL_CHOICES_H

#include "eval_given.h"

struct rn_choices;
enum rn_choices_form { RN_CHOICES_CHAT, RN_CHOICES_TEXT, RN_CHOICES_LETTER };

/* RN_ECORRUPT with the line for a row that is no such question. */
int rn_choices_open(struct rn_choices **, const char *path, struct rn_err *);
void rn_choices_free(struct rn_choices *); /* takes NULL */
size_t rn_choices_count(const struct rn_choices *);
const char *rn_choices_query(const struct rn_choices *, size_t i);
const char *rn_choices_answer(const struct rn_choices *, size_t i); /* the right one */

/* RN_ECONFIG if the form needs chat tokens that the tokenizer lacks, or a letter is no single
 * token. */
int rn_choices_score(const struct rn_choices *, enum rn_choices_form, const struct rn_eval_run *,
                     struct rn_given_result *, struct rn_err *);

#endif
