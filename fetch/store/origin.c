#include "origin.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "x.part" -> "x.meta" */
static char *meta_of(const char *part)
{
    static const char ending[] = "meta";
    char *meta = rn_xdup(part);
    memcpy(meta + strlen(meta) - strlen(ending), ending, strlen(ending));
    return meta;
}

void rn_origin_forget(const char *part)
{
    char *meta = meta_of(part);
    unlink(meta);
    free(meta);
}

void rn_origin_move(const char *from_part, const char *to_part)
{
    char *from = meta_of(from_part), *to = meta_of(to_part);
    if (rn_io.rename(from, to) != 0)
        unlink(to);
    free(from);
    free(to);
}

static const char first_line[] = "runnel-partial 1";

bool rn_origin_write(const struct rn_origin *o, const char *part, int64_t synced_bytes)
{
    struct rn_str s = {0};
    rn_str_printf(&s, "%s\norigin %s\netag %s\nmodified %s\ntotal %" PRId64 "\nsynced %" PRId64,
                  first_line, o->url_sha256, o->etag, o->modified, o->total_bytes, synced_bytes);
    rn_str_puts(&s, "\nend\n");
    char *meta = meta_of(part);
    int fd = open(meta, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (rn_write_all(fd, s.p, s.n) < s.n)
            unlink(meta);
        close(fd);
    }
    free(meta);
    rn_str_release(&s);
    return fd >= 0;
}

/* The rest of the line at *at if it starts with `word`; *at moves on. NULL: another line. */
static char *take_line(char **at, const char *word)
{
    char *line = *at, *end = strchr(line, '\n');
    size_t n = strlen(word);
    if (!end || strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\n'))
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line[n] ? line + n + 1 : line + n;
}

static bool take_text(char **at, const char *word, char *to, size_t cap)
{
    const char *value = take_line(at, word);
    return value && (size_t)snprintf(to, cap, "%s", value) < cap;
}

static bool take_count(char **at, const char *word, int64_t *to)
{
    const char *value = take_line(at, word);
    char *end;
    if (!value || !*value)
        return false;
    *to = strtoll(value, &end, 10);
    return *end == '\0' && *to >= -1;
}

bool rn_origin_read(struct rn_origin *o, const char *part, int64_t *synced_bytes)
{
    enum { LARGEST = 1 << 12 };
    char *text = NULL, *meta = meta_of(part);
    size_t n;
    int rc = rn_file_read(meta, LARGEST, &text, &n, NULL);
    free(meta);
    if (rc != RN_OK)
        return false;
    char *at = text;
    bool good = take_line(&at, first_line) &&
                take_text(&at, "origin", o->url_sha256, sizeof o->url_sha256) &&
                take_text(&at, "etag", o->etag, sizeof o->etag) &&
                take_text(&at, "modified", o->modified, sizeof o->modified) &&
                take_count(&at, "total", &o->total_bytes) &&
                take_count(&at, "synced", synced_bytes) && take_line(&at, "end") &&
                rn_sha256_is_hex(o->url_sha256);
    free(text);
    return good;
}
