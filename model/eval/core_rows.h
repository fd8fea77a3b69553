/* core_rows.h - the questions of one CORE task, as nanochat draws, words and cuts them.
 *
 *     struct rn_core_rows *r;
 *     RN_TRY(rn_core_rows_load(&r, &task, max_items, err));
 *     for (size_t i = 0; i < rn_core_rows_count(r); i++) {
 *         struct rn_span spans[RN_CORE_OPTIONS] = {0};
 *         size_t n = rn_core_spans(r, i, tokenizer, spans);
 *         ...
 *         rn_spans_release(spans, n);
 *     }
 *     rn_core_rows_free(r);
 *
 * Rows are shuffled by CPython's Random(1337), then cut to max_items. Item i's examples are drawn
 * by Random(1234 + i) from the other items of the cut list, so a cut changes them.
 *
 *     type               row                                      judged
 *     multiple_choice    {query, choices, gold}                   each choice, behind the query
 *     schema             {context_options, continuation, gold}    the continuation, behind each
 *     language_modeling  {context, continuation}                  the continuation, by tokens */
#ifndef RN_CORE_ROWS_H
#define RN_CORE_ROWS_H

#include "span.h"
#include "str.h"

enum { RN_CORE_OPTIONS = 32 };
enum rn_core_type { RN_CORE_CHOICE, RN_CORE_SCHEMA, RN_CORE_LM };

struct rn_core_task { /* an entry of core.yaml, with its row of eval_meta_data.csv */
    const char *label;
    const char *path; /* of its JSONL file */
    enum rn_core_type type;
    int shots;
    const char *delimiter;
    double baseline; /* percent right by guessing, as in the bundle */
};

struct rn_core_rows;
/* The task is borrowed. max_items < 0: all. RN_ECORRUPT with the line for a row of another form. */
int rn_core_rows_load(struct rn_core_rows **, const struct rn_core_task *, int64_t max_items,
                      struct rn_err *);
void rn_core_rows_free(struct rn_core_rows *); /* takes NULL */
size_t rn_core_rows_count(const struct rn_core_rows *);
int64_t rn_core_row_number(const struct rn_core_rows *, size_t i); /* in the file, from 0 */
size_t rn_core_row_gold(const struct rn_core_rows *, size_t i);

/* The texts of an item: one per option; for LM without and with the continuation. texts has
 * RN_CORE_OPTIONS zeroed places, which the caller releases. Returns how many. */
size_t rn_core_texts(const struct rn_core_rows *, size_t i, struct rn_str *texts);
/* Tokens and spans of the prompts to score: one per option; one for LM. */
size_t rn_core_spans(const struct rn_core_rows *, size_t i, const struct rn_tokenizer *,
                     struct rn_span *spans);

#endif
