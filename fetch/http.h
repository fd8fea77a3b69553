/* http.h - what may be asked over the wire, and what an answer means before its bytes count.
 *
 *     schemes      https; http to loopback, or when the content is pinned by a digest
 *     redirects    at most 10, never to http (loopback to loopback excepted)
 *     time         no limit in all, but slower than 1 KiB/s for stall_s is dropped
 *
 * What the other side does wrong is a finding, never an error. Accepted means only that the
 * transfer was whole: whether the bytes are the file is judged above (proof.h). */
#ifndef RN_HTTP_H
#define RN_HTTP_H

#include "claims.h"
#include "hash.h"
#include "trail.h"
#include "verdict.h"
#include "who.h"

/* Of a refusal's body so much is kept, so that it can be diagnosed. */
enum { RN_ERROR_BODY = 1 << 16, RN_REDIRECTS_MAX = 10, RN_SLOWEST_BYTES_S = 1024 };

struct rn_get {
    const char *url;
    const struct rn_who *who; /* whose secrets may be used; NULL: nobody's */
    char *const *headers;     /* "Name: value", for the origin of `url` alone; or NULL */
    size_t n_headers;
    const char *path;  /* local sources: where the body goes, whole or cut; parent must exist */
    int64_t cap_bytes; /* the body may not be larger */
    bool pinned;       /* a digest will be compared: plain http is allowed, sources may be mixed */
    bool small;        /* as far as is known: it may share a connection with others (HTTP/2) */
    bool (*stopping)(void *ctx); /* may be NULL: true asks to stop soon */
    void *ctx;
};

/* What came back, from any kind of source. */
struct rn_response {
    struct rn_finding finding;
    bool has_body;                      /* `body` exists, perhaps cut */
    char *body;                         /* path; owned, see rn_response_release */
    long status;                        /* 0: not from HTTP */
    int64_t size_bytes, declared_bytes; /* of the body; -1: not declared */
    int64_t resumed_bytes;              /* how many of them were there before */
    char sha256[RN_HEX];                /* of the body as stored */
    char host[128];                     /* that answered last, "127.0.0.1:8080" */
    char content_type[96], content_encoding[32];
    char hint[256];       /* "" or what to do about a 401 or 403 */
    double retry_after_s; /* 0: not asked for */
    double hold_s;        /* the host allows no more requests for so long; 0: it does */
    int redirects;
    bool shared;             /* every hop went over a connection that others may share */
    struct rn_claims claims; /* what the headers say about the body */
    struct rn_str trail;     /* of every hop, not fit to be shown: see trail.h; owned */
};

/* An url, taken apart by libcurl, as when it asks. Neither https nor http: it is not asked. */
struct rn_url {
    bool https, http, loopback;
    bool has_user;           /* "https://user:password@host/" says a secret aloud */
    char name[256], port[8]; /* "example.org", "443": the scheme's where none is given */
    char host[128];          /* both for people, the port when given: printable ASCII */
};
struct rn_url rn_url_parse(const char *text);
/* Scheme, host and port are the same. */
bool rn_url_same_origin(const struct rn_url *, const struct rn_url *);
/* True if the rules above let this url be asked, or be redirected to. */
bool rn_url_allowed(const struct rn_url *, bool pinned);
bool rn_redirect_allowed(const struct rn_url *from, const struct rn_url *to);
bool rn_status_redirects(long status);

/* Header values and hosts end up in logs, JSON, the lock: printable ASCII, and what `kept` has. */
void rn_copy_word(char *to, size_t cap, const char *from, const char *kept);

/* Why a transfer that libcurl calls broken is so; curl_code is a CURLcode. */
void rn_judge_broken(int curl_code, struct rn_response *);

#endif
