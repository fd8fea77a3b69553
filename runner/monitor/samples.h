/* samples.h - samples of cards and processors as a CSV file that grows.
 *
 *     struct rn_samples f;
 *     RN_TRY(rn_samples_open(&f, path, RN_WIDE, &sampler, false, err));
 *     rn_samples_add(&f, &sampler, (struct rn_tag){0});      after each rn_sampler_take
 *     rn_samples_close(&f);
 *
 *     wide   timestamp,elapsed_sec,gpu0_power_w,gpu0_temp_c,...,gpu1_...   a row a sample
 *     long   t_unix_ns,t_rel_s,gpu,uuid,temp_c,power_inst_w,...,stage,step     a row a card
 *
 * A value that a card does not have is an empty column. Rows go out once a second, whole; those
 * that could not be written are counted in `lost` and leave nothing behind. */
#ifndef RN_SAMPLES_H
#define RN_SAMPLES_H

#include "sampler.h"
#include "str.h"

enum rn_samples_form { RN_WIDE, RN_LONG };
struct rn_tag {        /* what the machine worked on */
    const char *stage; /* NULL: nothing */
    int64_t step;      /* -1: none yet */
};
struct rn_samples {
    enum rn_samples_form form;
    bool tagged; /* rows end with stage and step */
    char *path;  /* owned */
    int fd, why; /* errno of the first row that was lost */
    struct rn_str rows;
    size_t n_rows; /* in `rows` */
    int64_t size_bytes, written, lost;
    double put_s; /* when rows went out last */
};

/* "gpu_metrics_20261121_172211.csv", UTC. Caller frees. */
char *rn_samples_name(double time_s);
/* A new file with its heading; RN_EIO where there is one already. tagged: wide rows get stage and
 * step, long ones have them always. */
int rn_samples_open(struct rn_samples *, const char *path, enum rn_samples_form,
                    const struct rn_sampler *, bool tagged, struct rn_err *);
void rn_samples_add(struct rn_samples *, const struct rn_sampler *, struct rn_tag);
void rn_samples_flush(struct rn_samples *);
void rn_samples_close(struct rn_samples *); /* safe when not open */

#endif
