/* showtext.h - text from a model, as it comes, safe to show on a terminal.
 *
 *     struct rn_showtext s = {.out = stdout};
 *     rn_showtext_add(&s, bytes, n);                 any bytes, cut anywhere
 *     rn_showtext_end(&s);
 *
 * Only whole characters go out; bytes that are none, and control characters other than newline and
 * tab, are shown as U+FFFD. */
#ifndef RN_SHOWTEXT_H
#define RN_SHOWTEXT_H

#include <stddef.h>
#include <stdio.h>

struct rn_showtext {
    FILE *out;
    unsigned char held[4]; /* the beginning of a character */
    size_t n;
};
void rn_showtext_add(struct rn_showtext *, const char *bytes, size_t n);
void rn_showtext_end(struct rn_showtext *);

#endif
