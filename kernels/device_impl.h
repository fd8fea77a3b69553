/* device_impl.h - the inside of a device, for those who hand calls to its backend. */
#ifndef RN_DEVICE_IMPL_H
#define RN_DEVICE_IMPL_H

#include "backend.h"
#include "plugin.h"

struct rn_device {
    char name[RN_PLUGIN_NAME];
    int card; /* -1: none was said */
    struct rn_host host;
    const struct rn_backend *be;
    void *ctx;
};

#endif
