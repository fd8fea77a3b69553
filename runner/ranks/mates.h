/* mates.h - ranks that rank 0 starts on its own machine: `run --gpus 4`.
 *
 *     struct rn_mates mates;
 *     RN_TRY(rn_mates_seat(&mates, &ranks, 4, err));     this process is rank 0 of 4
 *     RN_TRY(rn_mates_start(&mates, err));               the same command again as ranks 1 to 3
 *     ... a run with a team ...
 *     rn_mates_end(&mates, patience_s);
 *
 * They find rank 0 as ranks of any launcher do, and die with it. */
#ifndef RN_MATES_H
#define RN_MATES_H

#include "ranks.h"

#include <sys/types.h>

struct rn_mates {
    int world; /* 0: none of ours */
    char job[33];
    pid_t pids[RN_RANKS_MAX]; /* by rank; 0: not running */
};

/* No mates where this process is one of them. RN_EUSAGE: another launcher has started it as one of
 * several. */
int rn_mates_seat(struct rn_mates *, struct rn_ranks *, int world, struct rn_err *);
/* While the process has one thread. */
int rn_mates_start(struct rn_mates *, struct rn_err *);
/* Waits for them to end by themselves; kills them after patience_s. */
void rn_mates_end(struct rn_mates *, double patience_s);

#endif
