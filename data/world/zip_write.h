/* zip_write.h - a small zip archive of stored members, the same bytes everywhere.
 *
 *     struct rn_zip_writer z;
 *     RN_TRY(rn_zip_writer_open(&z, "bundle.zip", err));
 *     rn_zip_writer_add(&z, "dir/a.txt", bytes, n);
 *     RN_TRY(rn_zip_writer_commit(&z, err));
 *
 * Nothing is compressed; members carry the date 1980-01-01. At most 4 GiB and 65,535 members
 * together. */
#ifndef RN_ZIP_WRITE_H
#define RN_ZIP_WRITE_H

#include "file.h"
#include "str.h"

struct rn_zip_writer {
    struct rn_writer out;
    struct rn_str directory; /* central directory so far */
    size_t offset, n;
};
int rn_zip_writer_open(struct rn_zip_writer *, const char *path, struct rn_err *);
void rn_zip_writer_add(struct rn_zip_writer *, const char *name, const void *bytes, size_t n);
int rn_zip_writer_commit(struct rn_zip_writer *, struct rn_err *); /* releases, success or not */

#endif
