/* optim.h - one optimizer step as two programs: sum of squares; clip, AdamW or Muon, clear.
 *
 *     struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;      overrides by group from YAML, scaling
 *     RN_TRY(rn_optim_new(&o, model, &oc, err));       builds and plans; moments are zero
 *     for (int64_t step = 0; step < steps; step++) {
 *         RN_TRY(rn_prog_run(train, err));             adds gradients, once a micro-batch;
 *                                                      the last by rn_optim_run_last, with ranks
 *         struct rn_optim_step s = {.t = step + 1, .lr_mult = 1, .decay_mult = 1, ..};
 *         RN_TRY(rn_optim_step(o, &s, &norm, err));    gradients are zero afterwards, as they
 *     }                                                are after rn_optim_drop
 *     RN_TRY(rn_optim_save(o, "optimizer.safetensors", hex, err));      rn_optim_load: exact
 *
 * Hyperparameters stand in the architecture's group table (arch.h) and nowhere else. */
#ifndef RN_OPTIM_H
#define RN_OPTIM_H

#include "comm.h"
#include "hash.h"
#include "model.h"
#include "op_times.h"
#include "schedule.h"

#include <math.h>

/* Changes to one group by name; NAN: as in the table. lr replaces the table's lr before its rules
 * (width, batch, shape of the matrix) are applied. */
struct rn_group_override {
    const char *group; /* NULL: every group */
    double lr, beta1, beta2, eps, decay;
};
#define RN_GROUP_UNCHANGED                                                                         \
    ((struct rn_group_override){.lr = NAN, .beta1 = NAN, .beta2 = NAN, .eps = NAN, .decay = NAN})

struct rn_optim_cfg {
    const struct rn_group_override *overrides; /* later ones win; borrowed during rn_optim_new */
    size_t n_overrides;
    double clip;        /* largest gradient norm; 0: none; NAN: the architecture's */
    double lr_scale;    /* times the lr of batch-scaled groups (scaling.h) */
    double lr_frac;     /* times every lr (`lr_frac` of mid-train and sft) */
    double decay_scale; /* times the decay of Muon groups (scaling.h) */
    /* The ranks that train together, borrowed; NULL: alone. Each has moments of, and updates, its
     * share of the weights, and ends a step with all of them; norm and clipping are over all. */
    struct rn_comm *comm;
};
#define RN_OPTIM_DEFAULTS                                                                          \
    ((struct rn_optim_cfg){.clip = NAN, .lr_scale = 1, .lr_frac = 1, .decay_scale = 1})

/* RN_ECONFIG names the groups of the architecture, which there is, if none is called so. */
int rn_optim_check_group(const char *arch, const char *group, struct rn_err *);

struct rn_optim;
/* The model needs gradients; Muon's products are computed as the model's. RN_ECONFIG names an
 * unknown group and the known ones. */
int rn_optim_new(struct rn_optim **, struct rn_model *, const struct rn_optim_cfg *,
                 struct rn_err *);
void rn_optim_free(struct rn_optim *); /* takes NULL */
/* Moments, and what a step needs besides. */
size_t rn_optim_bytes(const struct rn_optim *);

/* With ranks gradients are added up while others are still being computed. `train` (planned;
 * borrowed) is the program that gives them; said once, before the first step. RN_EUSAGE: the
 * environment asks for what is no bucket (comm.h). */
int rn_optim_watch(struct rn_optim *, struct rn_prog *train, struct rn_err *);
/* The last run of a step of that program. Alone it is rn_prog_run. */
int rn_optim_run_last(struct rn_optim *, struct rn_err *);

struct rn_optim_step {
    int64_t t;                                 /* 1 at the first step: Adam's bias correction */
    double lr_mult, muon_momentum, decay_mult; /* schedule.h */
};
/* L2 norm over all gradients before clipping; a step can still be refused. */
int rn_optim_norm(struct rn_optim *, float *norm, struct rn_err *);
/* grad_norm (may be NULL): that norm. */
int rn_optim_step(struct rn_optim *, const struct rn_optim_step *, float *grad_norm,
                  struct rn_err *);
/* No step: the gradients are zero again, weights and moments stay. */
int rn_optim_drop(struct rn_optim *, struct rn_err *);

/* From now on each step adds to times (op_times.h), which must outlive the optimizer. */
void rn_optim_time_ops(struct rn_optim *, struct rn_op_times *times);

/* Moments as tensors m.<weight>, v.<weight>, buf.<weight>, buf2.<weight>. Load checks that names
 * and shapes are exactly those of this optimizer (RN_ECORRUPT). hex may be NULL. The file is the
 * same whatever the ranks. Only rank 0 saves: it tells the others (comm.h) the number of each
 * moment that it wants, an int64_t, and they lend their share of it. Every rank loads. */
int rn_optim_save(const struct rn_optim *, const char *path, char hex[RN_HEX], struct rn_err *);
int rn_optim_lend(const struct rn_optim *, int64_t moment, struct rn_err *);
int rn_optim_load(struct rn_optim *, const char *path, struct rn_err *);

/* A state of another program (fp8.h: amax), borrowed with it, that files carry beside the moments
 * by its name: the same on all ranks, so rank 0's. A file that has none clears it. */
void rn_optim_carry(struct rn_optim *, struct rn_prog *, rn_val state);
bool rn_optim_found_carried(const struct rn_optim *); /* in what was loaded last */

/* Of all moments of a model together, as a checkpoint has them. */
double rn_optim_moment_bytes(const struct rn_model_cfg *);
/* Learning rate of a group by the rules of width and batch, before lr_mult; NAN: no such group. */
double rn_optim_lr(const struct rn_optim *, const char *group);

#endif
