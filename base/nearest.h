/* nearest.h - the known word that somebody may have meant who wrote another.
 *
 *     struct rn_nearest near = {.to = name};
 *     for (size_t i = 0; i < n; i++)
 *         rn_nearest_try(&near, stages[i].name);
 *     if (!rn_hint_near(err, near.word))              did you mean 'steps'?
 *         rn_hint(err, "known: %s", all);
 *
 * Near is what two edits make of it, or one of a word of two or three letters. Of words that
 * are tried one by one the first 256 count: a hostile file has thousands, and a mistake in each. */
#ifndef RN_NEAREST_H
#define RN_NEAREST_H

#include "err.h"

#include <stdbool.h>

struct rn_nearest {
    const char *to;   /* what was written; borrowed */
    const char *word; /* the nearest that was tried, the first of equals; borrowed; NULL: none is */
    int edits;        /* from one to the other */
    int n_tried;
};
void rn_nearest_try(struct rn_nearest *, const char *word);
/* The nearest of `words` (NULL-ended), or NULL. */
const char *rn_nearest_of(const char *to, const char *const *words);

/* "did you mean 'WORD'?"; false, and no hint, for NULL. */
bool rn_hint_near(struct rn_err *, const char *word);

/* Up to 3; 4: farther. */
int rn_edit_distance(const char *a, const char *b);

#endif
