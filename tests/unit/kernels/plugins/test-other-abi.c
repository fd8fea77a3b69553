/* A plugin with an older, smaller table: nothing behind its size may be read. */
#include "backend.h"

struct old_backend {
    uint32_t abi, size_bytes;
};

const struct old_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err);

const struct old_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    static const struct old_backend backend = {RN_ABI - 1, sizeof backend};
    (void)host, (void)err;
    return &backend;
}
