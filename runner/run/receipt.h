/* receipt.h - runs/<tag>/receipt.json: what a training did, so that it can be done again.
 *
 *     {"schema": 1, "tag": "smoke-1a2b3c4d", "stages": {"base": {
 *         "kind": "base-train", "version": 3, "progress": "..", "out": "..",     keys
 *         "config": {"seed": 42, "precision": "fp32", "device_rows": 8},
 *         "machine": {"device": "cpu", "processor": "..", "features": "AVX2, ..", "isa": "",
 *                     "threads": 2, "runnel": "0.1.0", "program": sha256 of it},
 *         "steps": 300, "every": 20, "skipped": [117],      not trained on (`health`)
 *         "marks": [{"step": 19, "loss": 3.21, "data_order": 1234, "digest": "16 hex digits"}, ..]
 *     }}}
 *
 * A mark's digest is over step, loss and data order of every step so far, as the metrics file has
 * them. A stage that was resumed gives the receipt of one that was not: nothing in it, but for
 * `machine`, depends on how often. Written when a stage is done; `verify-run` reads it. */
#ifndef RN_RECEIPT_H
#define RN_RECEIPT_H

#include "plan.h"

/* Adds the stage, which has just been made in this run; nothing for one that does not train. */
int rn_receipt_add(const struct rn_plan *, size_t stage, int threads, struct rn_err *);
/* Takes over what another run of the store wrote about the same outputs, if any has it. */
int rn_receipt_inherit(const struct rn_plan *, size_t stage, struct rn_err *);

/* The receipt of a run: a new object without stages if there is none. RN_ECORRUPT. */
int rn_receipt_read(const char *run_dir, json_t **out, struct rn_err *);

/* Where this process runs: the `machine` above. A new object. */
json_t *rn_receipt_machine(const char *device, int ranks, int threads);
/* True if equal bits are to be expected: all is the same but for the number of threads. A receipt
 * without ranks is of one. */
bool rn_receipt_same_machine(const json_t *a, const json_t *b);
/* Marks of a metrics file's lines (rn_metrics_read), every so many steps and at the last. A new
 * array. */
json_t *rn_receipt_marks(const json_t *lines, int64_t every);

#endif
