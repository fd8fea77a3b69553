#include "nccl_api.h"

#ifndef RUNNEL_NCCL_LIBRARY
#define RUNNEL_NCCL_LIBRARY "libnccl.so.2"
#endif

static struct rn_nccl functions;
static struct rn_library nccl = RN_LIBRARY(RN_NCCL_FUNCTIONS, functions, RUNNEL_NCCL_LIBRARY, NULL);

const struct rn_nccl *rn_nccl_load(const char **missing)
{
    return rn_library_open(&nccl, missing) ? &functions : NULL;
}
