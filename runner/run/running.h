/* running.h - a run while it runs: what the files behind engine.h share.
 *
 *     engine.c      opens and closes the run
 *     scheduler.c   which stage when, and what follows when one fails
 *     attempt.c     one attempt at a stage: directories, process, outcome
 *     inside.c      the same in the stage's own process: the work, and its outputs into the store
 *     team.c        trainings with other ranks: the process they share, and what the ranks say
 *     alerting.c    what somebody who is away should hear of it
 *     helpers.c     processes beside the stages
 *     running.c     names and records of the run
 *     tell.c        what a person sees
 *
 * Nobody else includes this. The runner has one thread and never does a stage's work: it starts
 * processes (child.h), listens to them and writes down what they did. */
#ifndef RN_RUNNING_H
#define RN_RUNNING_H

#include "child.h"
#include "journal.h"
#include "lock.h"
#include "messenger.h"
#include "monitoring.h"
#include "plan.h"
#include "progress.h"
#include "signs.h"
#include "stagelog.h"
#include "watch.h"

enum rn_progress_of {
    RN_WAITS,   /* for its inputs, or for its turn */
    RN_ASKS,    /* for a person's consent: one at a time, and nothing new is started meanwhile */
    RN_WORKS,   /* in a process of its own */
    RN_SETTLED, /* kept, made, or not asked for */
    RN_LOST,    /* failed, or what it needs did */
};

/* Where alerts go besides log and journal. */
struct rn_alerting {
    bool on, file_failed;
    char *file; /* owned; NULL: none */
    bool posts;
    struct rn_messenger messenger;
};

/* The whole run. */
struct rn_running {
    struct rn_plan plan;
    struct rn_ui *ui;
    struct rn_journal journal;
    struct rn_lock lock;
    enum rn_progress_of *states; /* one per stage */
    struct rn_work **works;      /* one per stage; NULL unless it works */
    size_t n_working;            /* `background` stages included */
    size_t n_slots_taken;        /* without them */
    size_t n_kept, n_made;
    bool asking;         /* a stage ASKS */
    bool closing;        /* nothing new is started; all at work were asked to stop */
    int rc;              /* of the first failure */
    struct rn_err first; /* its words */
    double start_s;
    double stage_s, sync_s;         /* of the stages' processes */
    double before_sync_s;           /* what this process had waited for its disk before */
    size_t most_working;            /* at the same time */
    struct rn_sent_back *sent_back; /* one per stage */
    bool helped;                    /* helpers were started, as far as they could be */
    struct rn_monitoring monitoring;
    struct rn_alerting alerting;
};

/* What a watch did to a stage so far. */
struct rn_sent_back {
    int64_t times;
    int64_t derailed_at; /* step of the last number that was none, or of the last spike */
};

/* One attempt at a stage. */
struct rn_work {
    struct rn_running *run;
    size_t index;
    const struct rn_pstage *stage;
    struct rn_planned *node;
    char *dir, *attempt; /* <kind>-<progresskey16>.work, <kind>-<outkey16>.attempt; owned */
    struct rn_lock lock;
    struct rn_stagelog log;
    struct rn_child child;
    int threads;          /* its share */
    struct rn_comm *comm; /* in the process of a training over ranks; else NULL */
    struct rn_err blame;  /* what another rank did to it; code RN_OK: nothing */
    double start_s;
    int64_t step; /* newest it told of, -1 without one */
    struct rn_watching watching;
    json_t *numbers;       /* newest value of each; only where the stage is watched */
    struct rn_vigil vigil; /* only where the run alerts */
    double seen_s;         /* when it last was shown */
    struct rn_seen_save saved;
    bool alarmed;
    double kill_s;           /* when its grace is over; INFINITY: nobody asked it to stop */
    bool ended;              /* `end` is there */
    struct rn_stage_end end; /* its last word */
};

/* --- engine.c's room: scheduler.c --- */

/* RN_EUSAGE: the stage would run a command, and --allow-exec is missing. */
int rn_schedule_permit(const struct rn_running *, size_t stage, struct rn_err *);
/* Until nothing more can be done. The run's result: RN_OK, or the first failure. */
int rn_schedule(struct rn_running *, struct rn_err *);

/* --- attempt.c --- */

/* Takes the stage's lock, empties its attempt, starts its process. On failure the attempt has its
 * end in the journal already and there is no work. */
int rn_work_start(struct rn_running *, size_t stage, int threads, struct rn_err *);
void rn_work_hear(struct rn_work *, const struct rn_news *);
/* What the stage's watch sees now; on an alarm the stage is asked to stop, or killed. */
void rn_work_look(struct rn_work *);
double rn_work_due_s(const struct rn_work *); /* when to look again */
/* Its process is gone: outputs get their link, the journal its record, and the work is freed.
 * *again: its watch stopped it, and it may go on from its last checkpoint. */
int rn_work_finish(struct rn_work *, int status, bool *again, struct rn_err *);
/* Another rank is lost: it cannot go on, and is killed, at once or if it does not end by itself. */
void rn_work_blame(struct rn_work *, const struct rn_err *, double grace_s);
/* Kills it; no record. */
void rn_work_free(struct rn_work *);

/* --- alerting.c: nothing where the file has no `alerts:` --- */

void rn_alerting_open(struct rn_running *);
void rn_alerting_close(struct rn_running *);
/* What the runner itself knows: a TOLD of alerts.def. work: the stage's, or NULL. */
void rn_alerting_tell(struct rn_running *, size_t stage, struct rn_work *work, enum rn_alert_id,
                      const char *text);
void rn_alerting_begin(struct rn_work *);
void rn_alerting_hear(struct rn_work *, const struct rn_news *);
void rn_alerting_look(struct rn_work *);

/* --- helpers.c --- */

void rn_helpers_start(struct rn_running *); /* those that the file asks for; once */
void rn_helpers_listen(struct rn_running *);
void rn_helpers_stop(struct rn_running *);
void rn_helpers_forget(struct rn_running *); /* in a stage's process: they are not its own */

/* --- inside.c --- */

/* The body of the stage's process; ctx is its struct rn_work. */
void rn_work_inside(void *ctx, struct rn_wire *);
/* The work itself, in whichever process; tells its end and returns its code. */
int rn_work_do(struct rn_work *, struct rn_wire *);

/* --- running.c --- */

char *rn_run_path(const struct rn_running *, const char *folder, const char *name,
                  const char *suffix); /* caller frees */
int rn_run_write_if_other(const char *path, const char *text, size_t n, struct rn_err *);
json_t *rn_run_record(const struct rn_running *, size_t stage, const char *event); /* new */
json_t *rn_run_digests(const struct rn_stored *);                                  /* new */
/* {wall_s, stage_s, sync_s} and, where no two stages ran side by side, overhead_s: what the runner
 * took beside stages and disk. New. */
json_t *rn_run_costs(const struct rn_running *);
/* Numbers of earlier steps may lie with another tag that worked on the same key. */
int rn_run_fetch_metrics(struct rn_running *, size_t stage, struct rn_err *);

/* --- tell.c: what a person sees (and, as events, a program), one call per transition --- */

void rn_tell_kept(struct rn_running *, size_t stage);
void rn_tell_start(struct rn_running *, size_t stage);
void rn_tell_done(const struct rn_work *, double wall_s);
void rn_tell_end(struct rn_work *, int rc, const struct rn_err *);     /* failed or stopped */
void rn_tell_file(const struct rn_work *, const struct rn_file_end *); /* an event alone */
/* A stage that was not even begun: it has checkpoints, and none is whole. */
void rn_tell_stuck(struct rn_running *, size_t stage, const struct rn_err *);
void rn_tell_alarm(struct rn_work *, const char *snapshot);
void rn_tell_again(struct rn_running *, size_t stage); /* after an alarm: it goes on */
void rn_tell_lost(struct rn_running *, size_t stage, size_t producer);
void rn_tell_how_to_continue(struct rn_running *);
void rn_tell_summary(struct rn_running *);
/* message: what went wrong, or NULL. */
void rn_tell_event(struct rn_running *, size_t stage, const char *state, double wall_s,
                   const char *message);

/* Steps a training took all in all, 0 if the stage does not train. */
int64_t rn_work_steps(const struct rn_work *);

#endif
