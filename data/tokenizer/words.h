/* words.h - distinct pieces of text and how often each stood there.
 *
 *     struct rn_words w = {0};
 *     rn_words_count(&w, split, text, n);        again and again; failures stick in w.err
 *     rn_words_gather(counts, n, &all);          those of several threads as one
 *     rn_words_release(&all);
 *
 * One writer at a time. Which words there are and their counts depend on the texts alone, not on
 * the order they come in. Inside `data` only. */
#ifndef RN_WORDS_H
#define RN_WORDS_H

#include "split.h"
#include "str.h"

struct rn_word {
    size_t start; /* in text */
    uint32_t size_bytes, hash;
    int64_t count;
    uint64_t head; /* the first bytes again, zeros behind: most words are no longer */
};
struct rn_word_slot {
    uint32_t hash, index; /* index into items + 1, 0: free */
};
struct rn_words {
    char *text; /* words end to end */
    size_t text_n, text_cap;
    struct rn_word *items;
    size_t n, cap;
    struct rn_word_slot *slots; /* open addressing */
    size_t mask;
    struct rn_err err; /* the first failure sticks: RN_ENOMEM; nothing is counted after it */
};

/* Counts the pieces of one document. Invalid UTF-8 is counted as U+FFFD. */
void rn_words_count(struct rn_words *, const struct rn_split *, const char *text, size_t n);
/* What n tables have counted, or the first failure of one; nothing may be counted into it any more.
 * The tables are released. Each of n threads takes the words of a share of all
 * hashes, so that none waits for another. */
void rn_words_gather(struct rn_words *, int n, struct rn_words *out);
size_t rn_words_bytes(const struct rn_words *); /* of memory */
void rn_words_release(struct rn_words *);

#endif
