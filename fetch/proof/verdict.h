/* verdict.h - what a response or a body is, said with a stable id.
 *
 *     struct rn_finding f;
 *     if (!rn_judge_bytes(head, n, size_bytes, "jsonl", 200, &f))
 *         rn_log(log, RN_WARN, "%s: %s", rn_verdict_id(f.verdict), f.detail);
 *
 * Content types lie and sizes are no fingerprint: the bytes decide. A finding is the verdict with
 * its evidence in one line, safe to print (control characters of the other side are escaped). */
#ifndef RN_VERDICT_H
#define RN_VERDICT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ids are used in logs, quarantine folders and tests: never rename one. `again`: the same
 * source may answer better in a later round; otherwise it is out for this file. */
/* clang-format off */
#define RN_VERDICTS(X)                                                                            \
    /* verdict        id             again  seen, and what to do next */                          \
    X(RN_ACCEPTED,    "ok",          false, "what was asked for",                                 \
      "")                                                                                         \
    X(RN_TRANSIENT,   "transient",   true,  "network trouble, 408 425 429 5xx",                   \
      "try again later: what came so far is kept")                                                \
    X(RN_REFUSED,     "refused",     false, "401 403 404 410 451, all else but 200",              \
      "look whether the url is still right and a token is needed, or add a source")               \
    X(RN_INTERCEPTED, "intercepted", false, "portal or proxy: 407 511, bad TLS name",             \
      "log in to the network, or set https_proxy and SSL_CERT_FILE as it wants them")             \
    X(RN_ERROR_PAGE,  "error-page",  false, "HTML or XML error in place of the file",             \
      "open the url and read the page, or add a source")                                          \
    X(RN_ERROR_JSON,  "error-json",  false, "JSON error in place of the file",                    \
      "open the url and read the answer, or add a source")                                        \
    X(RN_LFS_POINTER, "lfs-pointer", false, "git-lfs pointer in place of the file",               \
      "give the url of the object behind the pointer")                                            \
    X(RN_TRUNCATED,   "truncated",   true,  "fewer bytes than declared, or no ending",            \
      "run again: it goes on where it stopped")                                                   \
    X(RN_OVERSIZE,    "oversize",    false, "more bytes than declared or allowed",                \
      "compare size and max_size with what the publisher says")                                   \
    X(RN_DIGEST,      "digest",      false, "sha256 is not the pinned one",                       \
      "if the file was renewed on purpose: runnel fetch FILE NAME --update")                      \
    X(RN_MALFORMED,   "malformed",   false, "not the declared format",                            \
      "compare 'check' with what came, or add a source")
/* clang-format on */

enum rn_verdict {
#define X(verdict, id, again, seen, next) verdict,
    RN_VERDICTS(X)
#undef X
};

struct rn_finding {
    enum rn_verdict verdict;
    char detail[224]; /* "S3 AccessDenied (403)" */
};

const char *rn_verdict_id(enum rn_verdict);
bool rn_verdict_again(enum rn_verdict);
const char *rn_verdict_next(enum rn_verdict); /* what the user may do; "" for ok */

/* Records and returns true only for RN_ACCEPTED, so that a check can end with it. */
bool rn_find(struct rn_finding *, enum rn_verdict, const char *fmt, ...) RN_PRINTF(3, 4);

/* A response that is not 200: the status decides, `head`, the start of its body (may be empty), may
 * say why: "S3 AccessDenied (403)". */
void rn_judge_status(long status, const void *head, size_t n, struct rn_finding *);

/* A body that came with status 200 (0: not from HTTP). size_bytes is that of the whole body, of
 * which `head` holds the first n bytes. format: what the file shall be, or NULL. True if nothing
 * shows that it is an error in disguise. */
bool rn_judge_bytes(const void *head, size_t n, int64_t size_bytes, const char *format, long status,
                    struct rn_finding *);

/* False if a whole file starts as its format does but lacks the format's ending: it was cut. */
bool rn_judge_ending(const char *path, const char *format, struct rn_finding *);

/* The first bytes for a message: `3C 3F 78 6D "<?xm"` (16 of them); and as text only, up to 48
 * characters, "..." after a cut: `"<?xml version=..."`. Both return buf. */
const char *rn_show_hex(char buf[128], const void *head, size_t n);
const char *rn_show_text(char buf[256], const void *head, size_t n);

#endif
