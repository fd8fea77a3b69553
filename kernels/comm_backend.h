/* comm_backend.h - the border between comm.h and a plugin that carries it: Open MPI, NCCL.
 *
 *     const struct rn_comm_backend *rn_comm_plugin_open(const struct rn_host *, struct rn_err *)
 *
 * as backend.h has it for devices. The calls are those of comm.h, with the same promises; parts are
 * in ascending order of `at`. A world of one rank is a world, too. */
#ifndef RN_COMM_BACKEND_H
#define RN_COMM_BACKEND_H

#include "backend.h"
#include "comm.h"

struct rn_comm_backend {
    uint32_t abi, size_bytes;
    const char *ops_digest;
    const char *name; /* "mpi" */
    bool on_device;   /* slabs are in a card's memory */

    /* What open takes, and keeps until close: of the card's memory if on_device, else of the
     * host's; what the library takes for itself does not count. */
    size_t (*room_bytes)(int world);
    /* card: of the setup's device, 0 where it says none. */
    int (*open)(void **ctx, const struct rn_host *, const struct rn_comm_setup *, int card,
                struct rn_err *);
    void (*close)(void *ctx);
    int (*reduce)(void *ctx, float *slab, const struct rn_comm_part *, size_t n, void *after,
                  struct rn_err *);
    int (*gather)(void *ctx, float *slab, const struct rn_comm_part *, size_t n, void *after,
                  struct rn_err *);
    int (*finish)(void *ctx, struct rn_err *);
    /* Every rank's n words, at most RN_COMM_WORDS, in the order of the ranks: all[rank * n + i]. */
    int (*hear)(void *ctx, const double *mine, size_t n, double *all, struct rn_err *);
    int (*tell)(void *ctx, void *bytes, size_t size_bytes, struct rn_err *);
};

typedef const struct rn_comm_backend *rn_comm_plugin_open_fn(const struct rn_host *,
                                                             struct rn_err *);

#endif
