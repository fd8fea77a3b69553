/* request.h - what goes over the wire for an url as it is written in a pipeline.
 *
 *     struct rn_request q;
 *     RN_TRY(rn_request_init(&q, &who, "hf://datasets/karpathy/x/a.parquet@main", err));
 *     ask(q.url); on every hop: send q.headers only if rn_url_same_origin(&q.at, &hop)
 *     rn_request_release(&q);
 *
 * Made anew for every attempt: signatures carry the time, and a redirect's target is never kept.
 * Init once for the url as written, not for a hop: a hop gets the headers or nothing.
 *
 *     https://  http://         as written; on the hub's host with its token, elsewhere with the
 *                               netrc entry of the host, if there is one
 *     hf://datasets/OWNER/NAME/PATH@REV    also models/, spaces/, or none of them for a model; also
 *                               OWNER/NAME@REV/PATH; no REV: main. The hub's resolve url
 *     s3://BUCKET/KEY           signed (SigV4) when credentials are at hand, else anonymous;
 *                               ?versionId=ID may follow
 *
 * No secret goes over plain http, except to loopback. */
#ifndef RN_REQUEST_H
#define RN_REQUEST_H

#include "http.h"
#include "who.h"

#include <stdbool.h>

struct rn_request {
    char *url;        /* owned; https, or http where the rules of http.h allow it */
    struct rn_url at; /* `url`, taken apart: the only origin that may see `headers` */
    char **headers;   /* owned, "Authorization: Bearer ..."; NULL if there are none */
    size_t n_headers;
    char *hint;       /* owned; see rn_request_hint; NULL: about logins in general */
    bool hint_on_403; /* many sites say 403 of what is not there: then a login would not help */
};

/* True for urls this file knows how to ask. */
bool rn_request_known(const char *url);
/* RN_ECONFIG: the url does not have the form of its kind, or holds a password; a netrc that others
 * can read. With a zeroed `who` it reads no file: a check of the form. */
int rn_request_init(struct rn_request *, const struct rn_who *, const char *url, struct rn_err *);
void rn_request_release(struct rn_request *); /* safe on zeroes */
/* "Name: value" goes with it, instead of one of that name. */
void rn_request_add(struct rn_request *, const char *line);

/* What to do when this host answers with that status; NULL: nothing comes to mind. */
const char *rn_request_hint(struct rn_request *, long status);
/* True if these secrets could ever be sent for this url: does `auth:` fit? */
bool rn_request_fits(const char *url, const struct rn_who *, enum rn_auth);

#endif
