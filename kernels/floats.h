/* floats.h - the host's floats to a device's numbers and back: as they are, or as bf16.
 *
 *     RN_TRY(rn_floats_put(dev, mem, RN_BF16, host, n, err));        rounded to the nearest
 *     RN_TRY(rn_floats_get(dev, host, mem, RN_BF16, n, err));        exact
 *
 * Takes room for a copy where they have to be converted: RN_ENOMEM. */
#ifndef RN_FLOATS_H
#define RN_FLOATS_H

#include "device.h"
#include "shape.h"

int rn_floats_put(struct rn_device *, void *mem, enum rn_dtype, const float *host, int64_t n,
                  struct rn_err *);
int rn_floats_get(struct rn_device *, float *host, const void *mem, enum rn_dtype, int64_t n,
                  struct rn_err *);

#endif
