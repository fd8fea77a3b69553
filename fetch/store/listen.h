/* listen.h - a small web server that only answers: bounded in connections, in all and from
 * one address, in time and in memory. HTTP by libmicrohttpd.
 *
 *     struct rn_listener *l;
 *     RN_TRY(rn_listen_start(&l, "127.0.0.1:0", answer, ctx, err));
 *     puts(rn_listen_url(l));                            "http://127.0.0.1:40123"
 *     rn_listen_stop(l);
 *
 * `answer` is libmicrohttpd's; it may call the two below. */
#ifndef RN_LISTEN_H
#define RN_LISTEN_H

#include "err.h"

#include <microhttpd.h>
#include <stdbool.h>

struct rn_listener;
/* "ADDRESS:PORT", numbers; IPv6 in [ ]; port 0: any. ctx must outlive it. RN_EUSAGE: no such
 * address; RN_EIO: it cannot be had. Answers from threads of its own. */
int rn_listen_start(struct rn_listener **, const char *address, MHD_AccessHandlerCallback answer,
                    void *ctx, struct rn_err *);
const char *rn_listen_url(const struct rn_listener *);
void rn_listen_stop(struct rn_listener *); /* takes NULL */

bool rn_listen_reads(const char *method); /* GET or HEAD */
/* Without a body. */
enum MHD_Result rn_listen_refuse(struct MHD_Connection *, unsigned status);
/* Takes over r. */
enum MHD_Result rn_listen_reply(struct MHD_Connection *, unsigned status, struct MHD_Response *r);

#endif
