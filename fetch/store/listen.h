/* listen.h - a small web server that only answers: bounded in connections, in all and from
 * one address, in time and in memory. HTTP by libmicrohttpd, which is opened when it starts.
 *
 *     static void answer(void *ctx, const struct rn_visit *v, struct rn_reply *r)
 *     {
 *         r->status = 200;
 *         r->text = hello_to(v->path, &r->n_bytes);
 *     }
 *     struct rn_listener *l;
 *     RN_TRY(rn_listen_start(&l, "127.0.0.1:0", answer, ctx, err));
 *     puts(rn_listen_url(l));                            "http://127.0.0.1:40123"
 *     rn_listen_stop(l); */
#ifndef RN_LISTEN_H
#define RN_LISTEN_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/* A GET, or a HEAD, of whose answer the body is left out; other methods are refused. Borrowed. */
struct rn_visit {
    const char *path;
    const char *range, *if_range; /* headers; NULL: not sent */
};
/* 404 and nothing else until `answer` fills it in. The body is a text or a part of a file; both are
 * taken over. */
enum { RN_REPLY_HEADERS = 4 };
struct rn_reply {
    unsigned status;
    char *text;       /* malloc'ed; NULL: none */
    int fd;           /* -1: none */
    uint64_t at_byte; /* where the part of the file begins */
    uint64_t n_bytes; /* of the text or the part */
    struct rn_reply_header {
        const char *name; /* borrowed */
        char value[96];
    } headers[RN_REPLY_HEADERS];
    size_t n_headers;
};
void rn_reply_add(struct rn_reply *, const char *name, const char *fmt, ...) RN_PRINTF(3, 4);

/* Called by a thread of the listener. */
typedef void rn_answer(void *ctx, const struct rn_visit *, struct rn_reply *);

struct rn_listener;
/* "ADDRESS:PORT", numbers; IPv6 in [ ]; port 0: any. ctx must outlive it. RN_EUSAGE: no such
 * address; RN_EIO: it cannot be had, or the library cannot. Answers from threads of its own. */
int rn_listen_start(struct rn_listener **, const char *address, rn_answer *, void *ctx,
                    struct rn_err *);
const char *rn_listen_url(const struct rn_listener *);
void rn_listen_stop(struct rn_listener *); /* takes NULL */

#endif
