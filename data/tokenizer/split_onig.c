#include "split_onig.h"

#include <string.h>

enum { DEPTH_MAX = 256 }; /* PCRE2 allows 250 */

struct writer {
    const char *p;
    struct rn_str *out;
    size_t atom;             /* where the last atom begins in out */
    size_t group[DEPTH_MAX]; /* where the open groups begin */
    int depth;
};

static void copy(struct writer *w, size_t n)
{
    rn_str_add(w->out, w->p, n);
    w->p += n;
}

static void copy_atom(struct writer *w, size_t n)
{
    w->atom = w->out->n;
    copy(w, n);
}

/* Bytes up to and with `c`; 0 if it does not come. */
static size_t through(const char *p, char c)
{
    const char *end = strchr(p, c);
    return end ? (size_t)(end - p) + 1 : 0;
}

/* Bytes of the escape at p. 0: it means something else there, or nothing. */
static size_t escape_size(const char *p)
{
    if (!p[1] || strchr("hHvVNRXKQECGgkocu", p[1]))
        return 0;
    if (!strchr("pPx", p[1]))
        return 2;
    if (p[2] == '{')
        return through(p, '}');
    return p[1] == 'x' ? 2 : p[2] ? 3 : 0;
}

/* Bytes of the set at p. 0: it has another set, or &&, which there is the common part of two. */
static size_t set_size(const char *p)
{
    const char *q = p + 1;
    q += *q == '^';
    if (*q == ']')
        return 0;
    while (*q && *q != ']') {
        size_t n = *q == '\\' ? escape_size(q) : *q == '[' || (q[0] == '&' && q[1] == '&') ? 0 : 1;
        if (!n)
            return 0;
        q += n;
    }
    return *q ? (size_t)(q - p) + 1 : 0;
}

/* "(", "(?:", "(?i:", "(?=", "(?<!" and so on; 0: names, verbs, conditions and other flags. */
static size_t opening_size(const char *p)
{
    static const char *const known[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    if (p[1] != '?' && p[1] != '*')
        return 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (rn_starts_with(p, known[i]))
            return strlen(known[i]);
    return 0;
}

static bool open_group(struct writer *w)
{
    size_t n = opening_size(w->p);
    if (!n || w->depth == DEPTH_MAX)
        return false;
    w->group[w->depth++] = w->out->n;
    copy(w, n);
    return true;
}

static bool close_group(struct writer *w)
{
    if (w->depth == 0)
        return false;
    w->atom = w->group[--w->depth];
    copy(w, 1);
    return true;
}

/* Bytes of a count such as {2}, {2,} or {2,3} at p; 0 if the brace is only a brace. */
static size_t count_size(const char *p)
{
    size_t digits = strspn(p + 1, "0123456789"), n = 1 + digits;
    if (digits && p[n] == ',')
        n += 1 + strspn(p + n + 1, "0123456789");
    return digits && p[n] == '}' ? n + 1 : 0;
}

static void atomic(struct writer *w, size_t count)
{
    struct rn_str atom = {0};
    rn_str_add(&atom, w->out->p + w->atom, w->out->n - w->atom);
    w->out->n = w->atom;
    rn_str_printf(w->out, "(?>%s", atom.p);
    copy(w, count);
    rn_str_puts(w->out, ")");
    w->p++; /* the plus */
    rn_str_release(&atom);
}

static bool brace(struct writer *w)
{
    size_t n = count_size(w->p);
    if (!n || w->p[n] == '?')
        return false;
    if (w->p[n] == '+')
        atomic(w, n);
    else
        copy(w, n);
    return true;
}

static bool sized_atom(struct writer *w, size_t n)
{
    if (n)
        copy_atom(w, n);
    return n > 0;
}

static bool anchor(struct writer *w, const char *there)
{
    w->atom = w->out->n;
    rn_str_puts(w->out, there);
    w->p++;
    return true;
}

static size_t character_size(const char *p)
{
    size_t n = 1;
    while (((unsigned char)p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

static bool step(struct writer *w)
{
    switch (*w->p) {
    case '\\':
        return sized_atom(w, escape_size(w->p));
    case '[':
        return sized_atom(w, set_size(w->p));
    case '(':
        return open_group(w);
    case ')':
        return close_group(w);
    case '{':
        return brace(w);
    case '^':
        return anchor(w, "\\A");
    case '$':
        return anchor(w, "\\z");
    case '*':
    case '+':
    case '?':
    case '|':
        copy(w, 1);
        return true;
    default:
        return sized_atom(w, character_size(w->p));
    }
}

bool rn_onig_print(const char *regex, struct rn_str *out)
{
    struct writer w = {.p = regex, .out = out, .atom = out->n};
    while (*w.p)
        if (!step(&w))
            return false;
    return true;
}
