/* fetch/quarantine.h - evidence of what a source gave instead of the file.
 *
 *     rn_quarantine(dir, "a.jsonl", url, &response, "attempt/body", log);
 *
 * Writes dir/<name>-<verdict>/{body, meta.json}; a second source with the same verdict gets -2, a
 * repeated answer of one source replaces the older. At most 64 KiB of the body are kept; of the url
 * neither user nor query (they may be secrets). Best effort: a failure is a log line. */
#ifndef RN_QUARANTINE_H
#define RN_QUARANTINE_H

#include "http.h"
#include "log.h"

void rn_quarantine(const char *dir, const char *name, const char *url, const struct rn_response *,
                   const char *body, const struct rn_log *);

#endif
