/* precision.h - what `precision: auto|fp32|bf16|fp8` means for the products of a program.
 *
 *     if (p == RN_PRECISION_AUTO)
 *         p = rn_precision_best("cpu", &why);
 *     rn_prog_compute_in(prog, rn_precision_dtype(p));
 */
#ifndef RN_PRECISION_H
#define RN_PRECISION_H

#include "shape.h"

enum rn_precision { RN_PRECISION_AUTO, RN_PRECISION_FP32, RN_PRECISION_BF16, RN_PRECISION_FP8 };
extern const char *const rn_precision_words[];         /* by enum, NULL-ended */
extern const char *const rn_precision_scoring_words[]; /* without fp8: it is for training alone */

/* What the device of this name (NULL: the processor) is best at; loads no device. *why (may be
 * NULL): static text. */
enum rn_precision rn_precision_best(const char *device, const char **why);
/* What `asked` comes to on a device: AUTO the best, FP8 the best where no such products are; the
 * device is looked at by another process then. *why (may be NULL): static text; "as the file says"
 * where nothing was changed. A GPU that does not open is taken at the file's word. */
enum rn_precision rn_precision_settle(enum rn_precision asked, const char *device,
                                      const char **why);
/* Of products that are not fp8 (fp8.h says which are): bf16 in fp8. Not of AUTO. */
enum rn_dtype rn_precision_dtype(enum rn_precision);

#endif
