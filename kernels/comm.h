/* comm.h - what the ranks of one training tell each other: sums, parts, a word of rank 0.
 *
 *     struct rn_comm *c;
 *     RN_TRY(rn_comm_open(&c, &setup, log, err));            librunnel-mpi.so; waits for all ranks
 *     RN_TRY(rn_comm_reduce(c, grads, parts, n, mark, err)); my parts become sums over all ranks
 *     RN_TRY(rn_comm_finish(c, err));                        they are
 *     RN_TRY(rn_comm_gather(c, weights, parts, n, mark, err));   everybody gets everybody's parts
 *     rn_comm_close(c);
 *
 * A NULL comm is a rank alone: every call does nothing and is right, so that who trains need not
 * ask. All ranks make the same calls with the same sizes in the same order, or they wait for each
 * other for ever: whoever watches over the processes ends those. Sums are taken in the order of the
 * ranks, so they are the same bits on every rank, and in every run with as many. A peer that is
 * seen to be gone is RN_EPEER. One thread, the one that opened it. */
#ifndef RN_COMM_H
#define RN_COMM_H

#include "device.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { RN_RANKS_MAX = 1024, RN_COMM_WORDS = 1024 };

struct rn_comm;
/* Which of how many; and of those on this host, which pick their device by it. */
struct rn_comm_seat {
    int rank, world, local_rank, local_world;
};

enum { RN_COMM_WORD = 512 };
struct rn_comm_setup {
    struct rn_comm_seat seat;
    const char *device; /* on which this rank computes: "cuda:1" */
    /* For a comm whose ranks do not know of each other. On rank 0 the word goes out, on the others
     * it comes in; once for each opening, on all ranks. */
    int (*meet)(void *ctx, char word[RN_COMM_WORD], struct rn_err *);
    void *ctx;
};

/* The comm that goes with a device: "mpi" with "cpu"; the one that RUNNEL_COMM names, if that does.
 * RN_EDEVICE in one line if none is there. Loads nothing. */
int rn_comm_find(const char **name, const char *device, struct rn_err *);
/* RN_EDEVICE, or RN_EPEER if the library sees other ranks than the seat says. The setup is borrowed
 * for the call. */
int rn_comm_open(struct rn_comm **, const struct rn_comm_setup *, const struct rn_log *,
                 struct rn_err *);
void rn_comm_close(struct rn_comm *); /* takes NULL; every rank's, together */
/* Rank 0 of so many as a plan has them: nobody is there, so nothing can be asked for or said. */
int rn_comm_sketch(struct rn_comm **, const char *device, int world, struct rn_err *);
/* What it takes besides the library behind it: of the device's memory if rn_comm_on_device, else of
 * the host's. NULL: 0. */
size_t rn_comm_bytes(const struct rn_comm *);
int rn_comm_rank(const struct rn_comm *);         /* NULL: 0 */
int rn_comm_world(const struct rn_comm *);        /* NULL: 1 */
int rn_comm_local_world(const struct rn_comm *);  /* those on this host; NULL: 1 */
const char *rn_comm_name(const struct rn_comm *); /* "mpi"; NULL: "" */
/* Slabs are in the memory of the setup's device, and what is asked for happens while that computes.
 * Otherwise, and for NULL, slabs are in the host's memory, and a call that returns is done. */
bool rn_comm_on_device(const struct rn_comm *);

/* How much should be asked for at once, the same on all ranks: what RUNNEL_BUCKET says on rank 0,
 * or 32 MiB for each. Where a call that returns is done: SIZE_MAX, all at once. RN_EUSAGE. */
int rn_comm_bucket_bytes(struct rn_comm *, size_t *bytes, struct rn_err *);

/* floats [at, at + n) of a slab are one rank's. Parts do not overlap; what is in
 * none of them stays as it is. */
struct rn_comm_part {
    size_t at, n;
    int owner;
};
/* Each owner's parts become the sum over all ranks; what the others have there stays theirs.
 * `after`: the mark (backend.h) behind which the parts are as they should be; NULL: they are. Until
 * rn_comm_finish nobody touches them. The order of a sum is the same for the same calls. */
int rn_comm_reduce(struct rn_comm *, float *slab, const struct rn_comm_part *, size_t n,
                   void *after, struct rn_err *);
/* Every rank gets all parts as their owners have them; likewise. */
int rn_comm_gather(struct rn_comm *, float *slab, const struct rn_comm_part *, size_t n,
                   void *after, struct rn_err *);
/* Waits until all that was asked for is done. */
int rn_comm_finish(struct rn_comm *, struct rn_err *);
/* values[0..n), n at most RN_COMM_WORDS, in host memory become their sums over all ranks; or the
 * largest of each over all of them. */
int rn_comm_sum(struct rn_comm *, double *values, size_t n, struct rn_err *);
int rn_comm_most(struct rn_comm *, double *values, size_t n, struct rn_err *);
/* Every rank gets rank 0's bytes in host memory. May wait for hours without taking a processor. */
int rn_comm_tell(struct rn_comm *, void *bytes, size_t size_bytes, struct rn_err *);

#endif
