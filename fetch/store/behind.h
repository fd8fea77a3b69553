/* behind.h - full buffers on their way to their files: digested and written by other threads,
 * while the wire fills more.
 *
 *     struct rn_behind *behind = rn_behind_new();
 *     struct rn_drain drain = {.fd = fd, .sha = &sha};          one for each file
 *     unsigned char *buf = rn_behind_buffer(behind);            RN_BEHIND_BYTES of it
 *     rn_behind_put(behind, &drain, buf);                       full; fd and sha are busy now
 *     errno = rn_behind_settle(behind, &drain);                 all of it is in the file
 *     rn_behind_free(behind);
 *
 * Buffers of one file go out in order, those of several side by side. So many may be under way that
 * neither side waits for the other's hiccups, and no more: then rn_behind_buffer waits. */
#ifndef RN_BEHIND_H
#define RN_BEHIND_H

#include "hash.h"

#include <stdbool.h>

enum { RN_BEHIND_BYTES = 1 << 19 };

struct rn_behind;
struct rn_behind *rn_behind_new(void);
void rn_behind_free(struct rn_behind *); /* takes NULL; every drain is settled */

struct rn_drain {
    int fd;                /* borrowed; written at its position */
    struct rn_sha256 *sha; /* borrowed */
    /* The threads' own. */
    struct rn_full *first, **end;
    bool busy;  /* a thread has it, or it waits for one */
    int failed; /* errno of the first failure: what comes after it is dropped */
    struct rn_drain *after;
};

/* Not cleared; given back by rn_behind_put or rn_behind_take_back. */
unsigned char *rn_behind_buffer(struct rn_behind *);
void rn_behind_take_back(struct rn_behind *, unsigned char *buf); /* takes NULL */
/* errno of an earlier buffer of this file, or 0. */
int rn_behind_put(struct rn_behind *, struct rn_drain *, unsigned char *full);
/* Waits until nothing of this file is under way; errno of what failed, or 0. Any thread. */
int rn_behind_settle(struct rn_behind *, struct rn_drain *);

#endif
