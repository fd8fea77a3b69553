#include "template.h"

#include "mem.h"

#include <string.h>

/* Digits asked for by "{i}" (0) or "{i:0Nd}" (N) at p, and its length; -1 if it is neither. */
static int counter_digits(const char *p, size_t *length)
{
    if (rn_starts_with(p, "{i}")) {
        *length = 3;
        return 0;
    }
    bool padded =
        rn_starts_with(p, "{i:0") && p[4] >= '1' && p[4] <= '9' && rn_starts_with(p + 5, "d}");
    *length = 7;
    return padded ? p[4] - '0' : -1;
}

/* A printf would take most of the time that a file's names take. */
static void add_number(struct rn_str *out, int digits, int64_t i)
{
    char text[24], *p = text + sizeof text;
    uint64_t rest = (uint64_t)i;
    for (; rest > 0 || p == text + sizeof text; rest /= 10)
        *--p = (char)('0' + rest % 10);
    while (text + sizeof text - p < digits)
        *--p = '0';
    rn_str_add(out, p, (size_t)(text + sizeof text - p));
}

int rn_template_fill(struct rn_str *out, const char *text, int64_t i, const char *file,
                     struct rn_err *err)
{
    RN_ASSERT(i >= 0);
    for (const char *p = text; *p;) {
        size_t length;
        int digits = *p == '{' ? counter_digits(p, &length) : -1;
        if (digits >= 0) {
            add_number(out, digits, i);
            p += length;
        } else if (file && rn_starts_with(p, "{file}")) {
            rn_str_puts(out, file);
            p += strlen("{file}");
        } else if (*p == '{' || *p == '}') {
            rn_hint(err, "{i}, {i:05d}%s", file ? " and {file}" : "; {file} needs a name");
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "cannot fill '%.40s'", p);
        } else {
            size_t n = strcspn(p, "{}");
            rn_str_add(out, p, n);
            p += n;
        }
    }
    return RN_OK;
}

bool rn_template_counts(const char *text)
{
    size_t length;
    for (const char *p = text; (p = strchr(p, '{')); p++)
        if (counter_digits(p, &length) >= 0)
            return true;
    return false;
}

bool rn_name_is_plain(const char *name)
{
    enum { LONGEST = 200 };
    size_t n = strlen(name);
    if (n == 0 || n > LONGEST || name[0] == '.')
        return false;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return !strpbrk(name, "/\\\"'");
}

/* Where the path of an url ends: before query and fragment, or before the hub's @REVISION. */
static size_t path_end(const char *url)
{
    if (!rn_starts_with(url, "hf://"))
        return strcspn(url, "?#");
    const char *at = strrchr(url, '@');
    return at && !strchr(at, '/') ? (size_t)(at - url) : strlen(url);
}

char *rn_url_name(const char *url)
{
    size_t end = path_end(url), start = end;
    while (start > 0 && url[start - 1] != '/' && url[start - 1] != ':')
        start--;
    return rn_xprintf("%.*s", (int)(end - start), url + start);
}
