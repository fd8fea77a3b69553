/* transfers.h - many transfers at once, in one thread.
 *
 *     struct rn_transfers *wire = rn_transfers_new(&(struct rn_transfer_rules){.stall_s = 30});
 *     RN_TRY(rn_transfers_start(wire, &get, &partial, tag, err));        any number of them
 *     while (rn_transfers_running(wire)) {
 *         rn_transfers_work(wire, 100);                                  at most 100 ms
 *         for (struct rn_ended e; rn_transfers_next(wire, &e);)
 *             judge(e.tag, &e.response);
 *     }
 *     rn_transfers_free(wire);                                           drops what still runs
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
#ifndef RN_TRANSFERS_H
#define RN_TRANSFERS_H

#include "clock.h"
#include "http.h"
#include "partial.h"
#include "request.h"

struct rn_transfer_rules {
    const struct rn_clock *clock; /* NULL: the system's */
    double connect_s, stall_s;    /* connect_s 0: 15 */
};

struct rn_transfers;
struct rn_transfers *rn_transfers_new(const struct rn_transfer_rules *);
void rn_transfers_free(struct rn_transfers *); /* takes NULL; partials stay with their owners */

/* get.url and the partial must live until the transfer has ended. RN_ECONFIG: not an url of its
 * kind; a finding that needs no wire (plain http from afar) comes out of rn_transfers_next too. */
int rn_transfers_start(struct rn_transfers *, const struct rn_get *, struct rn_partial *, void *tag,
                       struct rn_err *);

/* Sends and receives; returns when something ended, was woken up, or wait_ms passed. */
void rn_transfers_work(struct rn_transfers *, int wait_ms);
void rn_transfers_wake(struct rn_transfers *); /* any thread */
size_t rn_transfers_running(const struct rn_transfers *);
int64_t
rn_transfers_received(const struct rn_transfers *); /* bytes of bodies, by all transfers so far */

/* An accepted body is not flushed, nor is its sha256 told: that is left to whoever has time for it
 * (rn_partial_flush, on any thread). */
struct rn_ended {
    void *tag;
    struct rn_response response; /* owned by the caller now */
    int rc;                      /* RN_OK, or our disk failed: RN_ENOSPACE, RN_EIO in err */
    struct rn_err err;
};
bool rn_transfers_next(struct rn_transfers *, struct rn_ended *); /* false: none ended */

void rn_response_release(struct rn_response *); /* the body's name, not the file */

#endif
