/* fetch/request.h - what goes over the wire for an url as it is written in a pipeline.
 *
 *     struct rn_request q;
 *     RN_TRY(rn_request_init(&q, &who, "hf://datasets/karpathy/x/a.parquet@main", err));
 *     ask(q.url); for each header: send(q.headers[i]) only while q.host answers
 *     rn_request_release(&q);
 *
 * Made anew for every attempt: signatures carry the time, and a redirect's target is never kept.
 *
 *     https://  http://         as written; a netrc entry of the host, if there is one
 *     hf://                     the hub's resolve url; HF_TOKEN or the token file
 *     s3://BUCKET/KEY           signed (SigV4) when credentials are at hand, else anonymous */
#ifndef RN_REQUEST_H
#define RN_REQUEST_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* Whose secrets may be used; read from the environment once. Zeroes: nobody's. */
struct rn_who {
    const char *hf_token;                        /* borrowed, NULL: none */
    const char *netrc_path;                      /* NULL: none */
    const char *s3_key, *s3_secret, *s3_session; /* NULL: anonymous */
    const char *s3_region, *s3_endpoint;         /* NULL: us-east-1, AWS's */
    double now_s;                                /* 0: the clock; tests give AWS's example time */
};

struct rn_request {
    char *url;      /* owned; https, or http where the rules of http.h allow it */
    char *host;     /* owned, "huggingface.co:443"; the only one that may see `headers` */
    char **headers; /* owned, "Authorization: Bearer ..." ; n of them, all of them secret */
    size_t n_headers;
    const char *hint; /* what to do when this host answers 401 or 403, or NULL */
};

/* True for urls this file knows how to ask. */
bool rn_request_known(const char *url);
/* RN_ECONFIG: the url does not have the form of its kind; a secret file others can read. */
int rn_request_init(struct rn_request *, const struct rn_who *, const char *url, struct rn_err *);
void rn_request_release(struct rn_request *); /* safe on zeroes */

#endif
