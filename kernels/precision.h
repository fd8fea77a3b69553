/* precision.h - what `precision: auto|fp32|bf16` means for the products of a program.
 *
 *     if (p == RN_PRECISION_AUTO)
 *         p = rn_precision_best("cpu", &why);
 *     rn_prog_compute_in(prog, rn_precision_dtype(p));
 */
#ifndef RN_PRECISION_H
#define RN_PRECISION_H

#include "prog.h"

enum rn_precision { RN_PRECISION_AUTO, RN_PRECISION_FP32, RN_PRECISION_BF16 };
extern const char *const rn_precision_words[]; /* by enum, NULL-ended */

/* What the device of this name (NULL: the processor) is best at; loads no device. *why (may be
 * NULL): static text. */
enum rn_precision rn_precision_best(const char *device, const char **why);
enum rn_dtype rn_precision_dtype(enum rn_precision); /* not of AUTO */

#endif
