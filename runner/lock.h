/* runner/lock.h - one writer, for as long as its process lives.
 *
 *     struct rn_lock lock;
 *     RN_TRY(rn_lock_take(&lock, "runs/smoke/.lock", "this run", err));   RN_ELOCKED: names who
 *     ...
 *     rn_lock_release(&lock);
 *
 * An open-file-description lock (fcntl): the kernel frees it when the process dies, however it
 * dies. Processes that it started without exec hold the lock with it: a taker waits up to 5 s for
 * what a dead owner left behind. The owner record inside the file serves only the message; the file
 * goes on release. */
#ifndef RN_LOCK_H
#define RN_LOCK_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct rn_lock {
    int fd;     /* -1: not held */
    char *path; /* owned while held */
};

/* what: "this run", for the message. Makes the file; its directory must exist. */
int rn_lock_take(struct rn_lock *, const char *path, const char *what, struct rn_err *);
void rn_lock_release(struct rn_lock *); /* safe when not held */
/* True if a living process holds it; owner (may be NULL) gets "pid 4711 on ada". Writes nothing. */
bool rn_lock_held(const char *path, char *owner, size_t owner_bytes);

#endif
