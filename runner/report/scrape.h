/* scrape.h - a run for Prometheus to read, from its folder alone.
 *
 *     RN_TRY(rn_scrape_file("runs/x", NULL, "/var/lib/node/x.prom", err));        replaced whole
 *
 *     struct rn_scrape *s;
 *     RN_TRY(rn_scrape_start(&s, "runs/x", NULL, "127.0.0.1:9464", err));
 *     puts(rn_scrape_url(s));                                "http://127.0.0.1:9464/metrics"
 *     rn_scrape_stop(s);
 *
 * Looks at the run anew each time it is asked; the run knows nothing of it. Nothing but
 * GET /metrics is answered, and only on loopback: who may read it is for a proxy or a tunnel to
 * decide. */
#ifndef RN_SCRAPE_H
#define RN_SCRAPE_H

#include "err.h"

/* only: one stage, NULL: all. */
int rn_scrape_file(const char *run_dir, const char *only, const char *path, struct rn_err *);

struct rn_scrape;
/* address as listen.h says. RN_EUSAGE: not loopback, or no address; RN_EIO: taken. */
int rn_scrape_start(struct rn_scrape **, const char *run_dir, const char *only, const char *address,
                    struct rn_err *);
const char *rn_scrape_url(const struct rn_scrape *);
void rn_scrape_stop(struct rn_scrape *); /* takes NULL */

#endif
