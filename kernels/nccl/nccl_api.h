/* nccl_api.h - NVIDIA's NCCL, opened by its soname: a program of ours runs without it.
 *
 *     const char *missing;
 *     const struct rn_nccl *api = rn_nccl_load(&missing);        once; NULL: not there
 *     api->ncclGetUniqueId(&id); */
#ifndef RN_NCCL_API_H
#define RN_NCCL_API_H

#include "library.h"

#include <nccl.h>

#define RN_NCCL_FUNCTIONS(F)                                                                       \
    F(ncclGetVersion)                                                                              \
    F(ncclGetUniqueId)                                                                             \
    F(ncclGetErrorString)                                                                          \
    F(ncclCommInitRankConfig)                                                                      \
    F(ncclCommGetAsyncError)                                                                       \
    F(ncclCommFinalize)                                                                            \
    F(ncclCommDestroy)                                                                             \
    F(ncclCommAbort)                                                                               \
    F(ncclReduceScatter)                                                                           \
    F(ncclAllGather)                                                                               \
    F(ncclBroadcast)

struct rn_nccl {
    RN_NCCL_FUNCTIONS(RN_LIBRARY_POINTER)
};

/* Loaded once, and until the process ends. *missing: what the loader says. */
const struct rn_nccl *rn_nccl_load(const char **missing);

#endif
