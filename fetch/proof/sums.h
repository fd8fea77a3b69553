/* sums.h - a publisher's SHA256SUMS.
 *
 *     struct rn_sums sums;
 *     RN_TRY(rn_sums_read(&sums, "SHA256SUMS", err));
 *     const char *digest = rn_sums_find(&sums, "a.jsonl");        NULL: not there, or ambiguous
 *     rn_sums_release(&sums);
 *
 * Lines as sha256sum writes them ("DIGEST  name", "DIGEST *name") or as BSD's does
 * ("SHA256 (name) = DIGEST"); others, such as those of a signature, are passed over. */
#ifndef RN_SUMS_H
#define RN_SUMS_H

#include "hash.h"

struct rn_sum {
    char sha256[RN_HEX];
    const char *name; /* last part of the path in the file */
};
struct rn_sums {
    char *text; /* owned; holds the names */
    struct rn_sum *sums;
    size_t n, cap;
};

/* RN_ECORRUPT: not one line is a digest. */
int rn_sums_read(struct rn_sums *, const char *path, struct rn_err *);
const char *rn_sums_find(const struct rn_sums *, const char *name);
void rn_sums_release(struct rn_sums *); /* safe on zeroes */

#endif
