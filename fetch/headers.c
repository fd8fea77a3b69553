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

double rn_retry_after_s(const char *value, double now_s)
{
    struct cursor c = {value ? value : ""};
    int64_t seconds;
    skip_blank(&c);
    if (take_number(&c, &seconds))
        return at_end(&c) ? (double)seconds : 0;
    if (!*c.p || !strchr("MTWFS", *c.p)) /* a date begins with the name of a day */
        return 0;
    time_t at = curl_getdate(c.p, NULL);
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
