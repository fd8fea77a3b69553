/* data/unicode.h - the few facts of Unicode 16.0 that tokenizers ask for.
 *
 *     if (rn_unicode_class(0x4E2D) == RN_LETTER) ...
 *     if (!rn_utf8_valid(text, n))
 *         rn_utf8_repair(text, n, &clean);
 *
 * Pinned to one version of Unicode, because a letter more or less gives other tokens: the same as
 * tiktoken 0.14 and rustbpe 0.1.0 carry. The table is made by tools/unicode_table.py. */
#ifndef RN_UNICODE_H
#define RN_UNICODE_H

#include "str.h"

enum rn_class {
    RN_OTHER,  /* everything else, marks and unassigned included */
    RN_LETTER, /* \p{L} */
    RN_NUMBER, /* \p{N}: Nd, Nl and No */
    RN_SPACE,  /* \s: White_Space */
};

/* Code points from U+110000 on are RN_OTHER. */
enum rn_class rn_unicode_class(uint32_t cp);

/* Appends the text with every maximal invalid part replaced by one U+FFFD, as Unicode recommends
 * and Python's errors="replace" does. Valid text is appended unchanged. */
void rn_utf8_repair(const char *text, size_t n, struct rn_str *out);

/* Length in bytes of the first `max` code points of valid UTF-8; *count gets how many there are. */
size_t rn_utf8_crop(const char *text, size_t n, int64_t max, int64_t *count);

#endif
