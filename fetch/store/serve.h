/* serve.h - the cache for other machines of a lab: GET /sha256/<64 hexadecimal digits>.
 *
 *     struct rn_serve *s;
 *     RN_TRY(rn_serve_start(&s, &cache, "127.0.0.1:0", err));
 *     puts(rn_serve_url(s));                             "http://127.0.0.1:40123"
 *     rn_serve_stop(s);
 *
 * Read-only: GET and HEAD, one range, nothing but contents that have the digest they are asked by;
 * no listing, no other path. Whoever asks knows the digest, and compares it. Bounded as listen.h
 * says. */
#ifndef RN_SERVE_H
#define RN_SERVE_H

#include "cache.h"

struct rn_serve;
/* address as listen.h says; the cache must outlive it. RN_EUSAGE, RN_EIO. */
int rn_serve_start(struct rn_serve **, const struct rn_cache *, const char *address,
                   struct rn_err *);
const char *rn_serve_url(const struct rn_serve *);
void rn_serve_stop(struct rn_serve *); /* takes NULL */

#endif
