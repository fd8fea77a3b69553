#define _GNU_SOURCE
#include "trail.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *rn_url_plain(const char *url)
{
    const char *slashes = strstr(url, "://");
    size_t end = strcspn(url, "?#");
    if (!slashes || slashes >= url + end)
        return rn_xprintf("%.*s", (int)end, url);
    const char *host = slashes + 3;
    size_t authority = strcspn(host, "/?#");
    for (const char *at = host; (at = memchr(at, '@', (size_t)(host + authority - at)));) {
        authority -= (size_t)(++at - host);
        host = at;
    }
    return rn_xprintf("%.*s%.*s", (int)(slashes + 3 - url), url, (int)(url + end - host), host);
}

static void add_printable(struct rn_str *s, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p > 0x7E)
            rn_str_printf(s, "\\x%02X", *p);
        else
            rn_str_putc(s, (char)*p);
}

/* --- keeping: a line of each, behind what it is --- */

enum { LONGEST = 512 };
static const char hop = '>', header = ':';

/* What does not fit is left out whole. */
static void keep(struct rn_str *trail, char kind, const char *text, size_t n)
{
    n = n < LONGEST ? n : LONGEST - 1;
    if (trail->n + n + 2 > RN_TRAIL_BYTES)
        return;
    rn_str_putc(trail, kind);
    rn_str_add(trail, text, n);
    rn_str_putc(trail, '\n');
}

void rn_trail_hop(struct rn_str *trail, const char *url)
{
    keep(trail, hop, url, strcspn(url, "\r\n"));
}

void rn_trail_line(struct rn_str *trail, const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
        n--;
    if (n > 0)
        keep(trail, header, line, n);
}

/* --- showing --- */

static bool name_holds(const char *line, size_t name_bytes, const char *const *words)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)name_bytes, line);
    for (; *words; words++)
        if (strcasestr(name, *words))
            return true;
    return false;
}

static void hide_secrets(char *line, size_t cap)
{
    static const char *const secret[] = {"cookie", "auth", "token", "secret", "key", NULL};
    static const char *const urls[] = {"location", "link", "refresh", "referer", NULL};
    size_t name = strcspn(line, ":");
    if (line[name] && name_holds(line, name, secret)) {
        snprintf(line + name, cap - name, ": (not shown)");
    } else if (line[name] && name_holds(line, name, urls)) {
        char *plain = rn_url_plain(line + name + 1 + strspn(line + name + 1, " "));
        snprintf(line + name, cap - name, ": %s", plain);
        free(plain);
    }
}

static void show(struct rn_str *text, const char *before, const char *line)
{
    struct rn_str safe = {0};
    add_printable(&safe, line);
    if (text->n + strlen(before) + safe.n + 1 <= RN_TRAIL_BYTES)
        rn_str_printf(text, "%s%s\n", before, safe.p ? safe.p : "");
    rn_str_release(&safe);
}

static void show_line(struct rn_str *text, char kind, const char *line, size_t n)
{
    char copy[LONGEST + sizeof ": (not shown)"];
    snprintf(copy, sizeof copy, "%.*s", (int)n, line);
    if (kind == hop) {
        char *plain = rn_url_plain(copy);
        show(text, "> ", plain);
        free(plain);
    } else {
        hide_secrets(copy, sizeof copy);
        show(text, "", copy);
    }
}

void rn_trail_show(const struct rn_str *trail, struct rn_str *text)
{
    for (size_t at = 0; at < trail->n;) {
        const char *line = trail->p + at;
        const char *end = memchr(line, '\n', trail->n - at);
        show_line(text, *line, line + 1, (size_t)(end - line) - 1);
        at += (size_t)(end - line) + 1;
    }
}
