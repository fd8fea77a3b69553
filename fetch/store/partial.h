/* partial.h - what has come of a body so far, in a private file that outlives its process.
 *
 *     struct rn_partials *all;
 *     RN_TRY(rn_partials_open(&all, cache_dir, err));
 *     struct rn_partial p;
 *     RN_TRY(rn_partial_open(&p, all, key, true, err));   p.size_bytes > 0: go on from there
 *     rn_partial_begin(&p, &origin);                      or: a body from its first byte
 *     rn_partial_add(&p, bytes, n);                       errors stick
 *     RN_TRY(rn_partial_flush(&p, hex, err));             p.path holds the body, hex its digest
 *     rn_partial_drop(&p);                                or rn_partial_keep(&p): for a later run
 *
 *     partial/KEY.PLACE.PID.START.part     the bytes, mode 0600
 *     partial/KEY.PLACE.PID.START.meta     what they belong to (a few lines of text)
 *
 * Nobody writes to another living process's file: PLACE is the machine and its process namespace,
 * START the boot and the process's start, so that a number used again is not taken for its owner.
 * A dead owner's file is claimed by rename, which one of many succeeds in. What is found is read
 * and digested again; a saved hash state is never trusted, nor are bytes that a power cut may have
 * lost: after a reboot only as many count as were synced, or all when a digest will prove them.
 *
 * Bodies that fit into the buffer reach the disk when they are whole; larger ones in full buffers,
 * digested and written behind the caller's back (behind.h). One thread fills; begin, cut, flush,
 * keep and drop wait for what is under way, and may be called on another thread once it has filled
 * the last. */
#ifndef RN_PARTIAL_H
#define RN_PARTIAL_H

#include "behind.h"
#include "origin.h"

#include <stdint.h>

struct rn_partials; /* the folder, as it was when it was opened */
int rn_partials_open(struct rn_partials **, const char *cache_dir, struct rn_err *);
void rn_partials_free(struct rn_partials *); /* takes NULL */
/* True if opening this key means reading. */
bool rn_partials_hold(const struct rn_partials *, const char *key);
/* Removes what dead owners left longer ago than that; returns how many files. Best effort. */
size_t rn_partials_sweep(const char *cache_dir, double older_than_s);

struct rn_partial {
    char *path; /* owned */
    struct rn_partials *all;
    int64_t size_bytes; /* so far, buffered ones too */
    struct rn_origin origin;
    struct rn_sha256 sha;
    unsigned char *buf;
    size_t buffered, buf_bytes;
    int fd, failed; /* failed: errno of the first error, 0 if none; fd -1: nothing on disk yet */
    bool described; /* meta is on disk */
    bool sealed;    /* the file is there, though fd is -1 */
    bool whole;     /* buf still holds all that was written out */
    struct rn_drain drain; /* full buffers on their way: sha and fd are its own until it settles */
};

/* Goes on with what this process or a dead one left under the key (32 hex digits, in use once at a
 * time), or starts empty. proven: a digest will be compared. Reads what it finds: any thread. */
int rn_partial_open(struct rn_partial *, struct rn_partials *, const char *key, bool proven,
                    struct rn_err *);
/* Forgets what is there: the body of `origin` comes from its first byte. */
void rn_partial_begin(struct rn_partial *, const struct rn_origin *);
void rn_partial_add(struct rn_partial *, const void *bytes, size_t n);
/* Keeps the first bytes only; RN_EIO if they cannot be read again. */
int rn_partial_cut(struct rn_partial *, int64_t size_bytes, struct rn_err *);
/* Writes out what is buffered. hex (may be NULL): digest so far. RN_ENOSPACE, RN_EIO. */
int rn_partial_flush(struct rn_partial *, char hex[RN_HEX], struct rn_err *);
/* True if all of it is in a small buffer, and writing it out is mostly the making of a file. */
bool rn_partial_is_small(const struct rn_partial *);
/* The size_bytes that were flushed, where memory still holds them, else NULL; until more comes. */
const void *rn_partial_bytes(const struct rn_partial *);
/* Of a body that was flushed and is whole: its file is read-only and closed, its buffer free; sync:
 * the bytes are on the disk. After it: begin, keep, drop or leave. RN_EIO, RN_ENOSPACE. */
int rn_partial_seal(struct rn_partial *, bool sync, struct rn_err *);
void rn_partial_keep(struct rn_partial *); /* synced as far as possible; releases */
void rn_partial_drop(struct rn_partial *); /* removed; releases; safe without a path */
/* Releases without a look at the file: it has a name of its own now. */
void rn_partial_leave(struct rn_partial *);

#endif
