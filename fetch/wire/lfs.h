/* lfs.h - git-lfs pointers: a small text that stands where the file should be.
 *
 *     struct rn_lfs lfs;
 *     if (rn_lfs_parse(head, n, &lfs))                       its digest and size are a promise
 *         object = rn_lfs_object_url(url, hub);              where the same host keeps the bytes */
#ifndef RN_LFS_H
#define RN_LFS_H

#include "hash.h"

#include <stdint.h>

struct rn_lfs {
    char sha256[RN_HEX];
    int64_t size_bytes;
};

/* True only for a whole, well-formed pointer. */
bool rn_lfs_parse(const char *text, size_t n, struct rn_lfs *);

/* The url of the object behind the pointer at `url`; caller frees. NULL: not known for this host.
 *
 *     https://raw.githubusercontent.com/O/R/REF/PATH    https://media.githubusercontent.com/..
 *     https://github.com/O/R/raw/REF/PATH               the same
 *     HUB/.../raw/REF/PATH                              HUB/.../resolve/REF/PATH
 *     anywhere else .../raw/...                         .../media/..., as Gitea and Forgejo */
char *rn_lfs_object_url(const char *url, const char *hub);

#endif
