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

struct rn_ranks {
    struct rn_comm_seat seat; /* 0 of 1 where nobody said anything */
    const char *launcher;     /* "mpirun"; NULL: nobody did */
    char job[RN_HEX];         /* tells this start of these processes from any other */
};

/* RN_EUSAGE: what the launcher says makes no sense (rank 2 of 2, "x"). */
int rn_ranks_detect(struct rn_ranks *, struct rn_err *);
/* Tasks on a node of a Slurm step: "3,1" and "2(x3)" are lists by node; 0: not said. */
int rn_ranks_slurm_tasks(const char *list, int node);

#endif
