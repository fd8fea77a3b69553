/* claims.h - what a server says about a body beside the body: digests, sizes, versions.
 *
 *     struct rn_claims claims = {0};
 *     rn_claims_line(&claims, line, n);                every header line of every hop, in order
 *     if (rn_claims_hold(&claims, "body", sha256, size_bytes, &found, &said)) ...
 *
 *     X-Linked-Etag, X-Linked-Size    the hub, on the hop before its CDN: sha256 or git blob sha1
 *     ETag beside X-Repo-Commit       the hub, for small files: git blob sha1
 *     Repr-Digest                     RFC 9530, sha-256
 *     x-amz-checksum-sha256           S3, where the object was stored with one
 *
 * A plain ETag is a name for a version and never a digest. */
#ifndef RN_CLAIMS_H
#define RN_CLAIMS_H

#include "verdict.h"

#include "hash.h"

struct rn_claims {
    char etag[132];           /* of the last hop, printable, quotes and W/ included; "" if none */
    char commit[72];          /* X-Repo-Commit: the hub answered; "" if not */
    char linked[80];          /* X-Linked-Etag without its quotes */
    int64_t linked_bytes;     /* X-Linked-Size; 0: none */
    char repr_sha256[RN_HEX]; /* Repr-Digest or x-amz-checksum-sha256, as hex; "" if none */
};

/* A status line forgets what was said of the body of the hop before. */
void rn_claims_line(struct rn_claims *, const char *line, size_t n);

/* False with found if the body is not what was claimed. *said: a claimed digest holds. */
bool rn_claims_hold(const struct rn_claims *, const char *body, const char *sha256,
                    int64_t size_bytes, struct rn_finding *found, bool *said);

#endif
