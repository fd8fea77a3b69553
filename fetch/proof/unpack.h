/* unpack.h - archives from strangers: zip, and tar alone or in gzip or zstd.
 *
 *     RN_TRY(rn_archive_check(path, "zip", &unpack, err));      reads every byte, writes none
 *     RN_TRY(rn_archive_unpack(path, "out/bundle", &unpack, err));       appears whole or not
 *     RN_TRY(rn_zip_member(path, "a.jsonl", "body", cap, hex, &size, err));
 *
 * Refused with RN_ECORRUPT and the entry's name:
 *
 *     names      absolute, "..", empty and "." components, backslashes, drive letters, control
 *                characters, not UTF-8, too deep; two that differ only in case; a file that is also
 *                a directory
 *     entries    links, devices, set-user-id, encrypted or sparse ones, wrong checksums; more than
 *                100,000; overlapping ones
 *     sizes      more bytes than allowed, counted as they are produced (headers may lie): together,
 *                for one entry, or more than 200 times the archive's own size
 *     zips       with bytes before or behind them, or with two ends
 *
 * Modes, owners and times are not taken over. */
#ifndef RN_UNPACK_H
#define RN_UNPACK_H

#include "hash.h"

#include <stdbool.h>
#include <stdint.h>

struct rn_unpack {
    int64_t strip;              /* leading components to drop; entries with no more are skipped */
    const char *const *require; /* NULL-terminated names that must be files after strip; or NULL */
    int64_t max_bytes;          /* of all files together; below 0: RN_UNPACK_MAX_BYTES */
};
#define RN_UNPACK_MAX_BYTES       ((int64_t)16 << 30)
#define RN_UNPACK_ENTRY_MAX_BYTES ((int64_t)8 << 30)

/* "zip", "tar" */
bool rn_archive_known(const char *format);

/* Before an archive is there: opens the library that reading it will take, so that a machine that
 * lacks it is told so before the download. format NULL: what the name, or the url, ends like; where
 * that says nothing, nothing is opened. RN_EIO. */
int rn_archive_need(const char *format, const char *name, struct rn_err *);

/* As a whole: names, limits, checksums, required files. format NULL: whatever it begins as; u may
 * be NULL: nothing stripped or required. */
int rn_archive_check(const char *path, const char *format, const struct rn_unpack *u,
                     struct rn_err *);

/* Like rn_archive_check, and writes the files below `dir`, which must not exist: they are written
 * and synced in dir.<pid>.tmp, which is then renamed. On failure nothing is left. */
int rn_archive_unpack(const char *path, const char *dir, const struct rn_unpack *u,
                      struct rn_err *);

/* One file of a zip, named as in its directory, into `path` (whole or not at all). */
int rn_zip_member(const char *zip, const char *member, const char *path, int64_t max_bytes,
                  char hex[RN_HEX], int64_t *size_bytes, struct rn_err *);

#endif
