#include "listen.h"

#include "library.h"
#include "mem.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, MAX_PER_ADDRESS = 16, IDLE_S = 30, MEMORY_BYTES = 16 << 10 };

#define FUNCTIONS(F)                                                                               \
    F(MHD_add_response_header)                                                                     \
    F(MHD_create_response_from_buffer)                                                             \
    F(MHD_create_response_from_fd_at_offset64)                                                     \
    F(MHD_destroy_response)                                                                        \
    F(MHD_get_daemon_info)                                                                         \
    F(MHD_lookup_connection_value)                                                                 \
    F(MHD_queue_response)                                                                          \
    F(MHD_start_daemon)                                                                            \
    F(MHD_stop_daemon)

static struct {
    FUNCTIONS(RN_LIBRARY_POINTER)
} api;
static struct rn_library microhttpd = RN_LIBRARY(FUNCTIONS, api, RN_SONAME, "libmicrohttpd12");

struct rn_listener {
    rn_answer *answer;
    void *ctx;
    struct MHD_Daemon *daemon;
    char url[96];
};

/* --- answering --- */

void rn_reply_add(struct rn_reply *r, const char *name, const char *fmt, ...)
{
    RN_ASSERT(r->n_headers < RN_REPLY_HEADERS);
    struct rn_reply_header *h = &r->headers[r->n_headers++];
    h->name = name;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(h->value, sizeof h->value, fmt, ap);
    va_end(ap);
}

/* Takes over the reply's body, or leaves it where it is and returns NULL. */
static struct MHD_Response *make_response(const struct rn_reply *r)
{
    if (r->fd >= 0)
        return api.MHD_create_response_from_fd_at_offset64(r->n_bytes, r->fd, r->at_byte);
    return api.MHD_create_response_from_buffer(r->n_bytes, r->text ? r->text : "",
                                               r->text ? MHD_RESPMEM_MUST_FREE
                                                       : MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, const struct rn_reply *r)
{
    struct MHD_Response *response = make_response(r);
    if (!response) {
        free(r->text);
        if (r->fd >= 0)
            close(r->fd);
        return MHD_NO;
    }
    for (size_t i = 0; i < r->n_headers; i++)
        api.MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    enum MHD_Result rc = api.MHD_queue_response(c, r->status, response);
    api.MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result visit(void *ctx, struct MHD_Connection *c, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_bytes, void **state)
{
    const struct rn_listener *l = ctx;
    struct rn_visit v = {.path = url,
                         .range = api.MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range"),
                         .if_range =
                             api.MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range")};
    struct rn_reply r = {.status = MHD_HTTP_NOT_FOUND, .fd = -1};
    (void)version, (void)upload, (void)upload_bytes, (void)state;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        l->answer(l->ctx, &v, &r);
    } else {
        r.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        rn_reply_add(&r, "Allow", "GET, HEAD");
    }
    return send_reply(c, &r);
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

static void name_url(struct rn_listener *l, const char *address)
{
    const union MHD_DaemonInfo *port =
        api.MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT);
    int host = (int)(strrchr(address, ':') - address);
    snprintf(l->url, sizeof l->url, "http://%.*s:%u", host, address, port ? port->port : 0);
}

int rn_listen_start(struct rn_listener **out, const char *address, rn_answer *answer, void *ctx,
                    struct rn_err *err)
{
    union address at;
    if (!parse_address(address, &at)) {
        rn_hint(err, "127.0.0.1:8377, 0.0.0.0:8377 or [::1]:8377");
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%.60s' is not ADDRESS:PORT", address);
    }
    RN_TRY(rn_library_need(&microhttpd, RN_NOWHERE, err));
    struct rn_listener *l = rn_new(struct rn_listener);
    l->answer = answer;
    l->ctx = ctx;
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
                     (at.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    l->daemon = api.MHD_start_daemon(
        flags, 0, NULL, NULL, visit, l, MHD_OPTION_SOCK_ADDR, &at.any, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)MAX_PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_BYTES, MHD_OPTION_END);
    if (!l->daemon) {
        free(l);
        return rn_fail_errno(err, RN_NOWHERE, "cannot listen at %s", address);
    }
    name_url(l, address);
    *out = l;
    return RN_OK;
}

const char *rn_listen_url(const struct rn_listener *l)
{
    return l->url;
}

void rn_listen_stop(struct rn_listener *l)
{
    if (!l)
        return;
    api.MHD_stop_daemon(l->daemon);
    free(l);
}
