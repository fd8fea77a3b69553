#include "floats.h"

#include "bf16_bits.h"
#include "device_impl.h"
#include "mem.h"

#include <stdlib.h>

static int room_for(uint16_t **out, int64_t n, struct rn_err *err)
{
    return rn_try_alloc((void **)out, (size_t)n, sizeof **out, "numbers in bf16", err);
}

int rn_floats_put(struct rn_device *dev, void *mem, enum rn_dtype type, const float *host,
                  int64_t n, struct rn_err *err)
{
    if (type == RN_F32)
        return dev->be->put(dev->ctx, mem, host, (size_t)n * sizeof *host, err);
    uint16_t *half;
    RN_TRY(room_for(&half, n, err));
    for (int64_t i = 0; i < n; i++)
        half[i] = rn_to_bf16(host[i]);
    int rc = dev->be->put(dev->ctx, mem, half, (size_t)n * sizeof *half, err);
    free(half);
    return rc;
}

int rn_floats_get(struct rn_device *dev, float *host, const void *mem, enum rn_dtype type,
                  int64_t n, struct rn_err *err)
{
    if (type == RN_F32)
        return dev->be->get(dev->ctx, host, mem, (size_t)n * sizeof *host, err);
    uint16_t *half;
    RN_TRY(room_for(&half, n, err));
    int rc = dev->be->get(dev->ctx, half, mem, (size_t)n * sizeof *half, err);
    for (int64_t i = 0; rc == RN_OK && i < n; i++)
        host[i] = rn_from_bf16(half[i]);
    free(half);
    return rc;
}
