/* nvml.h - what NVIDIA's driver says of its cards.
 *
 *     struct rn_nvml *nvml;
 *     double values[RN_GPU_VALUES];
 *     RN_TRY(rn_nvml_open(&nvml, err));            RN_EDEVICE: one line, what is missing
 *     for (size_t i = 0; i < rn_nvml_count(nvml); i++)
 *         rn_nvml_read(nvml, i, values);           NaN: the card does not say
 *     rn_nvml_close(nvml);
 *
 * The library, libnvidia-ml.so.1, comes with the driver: it is opened at run time, and its
 * prototypes are declared in nvml.c, so that nothing of NVIDIA's is needed to build. A call that
 * fails leaves its value out and nothing else: cards differ in what they measure, and one that
 * falls off the bus must not end the watch over the others. One thread. */
#ifndef RN_NVML_H
#define RN_NVML_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum rn_gpu_value {
#define VALUE(id, wide, long_, doc) RN_GPU_##id,
#include "gpu_values.def"
#undef VALUE
    RN_GPU_VALUES
};
/* Columns of the two tables (samples.h); "" where a value is in none. */
extern const struct rn_gpu_column {
    const char *wide, *in_long, *doc;
} rn_gpu_columns[RN_GPU_VALUES];

/* Bits of RN_GPU_THROTTLE that a card in a sound machine does not show: heat, or the power supply
 * holds it back. The cap of its own power limit is not among them: under load that is usual. */
enum { RN_THROTTLE_HARD = 0x08 | 0x20 | 0x40 | 0x80 };

enum { RN_CARD_TEXT = 96 };
struct rn_card {
    unsigned index;          /* NVML's; CUDA may count differently */
    char name[RN_CARD_TEXT]; /* "NVIDIA H100 80GB HBM3", "" if it does not say */
    char uuid[RN_CARD_TEXT]; /* "GPU-...", "" if it does not say */
    double slowdown_c;       /* where it begins to slow itself down; NaN if it does not say */
    bool lost;               /* it fell off the bus: every value is NaN from then on */
};

struct rn_nvml;
/* RN_EDEVICE: no library, no driver, no card, or one that is not ours to see. */
int rn_nvml_open(struct rn_nvml **, struct rn_err *);
size_t rn_nvml_count(const struct rn_nvml *);
const struct rn_card *rn_nvml_card(const struct rn_nvml *, size_t i); /* borrowed */
void rn_nvml_read(struct rn_nvml *, size_t i, double values[RN_GPU_VALUES]);
double rn_nvml_power(struct rn_nvml *, size_t i); /* RN_GPU_POWER alone: quick */
void rn_nvml_close(struct rn_nvml *);             /* takes NULL */

#endif
