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

static void add(struct rn_str *trail, const char *before, const char *text)
{
    struct rn_str line = {0};
    add_printable(&line, text);
    if (trail->n + strlen(before) + line.n + 1 <= RN_TRAIL_BYTES)
        rn_str_printf(trail, "%s%s\n", before, line.p ? line.p : "");
    rn_str_release(&line);
}

void rn_trail_hop(struct rn_str *trail, const char *url)
{
    char *plain = rn_url_plain(url);
    add(trail, "> ", plain);
    free(plain);
}

static bool name_holds(const char *line, size_t name_bytes, const char *const *words)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)name_bytes, line);
    for (; *words; words++)
        if (strcasestr(name, *words))
            return true;
    return false;
}

void rn_trail_line(struct rn_str *trail, const char *line, size_t n)
{
    enum { LONGEST = 512 };
    static const char *const secret[] = {"cookie", "auth", "token", "secret", "key", NULL};
    static const char *const urls[] = {"location", "link", "refresh", "referer", NULL};
    char copy[LONGEST];
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
        n--;
    if (n == 0)
        return;
    snprintf(copy, sizeof copy, "%.*s", (int)(n < LONGEST ? n : LONGEST), line);
    size_t name = strcspn(copy, ":");
    if (copy[name] && name_holds(copy, name, secret)) {
        snprintf(copy + name, sizeof copy - name, ": (not shown)");
    } else if (copy[name] && name_holds(copy, name, urls)) {
        char *plain = rn_url_plain(copy + name + 1 + strspn(copy + name + 1, " "));
        snprintf(copy + name, sizeof copy - name, ": %s", plain);
        free(plain);
    }
    add(trail, "", copy);
}
