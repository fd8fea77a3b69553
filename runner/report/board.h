/* board.h - event files for TensorBoard while a stage runs.
 *
 *     struct rn_board b;
 *     rn_board_init(&b, "runs/smoke-1a2b3c4d/tensorboard/base");      NULL: writes nothing
 *     rn_board_add(&b, step, values, n);
 *     rn_board_release(&b);
 *
 * A new file each time, opened with the first number, so that resumed curves go on where they were
 * cut. Derived from the metrics and made again from them at any time (exports.h), but for
 * histograms: what cannot be written is counted in `lost` and stops nothing; nothing is synced. */
#ifndef RN_BOARD_H
#define RN_BOARD_H

#include "stage.h"
#include "str.h"
#include "tfevents.h"

struct rn_board {
    char *dir;          /* owned; NULL: off */
    struct rn_str head; /* records that follow the first ones of the file */
    int fd;             /* -1: not open */
    int64_t lost;
};

void rn_board_init(struct rn_board *, const char *dir);
/* The settings, for the HPARAMS page; before the first number. */
void rn_board_settings(struct rn_board *, const struct rn_hparam *, size_t n);
void rn_board_add(struct rn_board *, int64_t step, const struct rn_metric_value *, size_t n);
void rn_board_say(struct rn_board *, int64_t step, const char *name, const char *text);
/* n bins as rn_tfevents_histogram takes them. */
void rn_board_spread(struct rn_board *, int64_t step, const char *name, const double *bins,
                     size_t n);
void rn_board_release(struct rn_board *); /* safe when zeroed */

#endif
