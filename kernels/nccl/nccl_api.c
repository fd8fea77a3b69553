#include "nccl_api.h"

#include "library.h"

#include <stddef.h>

#ifndef RUNNEL_NCCL_LIBRARY
#define RUNNEL_NCCL_LIBRARY "libnccl.so.2"
#endif

const struct rn_nccl *rn_nccl_load(const char **missing)
{
#define F(name) #name,
    static const char *const names[] = {RN_NCCL_FUNCTIONS(F) NULL};
#undef F
    static struct rn_nccl api;
    static bool loaded;
    loaded = loaded || rn_library_load(&api, RUNNEL_NCCL_LIBRARY, names, missing);
    return loaded ? &api : NULL;
}
