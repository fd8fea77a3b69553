/* fetch/health.h - how hosts have been doing, beyond one process: a mirror that was dead a moment
 * ago is not asked first for two thousand files again.
 *
 *     rn_health_recall(&hosts, cache_home);             what was learnt lately; nothing: no word
 *     ... the hosts learn ...
 *     rn_health_save(&hosts, cache_home);
 *     puts(rn_health_tell(host, text));                 "failed 4 times in a row", or ""
 *
 *     hosts      "runnel-hosts 1", then NAME FAILURES BYTES_S LEARNT_S, a line each
 *
 * Failures are forgotten after an hour, speeds after a day, and the 256 that were learnt last are
 * kept. The file is disposable: one that is missing, damaged or foreign says nothing. What it says
 * only puts sources into another order; none is ever left out for it. */
#ifndef RN_HEALTH_H
#define RN_HEALTH_H

#include "hosts.h"

enum { RN_HEALTH_TEXT = 64 };

void rn_health_recall(struct rn_hosts *, const char *cache_home);
/* Best effort, atomic; what other processes learnt of other hosts stays. */
void rn_health_save(const struct rn_hosts *, const char *cache_home);
/* Why this host comes last, or ""; returns text. */
const char *rn_health_tell(const struct rn_host *, char text[RN_HEALTH_TEXT]);

#endif
