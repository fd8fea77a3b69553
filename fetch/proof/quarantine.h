/* quarantine.h - evidence of what a source gave instead of the file.
 *
 *     rn_quarantine(dir, &(struct rn_evidence){.id = "data.a/a.jsonl", .name = "a.jsonl",
 *                                              .url = url, .expected = pin, .r = &response}, log);
 *
 * Writes dir/<name>-<verdict>/{body, meta.json}; a second source with the same verdict gets -2, a
 * repeated answer of one source replaces the older. At most 64 KiB of the body are kept; of urls
 * neither user nor query, of secret headers only the name. The folder is bounded: the oldest
 * evidence goes first. Best effort: a failure is a log line, and nothing is synced, since whoever
 * calls is talking to all hosts: a power cut may take it. One thread at a time. */
#ifndef RN_QUARANTINE_H
#define RN_QUARANTINE_H

#include "http.h"
#include "log.h"

enum { RN_QUARANTINE_MAX = 100, RN_QUARANTINE_MAX_BYTES = 4 << 20 };

struct rn_evidence {
    const char *id, *name, *url;
    const char *expected; /* sha256 that the file must have; NULL or "": none is known */
    const struct rn_response *r;
};

void rn_quarantine(const char *dir, const struct rn_evidence *, const struct rn_log *);

#endif
