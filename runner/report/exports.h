/* exports.h - the numbers of a run in other programs' formats.
 *
 *     struct rn_numbers n;
 *     RN_TRY(rn_numbers_read(&n, "runs/smoke-1a2b3c4d", NULL, err));
 *     RN_TRY(rn_exporter_find("tensorboard")->write(&n, stdout, "events", err));
 *     rn_numbers_release(&n);
 *
 * Everything is derived from metrics/<stage>.jsonl, so it can be made again at any time. */
#ifndef RN_EXPORTS_H
#define RN_EXPORTS_H

#include "curves.h"

#include <stdio.h>

struct rn_numbers {
    char *dir; /* of the run */
    const char *tag;
    const char *only;         /* the stage that was asked for, borrowed; NULL: all */
    struct rn_curves *stages; /* those with numbers, in the pipeline's order */
    size_t n;
};

/* only: one stage, NULL: all. RN_EUSAGE if the run has no such stage. */
int rn_numbers_read(struct rn_numbers *, const char *run_dir, const char *only, struct rn_err *);
void rn_numbers_release(struct rn_numbers *);

struct rn_exporter {
    const char *name, *doc;
    const char *folder; /* below the run, where it writes unless told otherwise; NULL: to `out` */
    int (*write)(const struct rn_numbers *, FILE *out, const char *folder, struct rn_err *);
};
const struct rn_exporter *rn_exporter_find(const char *name); /* or NULL */

/* The rows of the table; each in a file of its own or in exports.c. */
int rn_export_tensorboard(const struct rn_numbers *, FILE *, const char *folder, struct rn_err *);
int rn_export_wandb(const struct rn_numbers *, FILE *, const char *folder, struct rn_err *);

#endif
