#include "listen.h"

#include "mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_CONNECTIONS = 64, MAX_PER_ADDRESS = 16, IDLE_S = 30, MEMORY_BYTES = 16 << 10 };

struct rn_listener {
    struct MHD_Daemon *daemon;
    char url[96];
};

/* --- answering --- */

bool rn_listen_reads(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

enum MHD_Result rn_listen_reply(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

enum MHD_Result rn_listen_refuse(struct MHD_Connection *c, unsigned status)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, "Allow", "GET, HEAD");
    return rn_listen_reply(c, status, r);
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
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT);
    int host = (int)(strrchr(address, ':') - address);
    snprintf(l->url, sizeof l->url, "http://%.*s:%u", host, address, port ? port->port : 0);
}

int rn_listen_start(struct rn_listener **out, const char *address, MHD_AccessHandlerCallback answer,
                    void *ctx, struct rn_err *err)
{
    union address at;
    if (!parse_address(address, &at)) {
        rn_hint(err, "127.0.0.1:8377, 0.0.0.0:8377 or [::1]:8377");
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%.60s' is not ADDRESS:PORT", address);
    }
    struct rn_listener *l = rn_new(struct rn_listener);
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
                     (at.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, ctx, MHD_OPTION_SOCK_ADDR, &at.any,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)MAX_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES, MHD_OPTION_END);
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
    MHD_stop_daemon(l->daemon);
    free(l);
}
