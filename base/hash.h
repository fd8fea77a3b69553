/* hash.h - SHA-256, the only digest we use, streaming or at once.
 *
 *     struct rn_sha256 h;
 *     rn_sha256_init(&h);
 *     rn_sha256_add(&h, p, n);                 any number of times
 *     rn_sha256_done(&h, hex);
 *
 * A hex digest is 64 lower-case characters and a NUL. */
#ifndef RN_HASH_H
#define RN_HASH_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { RN_HEX = 65 };

struct rn_sha256 {
    void *ctx;
};
void rn_sha256_init(struct rn_sha256 *);
void rn_sha256_add(struct rn_sha256 *, const void *bytes, size_t n);
void rn_sha256_done(struct rn_sha256 *, char hex[RN_HEX]); /* releases */
void rn_sha256_drop(struct rn_sha256 *);                   /* releases too; safe on zeroes */
void rn_sha256_restart(struct rn_sha256 *);                /* forgets what was added */

/* The digest of what was added so far; more may follow. */
void rn_sha256_now(const struct rn_sha256 *, char hex[RN_HEX]);

/* n bytes as 2n hex digits in lower case and a NUL. */
void rn_hex(char *to, const void *bytes, size_t n);

/* True for 64 hex digits in lower case; text may be NULL. */
bool rn_sha256_is_hex(const char *text);
void rn_sha256_hex(const void *bytes, size_t n, char hex[RN_HEX]);
/* Digest and size of a file; size_bytes may be NULL. */
int rn_sha256_file(const char *path, char hex[RN_HEX], size_t *size_bytes, struct rn_err *);

#endif
