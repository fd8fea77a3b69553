/* ranks.h - which of how many processes this one is, as whoever started them says.
 *
 *     struct rn_ranks ranks;
 *     RN_TRY(rn_ranks_detect(&ranks, err));
 *     if (ranks.seat.world > 1)
 *         say("rank %d of %d, by %s", ranks.seat.rank, ranks.seat.world, ranks.launcher);
 *
 * Launchers speak through environment variables; a table in ranks.c says which, in order: our own
 * (RUNNEL_RANK, RUNNEL_WORLD), torchrun, Open MPI, PMI, Slurm, Flux. The first that gives a rank
 * and a world wins, so mpirun inside a Slurm job is mpirun. Half of a pair is nothing: a shell in
 * a Slurm allocation is one process. */
#ifndef RN_RANKS_H
#define RN_RANKS_H

#include "comm.h"
#include "hash.h"

#include <stdbool.h>

struct rn_ranks {
    struct rn_comm_seat seat; /* 0 of 1 where nobody said anything */
    const char *launcher;     /* "mpirun"; NULL: nobody did */
    bool dealt;               /* the launcher shows each rank its own GPUs alone */
    char job[RN_HEX];         /* tells this start of these processes from any other */
};

/* RN_EUSAGE: what the launcher says makes no sense (rank 2 of 2, "x"). */
int rn_ranks_detect(struct rn_ranks *, struct rn_err *);
/* The device of this rank: "cuda" is its own card, "cuda:2" of the third on its host. Caller frees.
 * RN_EUSAGE: `device` names one card, and there are more ranks here. */
int rn_ranks_device(const struct rn_ranks *, const char *device, char **own, struct rn_err *);
/* How many GPUs the driver must show for the ranks on this host; 1 for a rank alone. */
int rn_ranks_cards(const struct rn_ranks *);
/* Tasks on a node of a Slurm step: "3,1" and "2(x3)" are lists by node; 0: not said. */
int rn_ranks_slurm_tasks(const char *list, int node);

#endif
