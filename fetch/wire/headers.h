/* headers.h - what a server says beside a body, read from the values of its header lines.
 *
 *     struct rn_content_range at;
 *     if (rn_content_range_parse("bytes 100-199/1000", &at))   first 100, last 199, total 1000
 *     wait_s = rn_retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT", rn_time_s());
 *     if (rn_etag_is_strong("\"abc\"")) ...                      may stand in If-Range
 *
 * Pure functions over strings; blanks around a value do not matter, anything else that the grammar
 * does not allow does: then the answer is as if the line were not there. A value may be NULL. */
#ifndef RN_HEADERS_H
#define RN_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

/* "bytes 100-199/1000"; total -1 for "*". A 416 says "bytes *" "/1000": then first and last are -1.
 * On success 0 <= first <= last < total wherever they are known. */
struct rn_content_range {
    int64_t first, last, total;
};
bool rn_content_range_parse(const char *value, struct rn_content_range *);

/* Content-Length: bytes, or -1 if it says nothing that can be believed. "5, 5" is 5; "5, 6", "+5",
 * "5x" and what does not fit are -1. */
int64_t rn_content_length(const char *value);

/* An HTTP date in seconds since 1970, or -1. */
int64_t rn_date_s(const char *value);

/* Seconds that Retry-After asks to wait, from seconds or an HTTP date; 0: nothing, or it has
 * passed. Not capped: whoever waits decides what is too long. */
double rn_retry_after_s(const char *value, double now_s);

/* Seconds until there is quota again, if RateLimit says that none is left: `"api";r=0;t=55` or
 * `limit=100, remaining=0, reset=55`; otherwise 0. */
double rn_rate_limit_wait_s(const char *value);

/* True for a validator under which bytes are equal: "..." and not W/"...", at most 256 bytes of the
 * characters that an ETag may have. */
bool rn_etag_is_strong(const char *value);

#endif
