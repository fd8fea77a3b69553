/* fetch/http.h - one GET to one private file, with a verdict on how the transfer went.
 *
 *     struct rn_get get = {.url = url, .path = "body", .cap_bytes = 16LL << 30, .stall_s = 30};
 *     struct rn_response r;
 *     RN_TRY(rn_http_get(&get, &r, err));          errors: our disk, our memory, a stop signal
 *     if (r.finding.verdict == RN_ACCEPTED) ...    status 200 and as many bytes as declared
 *
 * What the other side does wrong is a finding, never an error. Accepted means only that the
 * transfer was whole: whether the bytes are the file is judged above (fetch.h). The body of a
 * refusal is kept too, up to RN_ERROR_BODY bytes, so that it can be diagnosed.
 *
 *     schemes      https; http to loopback, or when the content is pinned by a digest
 *     redirects    at most 10, never to http (loopback to loopback excepted)
 *     time         no limit in all, but slower than 1 KiB/s for stall_s is dropped */
#ifndef RN_HTTP_H
#define RN_HTTP_H

#include "claims.h"
#include "hash.h"
#include "verdict.h"

enum { RN_ERROR_BODY = 1 << 16 };

struct rn_get {
    const char *url;
    const char *path;  /* written whole, under a temporary name until then; parent must exist */
    int64_t cap_bytes; /* the body may not be larger */
    bool pinned;       /* a digest will be compared: plain http is allowed */
    double connect_s, stall_s;
    /* May be NULL: true asks to stop soon; how far the body is (total -1: unknown). */
    bool (*stopping)(void *ctx);
    void (*progress)(void *ctx, int64_t done_bytes, int64_t total_bytes);
    void *ctx;
};

/* What came back, from any kind of source. */
struct rn_response {
    struct rn_finding finding;
    bool has_body;                      /* get.path exists, perhaps cut */
    long status;                        /* 0: not from HTTP */
    int64_t size_bytes, declared_bytes; /* of the body; -1: not declared */
    char sha256[RN_HEX];                /* of the body as stored */
    char host[128];                     /* that answered last, "127.0.0.1:8080" */
    char content_type[96], content_encoding[32];
    double retry_after_s; /* 0: not asked for */
    int redirects;
    struct rn_claims claims; /* what the headers say about the body */
};

/* RN_OK with r->finding, RN_ENOSPACE, RN_EIO, RN_ESTOPPED. Any thread. */
int rn_http_get(const struct rn_get *, struct rn_response *, struct rn_err *);

/* True if the rules above let this url be asked. */
bool rn_url_allowed(const char *url, bool pinned);

#endif
