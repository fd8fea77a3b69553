/* archive_kind.h - what an archive is to unpack.c: a row of functions for each kind.
 *
 *     void *self;
 *     RN_TRY(kind->open(path, &self, err));
 *     while ((rc = kind->next(self, &e, err)) == RN_OK && e.name)
 *         while ((rc = kind->read(self, buf, sizeof buf, &n, err)) == RN_OK && n > 0)
 *             ...
 *     kind->close(self);
 *
 * A row reports what is there; what of it is allowed is decided above. All errors about the bytes
 * are RN_ECORRUPT. Entries whose content is not read are skipped. */
#ifndef RN_ARCHIVE_KIND_H
#define RN_ARCHIVE_KIND_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum rn_entry_kind {
    RN_ENTRY_FILE,
    RN_ENTRY_DIR,
    RN_ENTRY_LINK,
    RN_ENTRY_SPECIAL,
    RN_ENTRY_ENCRYPTED,
    RN_ENTRY_SPARSE,
    RN_ENTRY_SETUID
};

struct rn_entry {
    const char *name; /* as stored; NULL: there are no more; borrowed until the next call */
    enum rn_entry_kind kind;
};

struct rn_archive_kind {
    const char *format;         /* as in `check: {format: zip}` */
    const char *const *endings; /* of names, NULL-ended: a word for who has no bytes yet */
    /* Opens the library that the others call; NULL: the program is linked with it. RN_EIO. */
    int (*need)(struct rn_place at, struct rn_err *);
    bool (*claims)(const unsigned char *head, size_t n);
    int (*open)(const char *path, void **self, struct rn_err *);
    int (*next)(void *self, struct rn_entry *, struct rn_err *);
    /* *n 0: the end of the entry, of which all checksums were right. */
    int (*read)(void *self, void *to, size_t cap, size_t *n, struct rn_err *);
    void (*close)(void *self);
};

enum { RN_ARCHIVE_MAX_ENTRIES = 100000 };
extern const struct rn_archive_kind rn_archive_zip, rn_archive_tar;

#endif
