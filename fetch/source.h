/* source.h - where bytes may come from: one table of kinds, one call for all of them.
 *
 *     const struct rn_source_kind *kind = rn_source_kind(url);
 *     if (!kind) ...                                            an unknown scheme
 *     if (!kind->remote) RN_TRY(kind->get(&from, &get, &response, err));
 *
 *     https://..., http://...    remote
 *     hf://..., s3://...         remote (request.h)
 *     file:///..., a/path        local
 *     builtin:NAME/REST          made on the spot
 *
 * Only remote sources need a digest or a check, are pinned in the lock and rest offline. */
#ifndef RN_SOURCE_H
#define RN_SOURCE_H

#include "http.h"
#include "packing.h"
#include "who.h"

/* A generator behind `builtin:NAME/REST`, handed over by the stage. Ends with name NULL. */
struct rn_builtin {
    const char *name; /* "tiny-world" */
    /* Writes REST's content to path. RN_ECONFIG: no such content. */
    int (*make)(const char *rest, const char *path, struct rn_err *);
};

/* As written in a pipeline file: an url and how it packs the payload. */
struct rn_source {
    const char *url;
    const char *member;   /* of the zip that the url gives, or NULL: the body is the payload */
    enum rn_pack pack;    /* of the body; a member's body is a zip and not packed otherwise */
    enum rn_auth auth;    /* whose secrets may be used */
    const char *sha256;   /* of the body (before `member` or `pack`), or NULL */
    char *const *headers; /* "Name: value", for the origin of `url` alone; or NULL */
    size_t n_headers;
};

struct rn_from {
    const char *dir;                   /* relative paths start here */
    const struct rn_builtin *builtins; /* or NULL */
};

struct rn_source_kind {
    const char *prefix;
    bool remote; /* asked over the wire (transfers.h); get is NULL */
    int (*get)(const struct rn_from *, const struct rn_get *, struct rn_response *,
               struct rn_err *);
};

const struct rn_source_kind *rn_source_kind(const char *url); /* NULL: unknown */
bool rn_source_is_remote(const char *url);

/* Path of a local source, caller frees; NULL if the url is not local. */
char *rn_source_path(const char *dir, const char *url);

#endif
