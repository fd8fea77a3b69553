/* task.h - a set of conversations to learn from, by name: one row of the table in task.c each.
 *
 *     struct rn_task *t;
 *     RN_TRY(rn_task_open(&t, "gsm8k", "train", paths, n_paths, err));
 *     struct rn_conversation c;
 *     for (int64_t i = 0; i < rn_task_rows(t); i++) {
 *         RN_TRY(rn_task_get(t, i, &c, err));
 *         use(&c);
 *         rn_conversation_release(&c);
 *     }
 *     rn_task_free(t);
 *
 * Files are JSONL or parquet (.parquet), as the hub keeps them:
 *
 *     conversations, smoltalk   {messages: [{role, content}, ...]}; JSONL also the bare list
 *     gsm8k                     {question, answer}
 *     mmlu                      {question, choices, answer: index}
 *     arc                       {question, choices: {text, label}, answerKey: label}
 *     choices                   {query, choices, gold: index}
 *
 *     spelling-bee, simple-spelling   a word a line; the rows are made of them, 10,000,000 a split
 *
 * Rows are read whole when the task is opened (their text stays in memory) and parsed when asked
 * for. Row i is the i-th in nanochat's order: hub data sets are permuted by numpy's
 * default_rng(42), conversation files are as written. */
#ifndef RN_TASK_H
#define RN_TASK_H

#include "conversation.h"

extern const char *const rn_task_names[]; /* NULL-ended: "conversations", "gsm8k", ... */

struct rn_task;
/* split: "train" or "test", heeded where rows are made; files that are read are a split each.
 * RN_ECONFIG: unknown name or split; RN_ECORRUPT with file and line or row: bad content. */
int rn_task_open(struct rn_task **, const char *name, const char *split, const char *const *paths,
                 size_t n_paths, struct rn_err *);
bool rn_task_is_made(const char *name); /* its rows are made, as many as are asked for */
void rn_task_free(struct rn_task *);    /* takes NULL */
const char *rn_task_name(const struct rn_task *);
int64_t rn_task_rows(const struct rn_task *);
const char *rn_task_digest(const struct rn_task *); /* over name and rows */
/* The row as it stands in its file (not where rows are made); a new reference. */
int rn_task_row(const struct rn_task *, int64_t row, json_t **, struct rn_err *);
/* The caller releases the conversation, also after an error. */
int rn_task_get(const struct rn_task *, int64_t row, struct rn_conversation *, struct rn_err *);

/* nanochat's text of a multiple choice question, letters A, B, ... */
void rn_task_choice_question(const char *query, const char *const *choices, size_t n,
                             struct rn_str *out);

#endif
