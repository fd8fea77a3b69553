/* fetch/unpack.h - zip archives from strangers.
 *
 *     RN_TRY(rn_zip_check(path, &unpack, err));                 reads every byte, writes none
 *     RN_TRY(rn_zip_unpack(path, "out/bundle", &unpack, err));  the directory appears whole or not
 *     RN_TRY(rn_zip_member(path, "a.jsonl", "body", cap, hex, &size, err));
 *
 * Refused with RN_ECORRUPT and the entry's name:
 *
 *     names      absolute, "..", empty and "." components, backslashes, drive letters, control
 *                characters, not UTF-8; two that differ only in case; a file that is also a
 *                directory
 *     entries    links, devices, encrypted ones, wrong CRCs
 *     sizes      more bytes than allowed, counted as they are produced (headers may lie), or more
 *                than 200 times the archive's own size */
#ifndef RN_UNPACK_H
#define RN_UNPACK_H

#include "hash.h"

#include <stdint.h>

struct rn_unpack {
    int64_t strip;              /* leading components to drop; entries with no more are skipped */
    const char *const *require; /* NULL-terminated names that must be files after strip; or NULL */
    int64_t max_bytes;          /* of all files together; below 0: RN_UNPACK_MAX_BYTES */
};
#define RN_UNPACK_MAX_BYTES ((int64_t)16 << 30)

/* As a whole: names, limits, CRCs, required files. u may be NULL: nothing stripped or required. */
int rn_zip_check(const char *zip, const struct rn_unpack *u, struct rn_err *);

/* Like rn_zip_check, and writes the files below `dir`, which must not exist: they are written and
 * synced in dir.<pid>.tmp, which is then renamed. On failure nothing is left. */
int rn_zip_unpack(const char *zip, const char *dir, const struct rn_unpack *u, struct rn_err *);

/* One file of the archive, named as in its directory, into `path` (whole or not at all). */
int rn_zip_member(const char *zip, const char *member, const char *path, int64_t max_bytes,
                  char hex[RN_HEX], int64_t *size_bytes, struct rn_err *);

#endif
