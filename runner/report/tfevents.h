/* tfevents.h - TensorBoard's event records.
 *
 *     struct rn_str s = {0};
 *     rn_tfevents_begin(&s, time_s, 0);                     once a file, before anything else
 *     rn_tfevents_scalars(&s, time_s, step, values, n);
 *     rn_tfevents_text(&s, time_s, step, "sample/0", "The capital of France is Paris.");
 *     write s to rn_tfevents_name(..)
 *
 * Every call appends one whole record, so a file may be written record by record and a torn tail is
 * passed over by readers. Names of metrics become tags in the groups that TensorBoard folds:
 * "loss" train/loss, "val_bpb" val/bpb, "sft.arc_easy" sft/arc_easy. Sources: tensorflow's
 * event.proto and summary.proto, TFRecord's framing, TensorBoard's plugin metadata. */
#ifndef RN_TFEVENTS_H
#define RN_TFEVENTS_H

#include "stage.h"
#include "str.h"

/* "events.out.tfevents.0001763720000.host.4711.0"; caller frees. */
char *rn_tfevents_name(double time_s, const char *host, int pid, int n);
/* The version record, and a START at `step`: a reader then drops what an earlier file of the same
 * folder says of this and later steps. */
void rn_tfevents_begin(struct rn_str *, double time_s, int64_t step);
void rn_tfevents_scalars(struct rn_str *, double time_s, int64_t step,
                         const struct rn_metric_value *, size_t n);
/* Shown as preformatted text: nothing in it is taken for markup. */
void rn_tfevents_text(struct rn_str *, double time_s, int64_t step, const char *name,
                      const char *text);
/* k bins of (left, right, count), 3k doubles in ascending order. */
void rn_tfevents_histogram(struct rn_str *, double time_s, int64_t step, const char *name,
                           const double *bins, size_t k);
/* The table of settings of TensorBoard's HPARAMS page: n pairs of name and value. */
struct rn_hparam {
    const char *name, *text; /* text NULL: number */
    double number;
};
void rn_tfevents_hparams(struct rn_str *, double time_s, const struct rn_hparam *, size_t n);

/* CRC-32C (Castagnoli), reflected; of "123456789": 0xE3069283. */
uint32_t rn_crc32c(const void *bytes, size_t n);

#endif
