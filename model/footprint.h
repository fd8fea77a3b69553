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
    bool recompute, deterministic;
    struct rn_comm *comm; /* the ranks that share the optimizer; NULL: alone */
    int ranks;            /* for rn_footprint_apart, instead: as many as are planned; 0: alone */
};

struct rn_footprint { /* bytes */
    double weights, gradients;
    double optimizer;   /* moments, and what a step works in */
    double activations; /* of a micro-step, with room to work in */
    double evaluation;  /* the same of an evaluation */
    double sharing;     /* what ranks need to share; NCCL and MPI themselves take more */
    double other;       /* of the host: the program, and the weight that is being written to disk */
    double total;       /* the peak: all of it exists at once */
    /* What a training may take where it is measured. A GPU: nineteen twentieths of its own memory.
     * A processor: four fifths of the memory of the machine, of its control group or of the limit
     * of address space, whichever is least, and of that the part of one rank. */
    double limit;
};

/* RN_ECONFIG: no such model, or not of such rows. */
int rn_footprint_on(struct rn_footprint *, struct rn_device *, const struct rn_footprint_of *,
                    struct rn_err *);
/* For a process that opens no device. threads 0: all. RN_EDEVICE: the device cannot be opened. */
int rn_footprint_apart(struct rn_footprint *, const char *device, int threads,
                       const struct rn_footprint_of *, struct rn_err *);

#endif
