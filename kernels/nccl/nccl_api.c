#include "nccl_api.h"

#include <dlfcn.h>
#include <stdbool.h>

#ifndef RUNNEL_NCCL_LIBRARY
#define RUNNEL_NCCL_LIBRARY "libnccl.so.2"
#endif

const struct rn_nccl *rn_nccl_load(const char **missing)
{
    static struct rn_nccl api;
    static void *library;
    if (library)
        return &api;
    void *opened = dlopen(RUNNEL_NCCL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool whole = opened != NULL;
#define F(name) whole = whole && (*(void **)&api.name = dlsym(opened, #name)) != NULL;
    RN_NCCL_FUNCTIONS(F)
#undef F
    if (!whole) {
        *missing = dlerror();
        return NULL;
    }
    library = opened;
    return &api;
}
