#include "str.h"

#include "mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void reserve(struct rn_str *s, size_t extra)
{
    size_t need = s->n + extra + 1;
    if (need <= s->cap)
        return;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need)
        cap *= 2;
    s->p = rn_xrealloc(s->p, cap, 1);
    s->cap = cap;
}

void rn_str_add(struct rn_str *s, const void *bytes, size_t n)
{
    reserve(s, n);
    if (n)
        memcpy(s->p + s->n, bytes, n);
    s->n += n;
    s->p[s->n] = '\0';
}

void rn_str_puts(struct rn_str *s, const char *text)
{
    rn_str_add(s, text, strlen(text));
}

void rn_str_putc(struct rn_str *s, char c)
{
    rn_str_add(s, &c, 1);
}

void rn_str_shell(struct rn_str *s, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=:,+%@";
    if (*word && strspn(word, plain) == strlen(word)) {
        rn_str_puts(s, word);
        return;
    }
    rn_str_putc(s, '\'');
    for (; *word; word++)
        if (*word == '\'')
            rn_str_puts(s, "'\\''");
        else
            rn_str_putc(s, *word);
    rn_str_putc(s, '\'');
}

void rn_str_printf(struct rn_str *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = s->cap - s->n;
    int n = vsnprintf(room ? s->p + s->n : NULL, room, fmt, again);
    va_end(again);
    RN_ASSERT(n >= 0);
    if ((size_t)n >= room) {
        reserve(s, (size_t)n);
        vsnprintf(s->p + s->n, (size_t)n + 1, fmt, ap);
    }
    va_end(ap);
    s->n += (size_t)n;
}

void rn_str_clear(struct rn_str *s)
{
    s->n = 0;
    if (s->p)
        s->p[0] = '\0';
}

void rn_str_release(struct rn_str *s)
{
    free(s->p);
    *s = (struct rn_str){0};
}

void rn_copy_text(char *to, size_t cap, const char *text)
{
    size_t n = strnlen(text, cap - 1);
    memcpy(to, text, n);
    to[n] = '\0';
}

bool rn_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool rn_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static bool continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the valid sequence at p, 0 if none (Unicode 16, table 3-7). */
static int sequence_length(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        return left >= 2 && continuation(p[1]) ? 2 : 0;
    if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        unsigned char lo = p[0] == 0xE0 ? 0xA0 : 0x80, hi = p[0] == 0xED ? 0x9F : 0xBF;
        return left >= 3 && p[1] >= lo && p[1] <= hi && continuation(p[2]) ? 3 : 0;
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        unsigned char lo = p[0] == 0xF0 ? 0x90 : 0x80, hi = p[0] == 0xF4 ? 0x8F : 0xBF;
        return left >= 4 && p[1] >= lo && p[1] <= hi && continuation(p[2]) && continuation(p[3])
                   ? 4
                   : 0;
    }
    return 0;
}

/* Text is mostly ASCII: steps over it 32 bytes at a time. */
static const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
    const uint64_t high_bits = 0x8080808080808080u;
    for (uint64_t w[4]; (size_t)(end - p) >= sizeof w; p += sizeof w) {
        memcpy(w, p, sizeof w);
        if ((w[0] | w[1] | w[2] | w[3]) & high_bits)
            break;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* The same over sequences of three bytes, of which text in some scripts is made; not over those
 * whose second byte has other bounds. */
static const unsigned char *skip_three(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 3 && p[0] > 0xE0 && p[0] < 0xF0 && p[0] != 0xED &&
           ((p[1] ^ 0x80) | (p[2] ^ 0x80)) < 0x40)
        p += 3;
    return p;
}

bool rn_utf8_valid(const void *bytes, size_t n)
{
    const unsigned char *p = bytes, *end = p + n;
    while (p < end) {
        const unsigned char *from = p;
        p = *p < 0x80 ? skip_ascii(p, end) : skip_three(p, end);
        if (p > from)
            continue;
        int len = sequence_length(p, end);
        if (!len)
            return false;
        p += len;
    }
    return true;
}

uint32_t rn_utf8_next(const unsigned char *p, const unsigned char *end, int *len)
{
    *len = sequence_length(p, end);
    switch (*len) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    case 4:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
               (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu);
    default:
        *len = 1;
        return 0xFFFD;
    }
}

bool rn_is_control(uint32_t c)
{
    bool turns = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || turns;
}

const char *rn_show_real(char buf[32], double value)
{
    snprintf(buf, 32, "%.15g", value);
    if (strtod(buf, NULL) != value)
        snprintf(buf, 32, "%.17g", value);
    return buf;
}

const char *rn_show_bytes(char buf[32], double size_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while (size_bytes >= 1024 && u + 1 < RN_COUNT(units)) {
        size_bytes /= 1024;
        u++;
    }
    snprintf(buf, 32, u ? "%.1f %s" : "%.0f %s", size_bytes, units[u]);
    return buf;
}

const char *rn_show_count(char buf[32], double count)
{
    static const char *const units[] = {"", " k", " M", " B", " T"};
    size_t u = 0;
    while (count >= 1000 && u + 1 < RN_COUNT(units)) {
        count /= 1000;
        u++;
    }
    snprintf(buf, 32, u ? "%.1f%s" : "%.0f%s", count, units[u]);
    return buf;
}

const char *rn_show_time(char buf[32], double seconds)
{
    if (seconds < 60)
        snprintf(buf, 32, "%.1f s", seconds);
    else if (seconds < 3600)
        snprintf(buf, 32, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else if (seconds < 100 * 3600.0)
        snprintf(buf, 32, "%d h %02d min", (int)(seconds / 3600), (int)fmod(seconds / 60, 60));
    else
        snprintf(buf, 32, "%.0f d %02d h", floor(seconds / 86400), (int)fmod(seconds / 3600, 24));
    return buf;
}

const char *rn_show_moment(char buf[32], double time_s, double now_s)
{
    static const double DAY_S = 86400, FARTHEST_S = 1e12; /* farther than any calendar here */
    time_t t = (time_t)(fabs(time_s) < FARTHEST_S ? time_s : 0), now = (time_t)now_s;
    struct tm tm, today;
    snprintf(buf, 32, "-");
    if (!localtime_r(&t, &tm) || !localtime_r(&now, &today))
        return buf;
    bool same_day = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
    bool near = fabs(time_s - now_s) < 6 * DAY_S;
    const char *form = same_day ? "%H:%M" : near ? "%a %H:%M" : "%Y-%m-%d %H:%M";
    strftime(buf, 32, form, &tm);
    return buf;
}
