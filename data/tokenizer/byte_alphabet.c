#include "byte_alphabet.h"

#include "mem.h"

#include <string.h>

static bool shown_as_itself(int b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b != 173);
}

void rn_byte_alphabet_init(struct rn_byte_alphabet *a)
{
    int n = 0;
    memset(a->byte_of, -1, sizeof a->byte_of);
    for (int shown = 1; shown >= 0; shown--) {
        for (int b = 0, next = 256; b < 256; b++) {
            if (shown_as_itself(b) != (shown == 1))
                continue;
            a->char_of[b] = (uint32_t)(shown ? b : next++);
            a->byte_of[a->char_of[b]] = b;
            a->order[n++] = (unsigned char)b;
        }
    }
}

bool rn_byte_alphabet_read(const struct rn_byte_alphabet *a, const char *text, size_t n,
                           struct rn_str *out)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    while (p < end) {
        int len;
        uint32_t cp = rn_utf8_next(p, end, &len);
        if (cp >= RN_COUNT(a->byte_of) || a->byte_of[cp] < 0)
            return false;
        rn_str_putc(out, (char)a->byte_of[cp]);
        p += len;
    }
    return n > 0;
}

void rn_byte_alphabet_write(const struct rn_byte_alphabet *a, const unsigned char *p, size_t n,
                            struct rn_str *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t cp = a->char_of[p[i]];
        if (cp >= 0x80)
            rn_str_putc(out, (char)(0xC0 | cp >> 6));
        rn_str_putc(out, (char)(cp < 0x80 ? cp : (0x80 | (cp & 63))));
    }
}
