#include "lfs.h"

#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The value behind "key " at the start of a line, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return line + n + 1;
        if (!*line)
            break;
    }
    return NULL;
}

static bool parse_oid(const char *value, char hex[RN_HEX])
{
    static const char kind[] = "sha256:";
    if (!value || !rn_starts_with(value, kind))
        return false;
    rn_copy_text(hex, RN_HEX, value + strlen(kind));
    return rn_sha256_is_hex(hex) && value[strlen(kind) + RN_HEX - 1] == '\n';
}

static bool parse_size(const char *value, int64_t *size_bytes)
{
    enum { MOST_DIGITS = 18 };
    size_t n = value ? strspn(value, "0123456789") : 0;
    *size_bytes = n > 0 && n <= MOST_DIGITS ? strtoll(value, NULL, 10) : -1;
    return *size_bytes >= 0 && (value[n] == '\n' || value[n] == '\0');
}

bool rn_lfs_parse(const char *text, size_t n, struct rn_lfs *lfs)
{
    enum { LARGEST = 1024 };
    char copy[LARGEST];
    if (n >= sizeof copy || memchr(text, '\0', n))
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)n, text);
    return rn_starts_with(copy, "version https://git-lfs.github.com/spec/v1\n") &&
           parse_oid(value_of(copy, "oid"), lfs->sha256) &&
           parse_size(value_of(copy, "size"), &lfs->size_bytes);
}

/* The url with its first "/raw/" behind the host replaced, or NULL. */
static char *replace_raw(const char *url, const char *by)
{
    const char *host = strstr(url, "://"), *raw = host ? strstr(host + 3, "/raw/") : NULL;
    return raw ? rn_xprintf("%.*s%s%s", (int)(raw - url), url, by, raw + strlen("/raw/")) : NULL;
}

#define MEDIA "https://media.githubusercontent.com/media/"

char *rn_lfs_object_url(const char *url, const char *hub)
{
    static const char raw_host[] = "https://raw.githubusercontent.com/",
                      github[] = "https://github.com/";
    if (rn_starts_with(url, raw_host))
        return rn_xprintf(MEDIA "%s", url + strlen(raw_host));
    size_t n = strlen(hub);
    if (rn_starts_with(url, hub) && (url[n] == '/' || rn_ends_with(hub, "/")))
        return replace_raw(url, "/resolve/");
    if (!rn_starts_with(url, github))
        return replace_raw(url, "/media/");
    char *plain = replace_raw(url, "/");
    char *media = plain ? rn_xprintf(MEDIA "%s", plain + strlen(github)) : NULL;
    free(plain);
    return media;
}
