#include "markdown.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Calls put for every character, U+FFFD in place of what must not come through. */
static void each_character(struct rn_str *s, const char *text,
                           void (*put)(struct rn_str *, const char *p, size_t n))
{
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    for (int n; p < end; p += n) {
        uint32_t c = rn_utf8_next(p, end, &n);
        if (rn_is_control(c) || (c == 0xFFFD && n == 1))
            put(s, "\xEF\xBF\xBD", 3);
        else
            put(s, (const char *)p, (size_t)n);
    }
}

static void put_raw(struct rn_str *s, const char *p, size_t n)
{
    rn_str_add(s, p, n);
}

/* A mark of CommonMark or of what GitHub adds to it: tables, mentions, numbers of issues, formulas.
 * An underscore inside a word is none, and a bracket only where a link's target could follow: names
 * of metrics and keys stay readable. */
static bool is_mark(const struct rn_str *s, const char *p)
{
    if (*p == ']')
        return p[1] && strchr("([:", p[1]);
    if (*p == '_')
        return !(s->n && isalnum((unsigned char)s->p[s->n - 1]) && isalnum((unsigned char)p[1]));
    return strchr("<>&\\`*#|~@$", *p);
}

/* Marks as entities: nothing reads those as markup, and no sanitizer has to be relied on. A line
 * end would end a list or a table's row. */
static void put_shown(struct rn_str *s, const char *p, size_t n)
{
    if (n == 1 && (*p == '\n' || *p == '\t'))
        rn_str_putc(s, ' ');
    else if (n == 1 && is_mark(s, p))
        rn_str_printf(s, "&#%d;", *p);
    else
        rn_str_add(s, p, n);
}

void rn_md_text(struct rn_str *s, const char *text)
{
    each_character(s, text, put_shown);
}

/* A fence ends at as many marks as it began with: one more than the longest row inside. */
void rn_md_fenced(struct rn_str *s, const char *text)
{
    size_t longest = 2;
    for (const char *p = text; (p = strchr(p, '`')); p += strspn(p, "`"))
        longest = strspn(p, "`") > longest ? strspn(p, "`") : longest;
    for (size_t i = 0; i <= longest; i++)
        rn_str_putc(s, '`');
    rn_str_puts(s, "text\n");
    each_character(s, text, put_raw);
    rn_str_putc(s, '\n');
    for (size_t i = 0; i <= longest; i++)
        rn_str_putc(s, '`');
    rn_str_puts(s, "\n\n");
}

/* --- values --- */

static void put_thousands(struct rn_str *s, double value)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(value));
    rn_str_puts(s, value < 0 ? "-" : "");
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            rn_str_putc(s, ',');
        rn_str_putc(s, digits[i]);
    }
}

void rn_md_number(struct rn_str *s, double value)
{
    static const double COMMAS = 1e4, WHOLE = 1e15, SMALL = 0.01;
    bool whole = value == floor(value) && fabs(value) < WHOLE;
    if (whole && fabs(value) >= COMMAS)
        put_thousands(s, value);
    else if (whole || fabs(value) < SMALL || fabs(value) >= WHOLE)
        rn_str_printf(s, "%.6g", value);
    else
        rn_str_printf(s, "%.4f", value);
}

void rn_md_value(struct rn_str *s, const json_t *value)
{
    if (json_is_number(value))
        rn_md_number(s, json_number_value(value));
    else if (json_is_string(value))
        rn_md_text(s, json_string_value(value));
    else
        rn_str_putc(s, '-');
}

void rn_md_item(struct rn_str *s, const char *name, const json_t *value)
{
    rn_str_puts(s, "- ");
    rn_md_text(s, name);
    rn_str_puts(s, ": ");
    rn_md_value(s, value);
    rn_str_putc(s, '\n');
}

static void put_in_quotes(struct rn_str *s, const char *p, size_t n)
{
    if (n == 1 && *p == '\n')
        rn_str_puts(s, "\\n");
    else if (n == 1 && strchr("\"\\", *p))
        rn_str_printf(s, "\\%c", *p);
    else
        rn_str_add(s, p, n);
}

void rn_md_quoted(struct rn_str *s, const char *text)
{
    rn_str_putc(s, '"');
    each_character(s, text, put_in_quotes);
    rn_str_putc(s, '"');
}
