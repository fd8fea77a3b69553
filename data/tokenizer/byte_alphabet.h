/* byte_alphabet.h - bytes written as characters, as GPT-2's files and tokenizer.json do.
 *
 *     struct rn_byte_alphabet a;
 *     rn_byte_alphabet_init(&a);
 *     rn_byte_alphabet_write(&a, bytes, n, &text);            0x20 becomes U+0120
 *     if (!rn_byte_alphabet_read(&a, text.p, text.n, &back))  ...not of this alphabet
 *
 * The printable characters of Latin-1 stand for themselves, the other bytes are U+0100 and
 * following. GPT-2's ids of single bytes go by that order: printable first. */
#ifndef RN_BYTE_ALPHABET_H
#define RN_BYTE_ALPHABET_H

#include "str.h"

struct rn_byte_alphabet {
    int byte_of[512];      /* code point -> byte, -1: none */
    uint32_t char_of[256]; /* byte -> code point */
    unsigned char order[256];
};
void rn_byte_alphabet_init(struct rn_byte_alphabet *);

/* Appends the bytes that the characters stand for. False: another character, or none at all. */
bool rn_byte_alphabet_read(const struct rn_byte_alphabet *, const char *text, size_t n,
                           struct rn_str *out);
/* Appends the characters of the bytes, as UTF-8. */
void rn_byte_alphabet_write(const struct rn_byte_alphabet *, const unsigned char *p, size_t n,
                            struct rn_str *out);

#endif
