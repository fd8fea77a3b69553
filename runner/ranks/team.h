/* team.h - rank 0's side of a run with several ranks: it runs the pipeline, the others join
 * in where it trains.
 *
 *     struct rn_team *team;
 *     RN_TRY(rn_team_open(&team, &ranks, runs, config, err));        all ranks are there
 *     how.team = team;                   rn_run hands training stages to it, and listens to it
 *     rn_team_close(team, rc);           tells the others how it ended
 *
 * A rank that is gone or silent ends the training, and the run, with RN_EPEER and its name. */
#ifndef RN_TEAM_H
#define RN_TEAM_H

#include "ranks.h"
#include "roll.h"

struct rn_team;
struct rn_running;
struct rn_work;

int rn_team_open(struct rn_team **, const struct rn_ranks *, const char *runs, const char *config,
                 struct rn_err *);
int rn_team_world(const struct rn_team *); /* NULL: 1 */
/* Takes NULL. rc: of the run, which becomes the others' own. */
void rn_team_close(struct rn_team *, int rc);
/* "2 ranks by mpirun: rank 0 on ada runs the pipeline, rank 1 on ada trains with it"; caller
 * frees. */
char *rn_team_describe(const struct rn_team *);

/* --- for attempt.c and scheduler.c; team NULL: alone --- */

/* The stage is one that all ranks work on. */
bool rn_team_shares(const struct rn_work *);
/* One at a time. */
bool rn_team_is_busy(const struct rn_team *);
/* The work's process is the trainer. RN_EPEER: it ended before, with a training that failed. */
int rn_team_train(struct rn_work *, struct rn_err *);
/* The work is done and its process is not: takes it back. */
bool rn_team_take_back(struct rn_work *);
/* The work ended in another way. */
void rn_team_part(struct rn_work *);
/* The work's process has said something; step: how far it is. */
void rn_team_hear_own(struct rn_work *, int64_t step);
/* What it says to the trainers of all others. */
void rn_team_pass_on(struct rn_work *, const char *word);
enum rn_team_news {
    RN_TEAM_QUIET,  /* nothing for now */
    RN_TEAM_STOPS,  /* a rank was asked to stop: all do */
    RN_TEAM_FAILED, /* its training failed; likely this one's will, too, with better words */
    RN_TEAM_LOST,   /* it is gone, or silent */
};
/* What the other ranks said, or became of them; why (RN_EPEER) where one failed or is lost. */
enum rn_team_news rn_team_hear(struct rn_team *, struct rn_err *why);
size_t rn_team_fds(const struct rn_team *, struct pollfd *fds); /* room for RN_ROLL_FDS */
double rn_team_due_s(const struct rn_team *);                   /* INFINITY for NULL */

#endif
