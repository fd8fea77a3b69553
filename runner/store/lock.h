/* lock.h - one writer, for as long as its process lives.
 *
 *     struct rn_lock lock;
 *     RN_TRY(rn_lock_take(&lock, "runs/smoke/.lock", "this run", err));   RN_ELOCKED: names who
 *     if (*lock.took_over)
 *         say("took over from %s, which is gone", lock.took_over);
 *     ...
 *     rn_lock_beat(&lock);             now and then
 *     rn_lock_release(&lock);
 *
 * An open-file-description lock (fcntl): the kernel frees it when the last process that shares it
 * dies, however it dies; children of fork share it, and a taker waits up to 5 s for those that a
 * dead owner left behind. Inside the file lies the owner's record:
 *
 *     {"beat":1763..,"boot":"<boot id>","host":"ada","pid":4711,"since":1763..,"start":<ticks>}
 *
 * It names the owner, and it decides where the file system grants such locks to everybody or to
 * nobody (network file systems): an owner of this boot lives if its pid does, with that start time;
 * one of another boot of this host is gone; one of another host lives while its beat is younger
 * than RN_LOCK_PATIENCE_S. Readers take nothing and write nothing. */
#ifndef RN_LOCK_H
#define RN_LOCK_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { RN_LOCK_BEAT_S = 15, RN_LOCK_PATIENCE_S = 180 };

struct rn_lock {
    int fd;     /* -1: not held */
    char *path; /* owned while held */
    double since_s, beat_s;
    char took_over[192]; /* the dead owner whose lock lay here: "pid 4711 on ada"; or "" */
};

/* what: "this run", for the message. Makes the file; its directory must exist. */
int rn_lock_take(struct rn_lock *, const char *path, const char *what, struct rn_err *);
/* Renews the beat if it is time to; cheap otherwise. Safe when not held. */
void rn_lock_beat(struct rn_lock *);
void rn_lock_release(struct rn_lock *); /* removes the file; safe when not held */
/* True if a living process holds it; owner (may be NULL) gets "pid 4711 on ada since 12:30:01".
 * Writes nothing. */
bool rn_lock_held(const char *path, char *owner, size_t owner_bytes);

#endif
