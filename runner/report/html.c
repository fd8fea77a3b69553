#include "html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *entity(unsigned char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    }
    return NULL;
}

void rn_html_text(struct rn_str *s, const char *text)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    for (int n; p < end; p += n) {
        uint32_t c = rn_utf8_next(p, end, &n);
        const char *name = n == 1 ? entity(*p) : NULL;
        if (name)
            rn_str_puts(s, name);
        else if (rn_is_control(c) || (c == 0xFFFD && n == 1))
            rn_str_puts(s, "\xEF\xBF\xBD");
        else
            rn_str_add(s, p, (size_t)n);
    }
}

void rn_html_printf(struct rn_str *s, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    rn_html_text(s, text);
}

void rn_html_json(struct rn_str *s, const json_t *doc)
{
    char *text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
    for (const char *p = text; p && *p; p++) {
        if (*p == '<')
            rn_str_puts(s, "\\u003c");
        else
            rn_str_putc(s, *p);
    }
    free(text);
}
