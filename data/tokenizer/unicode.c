#include "unicode.h"

#include "unicode_table.inc"

/* What the byte after `lead` may be (Unicode 16, table 3-7); false for bytes that lead nothing. */
static bool second_byte(unsigned char lead, unsigned char *lo, unsigned char *hi)
{
    *lo = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *hi = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return lead >= 0xC2 && lead <= 0xF4;
}

/* Bytes at p, where no valid sequence starts, that one U+FFFD stands for. */
static size_t invalid_part(const unsigned char *p, const unsigned char *end)
{
    unsigned char lo, hi;
    if (!second_byte(p[0], &lo, &hi) || end - p < 2 || p[1] < lo || p[1] > hi)
        return 1;
    bool third = p[0] >= 0xF0 && end - p >= 3 && (p[2] & 0xC0) == 0x80;
    return third ? 3 : 2;
}

void rn_utf8_repair(const char *text, size_t n, struct rn_str *out)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    while (p < end) {
        int len;
        uint32_t cp = rn_utf8_next(p, end, &len);
        if (cp == 0xFFFD && len == 1) {
            rn_str_puts(out, "\xEF\xBF\xBD");
            p += invalid_part(p, end);
        } else {
            rn_str_add(out, p, (size_t)len);
            p += len;
        }
    }
}

size_t rn_utf8_crop(const char *text, size_t n, int64_t max, int64_t *count)
{
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        bool starts = ((unsigned char)text[i] & 0xC0) != 0x80;
        if (starts && *count == max)
            return i;
        *count += starts;
    }
    return n;
}
