/* probe.h - is a source still there, and does it still give what it is said to?
 *
 *     struct rn_probe probes[] = {{.file = &file, .source = &sources[0]}};
 *     RN_TRY(rn_probe_all(&fetcher, probes, n, err));
 *     show(probes[0].r.host, probes[0].r.finding);
 *
 * One request each for the first 4 KiB, with its redirects: status, total size and claims of the
 * headers are compared with what is pinned, the bytes with what an error page looks like. Nothing
 * is kept; what only the whole file can show is not seen. */
#ifndef RN_PROBE_H
#define RN_PROBE_H

#include "fetcher.h"
#include "health.h"
#include "pool.h"

struct rn_probe {
    struct rn_task task; /* first: rn_probe_all's own */
    const struct rn_fetcher *f;
    const struct rn_fetch_file *file;
    const struct rn_source *source;
    /* finding: RN_ACCEPTED or what is wrong; no body; declared_bytes: of the whole, or -1 */
    struct rn_response r;
    char health[RN_HEALTH_TEXT]; /* why its host came last so far, or "" */
    int rc;
    struct rn_err err;
};

/* Several at a time; a stop signal leaves the rest unasked (RN_ESTOPPED). RN_ECONFIG: not an url of
 * its kind, a secret file others can read. */
int rn_probe_all(const struct rn_fetcher *, struct rn_probe *, size_t n, struct rn_err *);

#endif
