#include "cork.h"

#include "mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int note_opened(void *ctx, curl_socket_t s, curlsocktype purpose)
{
    struct rn_cork *c = ctx;
    (void)purpose;
    RN_PUSH(c->sockets, c->n, c->cap, s);
    return CURL_SOCKOPT_OK;
}

static int note_closed(void *ctx, curl_socket_t s)
{
    struct rn_cork *c = ctx;
    for (size_t i = 0; i < c->n; i++)
        if (c->sockets[i] == s) {
            c->sockets[i] = c->sockets[--c->n];
            break;
        }
    return close(s);
}

void rn_cork_watch(struct rn_cork *c, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, note_opened);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, c);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, note_closed);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, c);
}

/* A socket that cannot be corked sends as it always did. */
static void set_all(const struct rn_cork *c, int corked)
{
    for (size_t i = 0; i < c->n; i++)
        setsockopt(c->sockets[i], IPPROTO_TCP, TCP_CORK, &corked, sizeof corked);
}

void rn_cork_hold(const struct rn_cork *c)
{
    set_all(c, 1);
}

void rn_cork_let_go(const struct rn_cork *c)
{
    set_all(c, 0);
}

void rn_cork_release(struct rn_cork *c)
{
    free(c->sockets);
    *c = (struct rn_cork){0};
}
