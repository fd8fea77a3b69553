/* fetch/wire.h - many transfers at once, in one thread.
 *
 *     struct rn_wire *wire = rn_wire_new(&(struct rn_wire_rules){.stall_s = 30});
 *     RN_TRY(rn_wire_start(wire, &get, &partial, tag, err));        any number of them
 *     while (rn_wire_running(wire)) {
 *         rn_wire_work(wire, 100);                                  at most 100 ms
 *         for (struct rn_ended e; rn_wire_next(wire, &e);)
 *             judge(e.tag, &e.response);
 *     }
 *     rn_wire_free(wire);                                           drops what still runs
 *
 * A transfer is one GET with its redirects, one request a hop: what a hop may be and which host may
 * see a secret header is decided here and not by libcurl. The body goes into a partial file and is
 * digested on the way. A partial that holds bytes is gone on with by Range, but only where that
 * cannot splice two versions: with If-Range and a strong validator, or under a digest that will be
 * compared. Answers to such a request:
 *
 *     206     its own Content-Range counts: it may start earlier than asked, never later; another
 *             total, validator or an encoding: the bytes are forgotten and asked for anew
 *     200     the whole body: starts over
 *     416     with a total of just what is there: the body is whole; otherwise asked for anew */
#ifndef RN_WIRE_H
#define RN_WIRE_H

#include "clock.h"
#include "http.h"
#include "partial.h"
#include "request.h"

struct rn_wire_rules {
    const struct rn_clock *clock; /* NULL: the system's */
    double connect_s, stall_s;    /* connect_s 0: 15 */
};

struct rn_wire;
struct rn_wire *rn_wire_new(const struct rn_wire_rules *);
void rn_wire_free(struct rn_wire *); /* takes NULL; partials stay with their owners */

/* get.url and the partial must live until the transfer has ended. RN_ECONFIG: not an url of its
 * kind; a finding that needs no wire (plain http from afar) comes out of rn_wire_next too. */
int rn_wire_start(struct rn_wire *, const struct rn_get *, struct rn_partial *, void *tag,
                  struct rn_err *);

/* Sends and receives; returns when something ended, was woken up, or wait_ms passed. */
void rn_wire_work(struct rn_wire *, int wait_ms);
void rn_wire_wake(struct rn_wire *); /* any thread */
size_t rn_wire_running(const struct rn_wire *);
int64_t rn_wire_received(const struct rn_wire *); /* bytes of bodies, by all transfers so far */

struct rn_ended {
    void *tag;
    struct rn_response response; /* owned by the caller now */
    int rc;                      /* RN_OK, or our disk failed: RN_ENOSPACE, RN_EIO in err */
    struct rn_err err;
};
bool rn_wire_next(struct rn_wire *, struct rn_ended *); /* false: none ended */

void rn_response_release(struct rn_response *); /* the body's name, not the file */

#endif
