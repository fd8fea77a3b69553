/* unicode.h - the few facts of Unicode 16.0 that tokenizers ask for.
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

/* Two bits each: classes[block_of[cp >> 8]] has those of 256 code points. */
extern const uint8_t rn_unicode_block_of[0x1100], rn_unicode_classes[][64];

/* Code points from U+110000 on are RN_OTHER. */
static inline enum rn_class rn_unicode_class(uint32_t cp)
{
    if (cp >= 0x110000)
        return RN_OTHER;
    uint8_t four = rn_unicode_classes[rn_unicode_block_of[cp >> 8]][(cp & 255) >> 2];
    return (enum rn_class)(four >> 2 * (cp & 3) & 3);
}

/* The character at p, where valid UTF-8 has one, and its bytes. rn_utf8_next takes any text. */
static inline uint32_t rn_utf8_char(const unsigned char *p, int *len)
{
    *len = 1 + (p[0] >= 0xC0) + (p[0] >= 0xE0) + (p[0] >= 0xF0);
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xE0)
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0)
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu);
}

/* Appends the text with every maximal invalid part replaced by one U+FFFD, as Unicode recommends
 * and Python's errors="replace" does. Valid text is appended unchanged. */
void rn_utf8_repair(const char *text, size_t n, struct rn_str *out);

/* Length in bytes of the first `max` code points of valid UTF-8; *count gets how many there are. */
size_t rn_utf8_crop(const char *text, size_t n, int64_t max, int64_t *count);

#endif
