/* sigv4.h - AWS Signature Version 4 of a GET, by the letter.
 *
 *     struct rn_sigv4 s = {.key = key, .secret = secret, .region = "us-east-1", .service = "s3",
 *                          .time_s = now, .path = "/a b.txt", .query = "", .payload = digest,
 *                          .headers = headers, .n_headers = 3};
 *     rn_sigv4_sign(&s, &authorization);          "AWS4-HMAC-SHA256 Credential=..., Signature=..."
 *
 * Ours and not libcurl's: before 8.9 that one signs paths with '=' wrongly, before 8.3 queries. */
#ifndef RN_SIGV4_H
#define RN_SIGV4_H

#include "hash.h"
#include "str.h"

struct rn_sigv4_header {
    const char *name, *value; /* name in lower case */
};

struct rn_sigv4 {
    const char *key, *secret, *region, *service;
    double time_s;       /* since 1970 */
    const char *path;    /* as meant, not encoded: "/a b.txt" */
    const char *query;   /* "name=value&name", not encoded; any order; "" for none */
    const char *payload; /* hex sha256 of the request's body, or "UNSIGNED-PAYLOAD" */
    const struct rn_sigv4_header *headers; /* all that are signed, by name; "host" among them */
    size_t n_headers;
};

/* The value of x-amz-date: "20150830T123600Z". */
void rn_sigv4_date(double time_s, char date[17]);
/* Appends the value of the Authorization header. */
void rn_sigv4_sign(const struct rn_sigv4 *, struct rn_str *out);

/* Appends text with %XX for every byte that is neither unreserved (RFC 3986) nor in `kept`. */
void rn_percent_encode(struct rn_str *out, const char *text, const char *kept);

#endif
