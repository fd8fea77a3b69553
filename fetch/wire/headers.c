#define _GNU_SOURCE
#include "headers.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* What is left of a value; every step takes something from its front or fails. */
struct cursor {
    const char *p;
};

static void skip_blank(struct cursor *c)
{
    c->p += strspn(c->p, " \t");
}

static bool take(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    if (strncasecmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* Digits that fit; no sign, no blank. */
static bool take_number(struct cursor *c, int64_t *n)
{
    size_t digits = strspn(c->p, "0123456789");
    *n = 0;
    for (size_t i = 0; i < digits; i++) {
        int64_t digit = c->p[i] - '0';
        if (*n > (INT64_MAX - digit) / 10)
            return false;
        *n = *n * 10 + digit;
    }
    c->p += digits;
    return digits > 0;
}

static bool at_end(struct cursor *c)
{
    skip_blank(c);
    return *c->p == '\0';
}

static bool take_span(struct cursor *c, struct rn_content_range *r)
{
    if (take(c, "*")) {
        r->first = r->last = -1;
        return true;
    }
    return take_number(c, &r->first) && take(c, "-") && take_number(c, &r->last) &&
           r->first <= r->last;
}

static bool take_total(struct cursor *c, struct rn_content_range *r)
{
    r->total = -1;
    return take(c, "*") || take_number(c, &r->total);
}

bool rn_content_range_parse(const char *value, struct rn_content_range *r)
{
    struct cursor c = {value ? value : ""};
    skip_blank(&c);
    if (!take(&c, "bytes") || (*c.p != ' ' && *c.p != '\t'))
        return false;
    skip_blank(&c);
    if (!take_span(&c, r) || !take(&c, "/") || !take_total(&c, r) || !at_end(&c))
        return false;
    bool says_nothing = r->first < 0 && r->total < 0;
    bool past_the_end = r->total >= 0 && r->last >= r->total;
    return !says_nothing && !past_the_end;
}

int64_t rn_content_length(const char *value)
{
    struct cursor c = {value ? value : ""};
    int64_t first = -1, n;
    do {
        skip_blank(&c);
        if (!take_number(&c, &n) || (first >= 0 && n != first))
            return -1;
        first = n;
        skip_blank(&c);
    } while (take(&c, ","));
    return at_end(&c) ? first : -1;
}

/* Two digits at p, or -1. */
static int two_digits(const char *p)
{
    bool digits = p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
    return digits ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* From 1 to 12, or 0. */
static int month_of(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (strncmp(names + (ptrdiff_t)i * 3, p, 3) == 0)
            return i + 1;
    return 0;
}

/* Days from 1970-01-01; years begin in March, so that the leap day is a year's last. */
static int64_t days_since_1970(int year, int month, int day)
{
    int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", as all servers of today send it. -1: it is not of this form. */
static int64_t usual_date_s(const char *p)
{
    static const char form[] = "???, ?? ??? ???? ??:??:?? GMT";
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == '?' ? p[i] < ' ' : p[i] != form[i])
            return -1;
    int day = two_digits(p + 5), month = month_of(p + 8), century = two_digits(p + 12),
        year = two_digits(p + 14), hour = two_digits(p + 17), minute = two_digits(p + 20),
        second = two_digits(p + 23);
    if (day < 1 || day > 31 || month == 0 || century < 0 || year < 0 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return -1;
    return days_since_1970(century * 100 + year, month, day) * 86400 + hour * 3600 + minute * 60 +
           second;
}

int64_t rn_date_s(const char *value)
{
    int64_t usual_s = value ? usual_date_s(value) : -1;
    return usual_s > 0 || !value ? usual_s : (int64_t)curl_getdate(value, NULL);
}

double rn_retry_after_s(const char *value, double now_s)
{
    struct cursor c = {value ? value : ""};
    int64_t seconds;
    skip_blank(&c);
    if (take_number(&c, &seconds))
        return at_end(&c) ? (double)seconds : 0;
    if (!*c.p || !strchr("MTWFS", *c.p)) /* a date begins with the name of a day */
        return 0;
    int64_t at = rn_date_s(c.p);
    return at > 0 && (double)at > now_s ? (double)at - now_s : 0;
}

/* The number behind `name=`, which must stand at the beginning or after ';', ',' or a blank. */
static bool parameter(const char *value, const char *name, int64_t *n)
{
    size_t len = strlen(name);
    for (const char *p = value; (p = strcasestr(p, name)); p++) {
        struct cursor c = {p + len};
        bool begins = p == value || strchr(";, \t", p[-1]);
        if (begins && take(&c, "=") && take_number(&c, n))
            return true;
    }
    return false;
}

double rn_rate_limit_wait_s(const char *value)
{
    int64_t left, wait_s;
    if (!value || (!parameter(value, "r", &left) && !parameter(value, "remaining", &left)))
        return 0;
    if (!parameter(value, "t", &wait_s) && !parameter(value, "reset", &wait_s))
        return 0;
    return left == 0 ? (double)wait_s : 0;
}

bool rn_etag_is_strong(const char *value)
{
    enum { LONGEST = 256 };
    struct cursor c = {value ? value : ""};
    skip_blank(&c);
    if (!take(&c, "\""))
        return false;
    const unsigned char *p = (const unsigned char *)c.p;
    size_t n = 0;
    while (n < LONGEST && p[n] > ' ' && p[n] < 0x7F && p[n] != '"')
        n++;
    c.p += n;
    return take(&c, "\"") && at_end(&c);
}
