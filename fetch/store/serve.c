#include "serve.h"

#include "listen.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rn_serve {
    const struct rn_cache *cache;
    struct rn_listener *listener;
};

/* --- answering --- */

/* An open file of that digest with its size, or -1. */
static int open_content(const struct rn_cache *cache, const char *sha256, int64_t *size_bytes)
{
    char *path = NULL;
    struct stat st;
    if (rn_cache_find(cache, sha256, &path, NULL) != RN_OK || !path)
        return -1;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    free(path);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    *size_bytes = fd >= 0 ? (int64_t)st.st_size : 0;
    return fd;
}

struct span {
    int64_t first, last;
};

/* "bytes=FIRST-", "bytes=FIRST-LAST" or "bytes=-COUNT". False: as if it had not been asked. */
static bool parse_range(const char *text, int64_t size_bytes, struct span *s)
{
    char *end;
    if (strncmp(text, "bytes=", 6) != 0 || strspn(text + 6, "0123456789-") != strlen(text + 6))
        return false;
    text += 6;
    errno = 0;
    s->last = size_bytes - 1;
    if (*text == '-') {
        int64_t count = strtoimax(text + 1, &end, 10);
        s->first = count < size_bytes ? size_bytes - count : 0;
        return end != text + 1 && !*end && !errno && count > 0;
    }
    s->first = strtoimax(text, &end, 10);
    if (end == text || *end != '-' || errno)
        return false;
    if (end[1]) {
        text = end + 1;
        int64_t last = strtoimax(text, &end, 10);
        if (*end || errno || last < s->first)
            return false;
        s->last = last < s->last ? last : s->last;
    }
    return true;
}

/* The range that counts: one that names this very content, which never changes. */
static bool asked_range(const struct rn_visit *v, const char *etag, int64_t size_bytes,
                        struct span *s)
{
    struct span asked;
    if (!v->range || (v->if_range && strcmp(v->if_range, etag) != 0) ||
        !parse_range(v->range, size_bytes, &asked))
        return false;
    *s = asked;
    return true;
}

static void give(const struct rn_visit *v, const char *sha256, int fd, int64_t size_bytes,
                 struct rn_reply *r)
{
    enum { OK = 200, PARTIAL_CONTENT = 206, RANGE_NOT_SATISFIABLE = 416 };
    char etag[RN_HEX + 2];
    struct span s = {0, size_bytes - 1};
    snprintf(etag, sizeof etag, "\"%s\"", sha256);
    bool ranged = asked_range(v, etag, size_bytes, &s);
    bool beyond = ranged && s.first >= size_bytes;
    if (beyond)
        s = (struct span){0, -1};
    r->status = beyond ? RANGE_NOT_SATISFIABLE : ranged ? PARTIAL_CONTENT : OK;
    r->fd = fd;
    r->at_byte = (uint64_t)s.first;
    r->n_bytes = (uint64_t)(s.last - s.first + 1);
    rn_reply_add(r, "Content-Type", "application/octet-stream");
    rn_reply_add(r, "Accept-Ranges", "bytes");
    rn_reply_add(r, "ETag", "%s", etag);
    if (beyond)
        rn_reply_add(r, "Content-Range", "bytes */%" PRId64, size_bytes);
    else if (ranged)
        rn_reply_add(r, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, s.first, s.last,
                     size_bytes);
}

static void answer(void *ctx, const struct rn_visit *v, struct rn_reply *r)
{
    static const char prefix[] = "/sha256/";
    const struct rn_serve *s = ctx;
    const char *sha256 = v->path + sizeof prefix - 1;
    int64_t size_bytes;
    if (strncmp(v->path, prefix, sizeof prefix - 1) != 0 || !rn_sha256_is_hex(sha256))
        return;
    int fd = open_content(s->cache, sha256, &size_bytes);
    if (fd >= 0)
        give(v, sha256, fd, size_bytes, r);
}

/* --- the server --- */

int rn_serve_start(struct rn_serve **out, const struct rn_cache *cache, const char *address,
                   struct rn_err *err)
{
    struct rn_serve *s = rn_new(struct rn_serve);
    s->cache = cache;
    int rc = rn_listen_start(&s->listener, address, answer, s, err);
    if (rc == RN_OK)
        *out = s;
    else
        free(s);
    return rc;
}

const char *rn_serve_url(const struct rn_serve *s)
{
    return rn_listen_url(s->listener);
}

void rn_serve_stop(struct rn_serve *s)
{
    if (!s)
        return;
    rn_listen_stop(s->listener);
    free(s);
}
