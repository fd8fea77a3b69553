/* transfer.h - one transfer of the wire, from its first hop to its end: between transfers.c, which
 * moves it on, transfer_body.c, which receives what comes, and transfer_end.c, which says what that
 * was.
 *
 *     rn_transfer_listen(t->curl);                a new handle of libcurl: what comes goes to t
 *     ... t->sort, t->halt, t->to, t->refusal ...
 *     t->rc = rn_transfer_judge(t, code, &t->err);            no hop is left to be asked */
#ifndef RN_TRANSFER_H
#define RN_TRANSFER_H

#include "hop.h"
#include "str.h"
#include "transfers.h"

/* Why we ended a transfer ourselves. */
enum rn_halt { HALT_NONE, HALT_OVERSIZE, HALT_ENOUGH, HALT_DISK, HALT_RANGE, HALT_STALL };

/* What is done with the body of the response that is arriving. */
enum rn_sort { SORT_UNKNOWN, SORT_CONTENT, SORT_REFUSAL, SORT_SKIPPED };

struct rn_transfer {
    struct rn_transfers *wire;
    const struct rn_transfer_rules *rules; /* the wire's */
    int64_t *all_received;                 /* bytes of all bodies of the wire */
    CURL *curl;
    struct rn_get get;
    struct rn_partial *to;
    void *tag;
    struct rn_request request;
    char *next;                 /* url of this hop */
    struct curl_slist *headers; /* of this hop */
    struct rn_url here;
    struct rn_response r;
    char url_sha256[RN_HEX];
    struct rn_str refusal; /* body of a response that is not content */
    int64_t skipped_bytes; /* of redirect bodies */
    int64_t asked_from;    /* of this hop's Range, 0: none */
    int64_t total_bytes;   /* that the content shall have, -1: not told */
    enum rn_sort sort;
    enum rn_halt halt;
    int parts;                      /* that came one after the other */
    bool no_range;                  /* a range was answered wrongly: whole or nothing */
    bool anew;                      /* the next hop wants a connection of its own */
    double window_s;                /* when the bytes below were counted last */
    int64_t window_bytes, received; /* on this connection */
    int rc;                         /* once it has ended */
    struct rn_err err;
    struct rn_transfer *before, *after;
};

static inline const char *rn_transfer_header(const struct rn_transfer *t, const char *name)
{
    return rn_hop_header(t->curl, name);
}

static inline long rn_transfer_status(const struct rn_transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* --- transfer_body.c --- */

/* The handle gives headers and bodies to the transfer that it has as CURLOPT_HEADERDATA and
 * CURLOPT_WRITEDATA. */
void rn_transfer_listen(CURL *);
/* Decides what the body is, once its status and headers are there. */
enum rn_halt rn_transfer_sort(struct rn_transfer *);
/* True if the answer tells of another version than the one that is there, of which it would be a
 * part: not every server heeds If-Range. */
bool rn_transfer_other_version(const struct rn_transfer *, int64_t total_bytes);
int64_t rn_transfer_length(const struct rn_transfer *); /* declared, or -1 */

/* --- transfer_end.c --- */

/* Fills in the response. RN_EIO, RN_ENOSPACE: our disk. */
int rn_transfer_judge(struct rn_transfer *, CURLcode, struct rn_err *);

#endif
