/* cork.h - requests that are made together travel together.
 *
 *     struct rn_cork cork = {0};
 *     rn_cork_watch(&cork, curl);          every handle of a multi handle: its sockets are known
 *     rn_cork_hold(&cork);
 *     curl_multi_perform(...);             sends one small record for each of 64 requests
 *     rn_cork_let_go(&cork);               and here they leave, in one packet
 *     rn_cork_release(&cork);              after the multi handle
 *
 * libcurl gives each request to the socket as it makes it, and switches Nagle's algorithm off: each
 * becomes a packet of its own and wakes the server, or the card, for itself. */
#ifndef RN_CORK_H
#define RN_CORK_H

#include <curl/curl.h>
#include <stddef.h>

struct rn_cork {
    int *sockets; /* open ones */
    size_t n, cap;
};

/* The cork must live as long as the connections that the handle makes. */
void rn_cork_watch(struct rn_cork *, CURL *);
void rn_cork_hold(const struct rn_cork *);
void rn_cork_let_go(const struct rn_cork *);
void rn_cork_release(struct rn_cork *);

#endif
