/* fetch/probe.h - is a source still there, and does it still give what it is said to?
 *
 *     struct rn_probe probe;
 *     RN_TRY(rn_probe_source(&probe, &fetcher, &file, &file.sources[0], err));
 *     show(probe.r.host, probe.r.finding);       declared_bytes: of the whole body, -1: not told
 *
 * One request for the first 4 KiB, with its redirects: status, total size and claims of the headers
 * are compared with what is pinned, the bytes with what an error page looks like. Nothing is kept;
 * what only the whole file can show is not seen. */
#ifndef RN_PROBE_H
#define RN_PROBE_H

#include "fetcher.h"

enum { RN_PROBE_BYTES = 4096 };

struct rn_probe {
    struct rn_response r; /* finding: RN_ACCEPTED or what is wrong; no body */
    unsigned char head[RN_PROBE_BYTES];
    size_t n_head;
};

/* RN_ECONFIG: not an url of its kind, a secret file others can read. Any thread. */
int rn_probe_source(struct rn_probe *, const struct rn_fetcher *, const struct rn_fetch_file *,
                    const struct rn_source *, struct rn_err *);

#endif
