/* footprint.h - the memory that a training takes, to the byte as it is planned, before any of
 * it is taken.
 *
 *     struct rn_footprint_of what = {.model = &cfg, .rows = 8, .compute = RN_BF16};
 *     struct rn_footprint f;
 *     RN_TRY(rn_footprint_on(&f, device, &what, err));      on a device that is open
 *     RN_TRY(rn_footprint_apart(&f, "cpu", 0, &what, err)); by a process of its own, which ends
 *
 * The programs are built and planned as a training does it, over a sketch of the model. */
#ifndef RN_FOOTPRINT_H
#define RN_FOOTPRINT_H

#include "model.h"

struct rn_footprint_of {
    const struct rn_model_cfg *model;
    int64_t rows;      /* of a micro-step */
    int64_t eval_rows; /* scored at once between steps; 0: nothing is */
    enum rn_dtype compute;
    struct rn_fp8 fp8;
    bool recompute;
    struct rn_comm *comm; /* the ranks that share the optimizer; NULL: alone */
};

struct rn_footprint { /* bytes */
    double weights, gradients;
    double optimizer;   /* moments, and what a step works in */
    double activations; /* of a micro-step, with room to work in */
    double evaluation;  /* the same of an evaluation */
    double other;       /* the program itself, and the weight that is being written to disk */
    double total;       /* the peak: all of it exists at once */
};

/* RN_ECONFIG: no such model, or not of such rows. */
int rn_footprint_on(struct rn_footprint *, struct rn_device *, const struct rn_footprint_of *,
                    struct rn_err *);
/* For a process that opens no device. threads 0: all. RN_EDEVICE: the device cannot be opened. */
int rn_footprint_apart(struct rn_footprint *, const char *device, int threads,
                       const struct rn_footprint_of *, struct rn_err *);

/* What a training may take: four fifths of the memory of the machine, of its control group or of
 * the limit of address space, whichever is least. Constant as long as the machine is. */
double rn_footprint_limit(void);
/* The same on a device: a GPU's own memory, or this process's part of the host's, which its ranks
 * share. */
double rn_footprint_limit_on(const struct rn_device *, const struct rn_comm *);

#endif
