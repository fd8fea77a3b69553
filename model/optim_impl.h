/* optim_impl.h - the inside of an optimizer: for optim.c, which does a step, optim_ranks.c,
 * which shares it out, and optim_moments.c, which takes what it remembers to disk and back. */
#ifndef RN_OPTIM_IMPL_H
#define RN_OPTIM_IMPL_H

#include "optim.h"
#include "shares.h"

struct rn_slot { /* one weight */
    const struct rn_group *group;
    int64_t at;       /* of its hyperparameters */
    double lr;        /* before the schedule */
    double decay;     /* before the schedule */
    int64_t first, n; /* what of it this rank updates */
    size_t n_parts;   /* of all ranks, from grad_parts[part] and weight_parts[part] on */
    size_t part;
    rn_val buf, buf2; /* Muon's moments; RN_NONE: none here */
};

/* Gradients that travel together, once so many ops of a run are behind: bucket_parts[first..). */
struct rn_bucket {
    int after;
    size_t first, n;
};

/* One moment, as files have it: whole. */
struct rn_moment {
    char name[80];
    size_t weight; /* whose */
    struct rn_shape shape;
    enum rn_dtype dtype; /* its weight's */
    rn_val here;         /* this rank's share; RN_NONE: it has none */
};

struct rn_optim {
    struct rn_model *model;   /* borrowed */
    struct rn_comm *comm;     /* borrowed; NULL: alone */
    struct rn_prog *sum_prog; /* what my share of the gradients says */
    struct rn_prog *prog;     /* what follows from what all of them say */
    struct rn_group *groups;  /* with overrides */
    size_t n_groups;
    struct rn_slot *slots; /* in the order of the params store */
    size_t n;
    struct rn_comm_part *grad_parts, *weight_parts; /* of all weights, in their order */
    size_t n_parts, n_weight_parts, cap_grad_parts, cap_weight_parts;
    struct rn_prog *train;     /* borrowed: what gives the gradients; NULL: not said yet */
    struct rn_bucket *buckets; /* in the order in which they are whole; none: alone */
    struct rn_comm_part *bucket_parts;
    size_t n_buckets, cap_buckets, n_bucket_parts, cap_bucket_parts;
    struct rn_moment *moments; /* in the order of the weights */
    size_t n_moments, cap_moments;
    struct rn_prog *carried_of; /* a state of it goes with the moments; NULL: none */
    rn_val carried;
    bool found_carried;
    double clip, lr_scale, lr_frac;
    float *hyper_host;
    rn_val share;            /* of sum_prog; RN_NONE: nothing is mine */
    rn_val sum, hyper, coef; /* of prog */
    float sum_host;          /* of the squares of all gradients, once they are measured */
    bool under_way;          /* these gradients are being added up */
    bool measured;           /* they are, and so is their sum of squares */
};

/* optim_ranks.c: each weight's parts, and which of them is here. */
void rn_optim_share_out(struct rn_optim *, const struct rn_weight *);

#endif
