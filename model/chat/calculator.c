#include "calculator.h"

#include <ctype.h>
#include <string.h>

static bool only(const struct rn_str *s, const char *allowed, bool letters)
{
    for (size_t i = 0; i < s->n; i++) {
        char c = s->p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!(letters && word) && (c == '\0' || !strchr(allowed, c)))
            return false;
    }
    return true;
}

/* Words that nanochat refuses anywhere, in any case. */
static bool is_dangerous(const struct rn_str *s)
{
    static const char *const words[] = {
        "__",      "import", "exec", "eval",    "compile", "open",    "file",    "input",
        "globals", "locals", "vars", "getattr", "setattr", "delattr", "hasattr", "dir"};
    struct rn_str low = {0};
    bool found = false;
    for (size_t i = 0; i < s->n; i++)
        rn_str_putc(&low, (char)tolower((unsigned char)s->p[i]));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found |= strstr(low.p, words[i]) != NULL;
    rn_str_release(&low);
    return found;
}

/* --- texts: ('abc' "def").lower().count('d') --- */

struct reader {
    const char *p; /* NUL-terminated */
};

static void blanks(struct reader *r)
{
    while (*r->p == ' ')
        r->p++;
}

static bool take(struct reader *r, const char *text)
{
    blanks(r);
    if (!rn_starts_with(r->p, text))
        return false;
    r->p += strlen(text);
    return true;
}

/* Literals, one behind another. */
static bool literals(struct reader *r, struct rn_str *out)
{
    bool any = false;
    for (;;) {
        blanks(r);
        char quote = *r->p;
        const char *end = quote == '\'' || quote == '"' ? strchr(r->p + 1, quote) : NULL;
        if (!end)
            return any && quote != '\'' && quote != '"';
        rn_str_add(out, r->p + 1, (size_t)(end - r->p - 1));
        r->p = end + 1;
        any = true;
    }
}

static bool text(struct reader *r, struct rn_str *out)
{
    int depth = 0;
    while (take(r, "("))
        depth++;
    if (!literals(r, out))
        return false;
    while (depth > 0 && take(r, ")"))
        depth--;
    return depth == 0;
}

static size_t count(const struct rn_str *in, const struct rn_str *what)
{
    size_t n = 0;
    if (what->n == 0)
        return in->n + 1;
    for (const char *p = in->p; p && (p = strstr(p, what->p)); p += what->n)
        n++;
    return n;
}

static bool recase(struct reader *r, struct rn_str *s)
{
    bool lower = take(r, ".lower()"), upper = !lower && take(r, ".upper()");
    for (size_t i = 0; i < s->n && (lower || upper); i++)
        s->p[i] = (char)(lower ? tolower((unsigned char)s->p[i]) : toupper((unsigned char)s->p[i]));
    return lower || upper;
}

static bool counting(struct reader *r, struct rn_str *out)
{
    struct rn_str in = {0}, what = {0};
    bool ok = text(r, &in);
    while (ok && recase(r, &in))
        ;
    ok = ok && take(r, ".count(") && text(r, &what) && take(r, ")");
    blanks(r);
    if (ok && *r->p == '\0')
        rn_str_printf(out, "%zu", count(&in, &what));
    ok = ok && *r->p == '\0';
    rn_str_release(&in);
    rn_str_release(&what);
    return ok;
}

bool rn_calculator(const char *expression, size_t n, struct rn_str *out)
{
    struct rn_str s = {0};
    bool found = false;
    if (n > RN_CALCULATOR_MAX)
        return false;
    rn_str_puts(&s, "");
    for (size_t i = 0; i < n; i++)
        if (expression[i] != ',')
            rn_str_putc(&s, expression[i]);
    struct reader r = {s.p};
    if (only(&s, "0123456789*+-/.() ", false))
        found = !strstr(s.p, "**") && rn_arithmetic(s.p, s.n, out);
    else if (only(&s, "'\"()._ ", true))
        found = !is_dangerous(&s) && counting(&r, out);
    rn_str_release(&s);
    return found;
}
