/* device.h - a device to compute on, behind a plugin (librunnel-cpu.so, librunnel-cuda.so).
 *
 *     struct rn_device *d;
 *     RN_TRY(rn_device_open(&d, "cpu", threads, log, err));
 *     ...
 *     rn_device_close(d);
 *
 * "cuda:1" is the second of the cards that the driver shows, "cuda" the first.
 *
 * The plugin is looked for beside the program, then in ../lib/runnel. It exports one symbol,
 * rn_plugin_open; a plugin of another build (ABI, struct size or ops.def) is refused with one line,
 * RN_EDEVICE. */
#ifndef RN_DEVICE_H
#define RN_DEVICE_H

#include "err.h"
#include "log.h"

#include <stdbool.h>
#include <stddef.h>

struct rn_device;
/* RN_EDEVICE if there is no plugin of this name. Loads nothing: to be told before hours of fetching
 * rather than after. Whether the plugin can be used is seen when it is opened. */
int rn_device_find(const char *name, struct rn_err *);
/* threads 0: as many as the processor has. */
int rn_device_open(struct rn_device **, const char *name, int threads, const struct rn_log *,
                   struct rn_err *);
void rn_device_close(struct rn_device *);             /* takes NULL */
const char *rn_device_name(const struct rn_device *); /* "cuda", whichever card it is */
/* Waits until everything that was asked for is done. RN_EDEVICE: what has failed until then. */
int rn_device_sync(struct rn_device *, struct rn_err *);

struct rn_device_stats {
    size_t bytes_now, bytes_max; /* device memory in use, and its maximum since open */
    int threads;                 /* CPU threads; 0 elsewhere */
    char model[64];              /* of the device, or the CPU's instruction set in use */
    double bf16_flops;           /* a second, by a GPU's data sheet; 0: not known */
    bool multiplies_fp8;
    size_t bytes_all; /* memory of a GPU; 0: it is the host's */
    int cards;        /* GPUs that the driver shows; 0: it is the processor */
};
void rn_device_stats(const struct rn_device *, struct rn_device_stats *);
/* Of a device that is opened for it by another process (apart.h). False: it does not open. */
bool rn_device_stats_apart(const char *name, struct rn_device_stats *);

#endif
