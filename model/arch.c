#include "arch.h"

#include "mem.h"

#include <string.h>

static const struct rn_arch *const archs[] = {
#define ARCH(id, name) &rn_arch_##id,
#include "archs.def"
#undef ARCH
};

const struct rn_arch *rn_arch_find(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(archs); i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}

const struct rn_arch *rn_arch_of(const struct rn_model_cfg *cfg)
{
    const struct rn_arch *arch = rn_arch_find(cfg->arch);
    RN_ASSERT(arch);
    return arch;
}
