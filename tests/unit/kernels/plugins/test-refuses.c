/* A plugin that finds the host to be of another build. */
#include "backend.h"

rn_plugin_open_fn rn_plugin_open;

const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    struct rn_host other = *host;
    other.ops_digest = "of another day";
    return rn_host_fits(&other, err) ? (const struct rn_backend *)host : NULL;
}
