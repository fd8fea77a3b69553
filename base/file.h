/* file.h - files that appear under their name only when whole.
 *
 *     struct rn_writer w;
 *     RN_TRY(rn_writer_open(&w, "out/a.json", err));      writes out/.a.json.<pid>.tmp
 *     rn_writer_add(&w, bytes, n);                        errors stick until commit
 *     RN_TRY(rn_writer_commit(&w, hex, err));             fsync, rename, fsync directory
 *
 * Every write, fsync and rename of the program goes through the table `rn_io`, so that tests can
 * make the nth call fail. Temporary names start with '.' and end in ".tmp"; any process may delete
 * one whose process is gone. */
#ifndef RN_FILE_H
#define RN_FILE_H

#include "hash.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The calls that change a disk. Same results and errno as the system's. */
struct rn_io {
    ssize_t (*write)(int fd, const void *bytes, size_t n);
    int (*fsync)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*rename_new)(const char *from, const char *to); /* EEXIST where rename would replace */
    int (*syncfs)(int fd); /* the whole file system of fd: cheaper than many fsyncs */
};
extern struct rn_io rn_io; /* the system's calls; tests replace entries */
/* Writes all n bytes through rn_io. Returns how many went out; errno says why not all. */
size_t rn_write_all(int fd, const void *bytes, size_t n);

struct rn_writer {
    char *path, *tmp; /* owned */
    int fd, failed;   /* failed: errno of the first error, 0 if none */
    size_t size_bytes, buffered;
    struct rn_sha256 sha;
    unsigned char *buf;
};
int rn_writer_open(struct rn_writer *, const char *path, struct rn_err *);
void rn_writer_add(struct rn_writer *, const void *bytes, size_t n);
void rn_writer_printf(struct rn_writer *, const char *fmt, ...) RN_PRINTF(2, 3);
/* hex (may be NULL) receives the sha256 of the content. The writer is released, success or not. */
int rn_writer_commit(struct rn_writer *, char hex[RN_HEX], struct rn_err *);
/* The same without syncs: after a power cut there may be anything under the name. For what tells
 * damage by itself and can be done without. */
int rn_writer_replace(struct rn_writer *, struct rn_err *);
void rn_writer_abort(struct rn_writer *); /* removes the temporary file; safe after commit */

/* One call for small files. Replace is rn_writer_replace's: no syncs. */
int rn_file_write(const char *path, const void *bytes, size_t n, struct rn_err *);
int rn_file_replace(const char *path, const void *bytes, size_t n, struct rn_err *);
/* Whole file, NUL-terminated; *out is owned by the caller. Larger than cap_bytes: RN_ECORRUPT. */
int rn_file_read(const char *path, size_t cap_bytes, char **out, size_t *n, struct rn_err *);
/* The first bytes of a file, at most cap; returns how many, 0 if it cannot be read. */
size_t rn_file_head(const char *path, void *head, size_t cap);
/* The same of its last bytes. */
size_t rn_file_tail(const char *path, void *tail, size_t cap);

bool rn_exists(const char *path);
bool rn_absent(const char *path);       /* for certain: false too where it is not for us to know */
int64_t rn_file_size(const char *path); /* -1 if there is none */
int rn_mkdirs(const char *path, struct rn_err *); /* like mkdir -p */
/* The same, and what it made has its names on disk: files synced in it outlive a power cut. */
int rn_mkdirs_lasting(const char *path, struct rn_err *);
/* Every file and directory below is on the disk. A folder of many entries costs one sync of its
 * file system, which waits for what others wrote there too. */
int rn_fsync_tree(const char *path, struct rn_err *err);
/* One file or directory by rn_io.fsync, or the file system it is on by rn_io.syncfs. */
int rn_sync(const char *path, int (*sync)(int fd), struct rn_err *err);
int rn_remove_tree(const char *path, struct rn_err *); /* never follows links; absent is fine */
/* Renames, then syncs the directory of `to`. */
int rn_rename(const char *from, const char *to, struct rn_err *);
/* Atomic: a hard link where the file system allows, else a copy. */
int rn_copy_file(const char *from, const char *to, struct rn_err *);

/* The bytes alone, into a new file that is not synced; shares blocks where the file system can.
 * Not atomic: for private names. */
int rn_copy_bytes(const char *from, const char *to, struct rn_err *);

/* Removes what writers that died left in a directory (names .*.tmp, not below it). For whoever
 * holds the lock of the directory; best effort. */
void rn_sweep_tmp(const char *dir);

/* Calls `each` for every regular file below `root` in byte order of its relative path. */
int rn_walk(const char *root, int (*each)(void *ctx, const char *relative, struct rn_err *),
            void *ctx, struct rn_err *);

/* Of all regular files below it together; what cannot be looked at counts as nothing. */
double rn_tree_bytes(const char *root);

#endif
