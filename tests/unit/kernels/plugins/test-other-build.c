/* A plugin whose ops.def differs from the program's. */
#include "backend.h"

rn_plugin_open_fn rn_plugin_open;

const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    static const struct rn_backend backend = {
        .abi = RN_ABI, .size_bytes = sizeof backend, .ops_digest = "of another day"};
    (void)host, (void)err;
    return &backend;
}
