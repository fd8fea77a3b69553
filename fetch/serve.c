#include "serve.h"

#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, MAX_PER_ADDRESS = 16, IDLE_S = 30, MEMORY_BYTES = 16 << 10 };

struct rn_serve {
    const struct rn_cache *cache;
    struct MHD_Daemon *daemon;
    char url[96];
};

/* --- answering --- */

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, "Allow", "GET, HEAD");
    return reply(c, status, r);
}

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
    return reply(c,
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
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED);
    const char *sha256 = url + sizeof prefix - 1;
    if (strncmp(url, prefix, sizeof prefix - 1) != 0 || !rn_sha256_is_hex(sha256))
        return refuse(c, MHD_HTTP_NOT_FOUND);
    int fd = open_content(s->cache, sha256, &size_bytes);
    return fd < 0 ? refuse(c, MHD_HTTP_NOT_FOUND) : give(c, sha256, fd, size_bytes);
}

/* --- starting --- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    long n = strtol(text, &end, 10);
    *port = htons((uint16_t)n);
    return end != text && !*end && n >= 0 && n <= UINT16_MAX;
}

static bool parse_address(const char *text, union address *a)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    *a = (union address){0};
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (!v6) {
        a->v4.sin_family = AF_INET;
        return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1 &&
               parse_port(colon + 1, &a->v4.sin_port);
    }
    size_t n = strlen(host);
    if (host[n - 1] != ']')
        return false;
    host[n - 1] = '\0';
    a->v6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) == 1 &&
           parse_port(colon + 1, &a->v6.sin6_port);
}

static void name_url(struct rn_serve *s, const char *address)
{
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    int host = (int)(strrchr(address, ':') - address);
    snprintf(s->url, sizeof s->url, "http://%.*s:%u", host, address, port ? port->port : 0);
}

int rn_serve_start(struct rn_serve **out, const struct rn_cache *cache, const char *address,
                   struct rn_err *err)
{
    union address at;
    if (!parse_address(address, &at)) {
        rn_hint(err, "127.0.0.1:8377, 0.0.0.0:8377 or [::1]:8377");
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%.60s' is not ADDRESS:PORT", address);
    }
    struct rn_serve *s = rn_new(struct rn_serve);
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
                     (at.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    s->cache = cache;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, s, MHD_OPTION_SOCK_ADDR, &at.any, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)MAX_PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_BYTES, MHD_OPTION_END);
    if (!s->daemon) {
        free(s);
        return rn_fail_errno(err, RN_NOWHERE, "cannot listen at %s", address);
    }
    name_url(s, address);
    *out = s;
    return RN_OK;
}

const char *rn_serve_url(const struct rn_serve *s)
{
    return s->url;
}

void rn_serve_stop(struct rn_serve *s)
{
    if (!s)
        return;
    MHD_stop_daemon(s->daemon);
    free(s);
}
