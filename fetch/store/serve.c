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
static bool asked_range(struct MHD_Connection *c, const char *etag, int64_t size_bytes,
                        struct span *s)
{
    struct span asked;
    const char *range = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
    const char *condition = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range");
    if (!range || (condition && strcmp(condition, etag) != 0) ||
        !parse_range(range, size_bytes, &asked))
        return false;
    *s = asked;
    return true;
}

static enum MHD_Result give(struct MHD_Connection *c, const char *sha256, int fd,
                            int64_t size_bytes)
{
    char etag[RN_HEX + 2], span[96];
    struct span s = {0, size_bytes - 1};
    snprintf(etag, sizeof etag, "\"%s\"", sha256);
    bool ranged = asked_range(c, etag, size_bytes, &s);
    bool beyond = ranged && s.first >= size_bytes;
    if (beyond)
        s = (struct span){0, -1};
    struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(
        (uint64_t)(s.last - s.first + 1), fd, (uint64_t)s.first);
    if (!r) {
        close(fd);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", "application/octet-stream");
    MHD_add_response_header(r, "Accept-Ranges", "bytes");
    MHD_add_response_header(r, "ETag", etag);
    if (beyond)
        snprintf(span, sizeof span, "bytes */%" PRId64, size_bytes);
    else
        snprintf(span, sizeof span, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, s.first, s.last,
                 size_bytes);
    if (ranged)
        MHD_add_response_header(r, "Content-Range", span);
    return rn_listen_reply(c,
                           beyond   ? MHD_HTTP_RANGE_NOT_SATISFIABLE
                           : ranged ? MHD_HTTP_PARTIAL_CONTENT
                                    : MHD_HTTP_OK,
                           r);
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    static const char prefix[] = "/sha256/";
    const struct rn_serve *s = ctx;
    int64_t size_bytes;
    (void)version, (void)upload, (void)upload_bytes, (void)state;
    if (!rn_listen_reads(method))
        return rn_listen_refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED);
    const char *sha256 = url + sizeof prefix - 1;
    if (strncmp(url, prefix, sizeof prefix - 1) != 0 || !rn_sha256_is_hex(sha256))
        return rn_listen_refuse(c, MHD_HTTP_NOT_FOUND);
    int fd = open_content(s->cache, sha256, &size_bytes);
    return fd < 0 ? rn_listen_refuse(c, MHD_HTTP_NOT_FOUND) : give(c, sha256, fd, size_bytes);
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
