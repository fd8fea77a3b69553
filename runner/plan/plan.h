/* plan.h - what each stage of a pipeline will do, and why.
 *
 *     struct rn_plan plan;
 *     RN_TRY(rn_plan_init(&plan, pipeline, &how, err));
 *     for (size_t i = 0; i < pipeline->n_stages; i++)
 *         RN_TRY(rn_plan_decide(&plan, i, err));
 *     show(plan.nodes[i].action, plan.nodes[i].reason);
 *     rn_plan_release(&plan);
 *
 * Deciding takes no lock and writes not a byte. Stages are decided in running order; `run` decides
 * each one when it gets there, with what the earlier ones really made, which is how an input that
 * comes out the same again keeps everything after it. */
#ifndef RN_PLAN_H
#define RN_PLAN_H

#include "history.h"
#include "keydiff.h"
#include "store.h"

struct rn_arrivals;
struct rn_team;
struct rn_wire;
struct rn_metrics;
struct rn_spent;

/* What the command line asks of `plan` and `run`. Lists are NULL-ended or NULL. */
struct rn_run_how {
    const char *runs; /* the runs directory */
    const char *from, *until, *only, *resume_from, *device;
    const char *const *force, *const *yes; /* stages */
    bool accept_stale, offline, locked;
    bool ask;        /* a person at the terminal may be asked for consent */
    int threads;     /* all stages that run side by side share them */
    int gpus;        /* ranks that are started on this machine; 0: none */
    int jobs;        /* stages at the same time; 0 is 1; `background` ones come on top */
    bool allow_exec; /* commands of the pipeline file may run */
    bool op_times;   /* trainings tell where their time went */
    bool keep_going; /* a failure stops only what needs the stage */
    enum rn_verify verify;
    struct rn_team *team;       /* the ranks that train together; NULL: this one is alone */
    int world;                  /* how many those are; 0: alone */
    struct rn_memo *memo;       /* of the runs directory, and its history: shared by the plans of */
    struct rn_history *history; /* several pipelines; NULL: each has its own */
    const char *resolved_yaml;  /* for runs/<tag>/resolved.yaml */
    const char *command;        /* what continues this run, for messages */
};

/* With the symbol in front of the stage. */
enum rn_action {
    RN_ACT_KEEP,    /* =  its outputs are in the store */
    RN_ACT_RUN,     /* +  from the start */
    RN_ACT_RESUME,  /* >  from a checkpoint */
    RN_ACT_BLOCKED, /* -  an input is missing, or its gate is not met */
    RN_ACT_SKIP,    /*    not asked for */
};

struct rn_planned {
    enum rn_action action;
    bool consent;            /* the run would throw away costly work: needs --yes=STAGE */
    bool stale;              /* kept although not what the pipeline asks for (--accept-stale) */
    bool gated;              /* kept, but a gate is not met */
    bool stuck;              /* blocked: it has checkpoints, and none is whole */
    bool keyed;              /* keys are known: all inputs exist */
    bool damaged;            /* an entry stands under the key and does not verify */
    bool begun;              /* by this run: what --force and --resume-from said is done */
    bool resume_named;       /* continues from --resume-from */
    char reason[320];        /* one line */
    double spent_s;          /* recorded work on what would be thrown away */
    const char *consent_for; /* "puts 3.2 h of work aside"; NULL: nobody need be asked */
    double time_s;           /* expected, from runs of comparable work; 0: unknown */
    bool time_guessed;       /* nothing comparable ran here: from the FLOPs alone */
    struct rn_keys keys;
    struct rn_seen lock;               /* the lock file when the keys were made */
    struct rn_stored *entry;           /* outputs; NULL until they exist */
    struct rn_arrivals *arrivals;      /* what it announced; NULL: nothing, or not at work */
    const struct rn_artifact **inputs; /* one per edge; NULL where absent */
    struct rn_estimate cost;           /* resume_step >= 0: the checkpoint that is continued */
    struct rn_keydiff diff;            /* a stage that runs: against what was there before */
    const char *past;                  /* the entry it was compared with, or NULL */
};

struct rn_plan {
    const struct rn_pipeline *p;
    const struct rn_run_how *how;
    struct rn_arena arena;
    const char *run_dir, *store, *lock_path; /* runs/<tag>, runs/.store, pins */
    json_t *journal;      /* of this tag; read by the first decision, unless set */
    struct rn_memo *memo; /* runs/.memo; `run` saves it, `plan` does not */
    struct rn_history *history;
    struct rn_planned *nodes; /* one per stage */
    bool no_costs; /* keys and inputs alone: for a process that has threads and must not fork */
};

/* How many processes train. */
int rn_plan_ranks(const struct rn_run_how *);

/* The memo of the runs directory, as `verify` wants it. Free with rn_memo_free. */
struct rn_memo *rn_plan_memo(const struct rn_run_how *);
/* RN_EUSAGE: an option names no stage. */
int rn_plan_init(struct rn_plan *, const struct rn_pipeline *, const struct rn_run_how *,
                 struct rn_err *);
void rn_plan_release(struct rn_plan *);
/* Fails only where no decision can be made: a local file that cannot be read, a slice without
 * files, inputs that do not fit. */
int rn_plan_decide(struct rn_plan *, size_t stage, struct rn_err *);
/* Compares a stage whose keys are known with the newest earlier work on it, of this tag before all:
 * fills diff and past. False: there is none. */
bool rn_plan_compare(struct rn_plan *, size_t stage);
/* After a stage ran: if it only added to its fingerprint (pins of first downloads), its outputs
 * belong to the keys that the next plan will ask for, and `keys` becomes those. */
int rn_plan_rekey(struct rn_plan *, size_t stage, struct rn_err *);
/* In another process than the one that did so: takes the outputs that it published as out_key, and
 * their keys, from the store. RN_ESTAGE: they are not there, or made from something else. */
int rn_plan_take_outputs(struct rn_plan *, size_t stage, const char *out_key, struct rn_err *);

/* The earlier work that a stage goes on from, if that is what the plan says: 1, otherwise 0. Its
 * strings are the plan's. */
size_t rn_plan_earlier(struct rn_plan *, size_t stage, struct rn_earlier *);
/* Adds to a `done` record how much was done, for the estimates of later runs. */
void rn_plan_note_work(const struct rn_plan *, size_t stage, json_t *record);

/* Behind job.runner: who the calls of a stage reach. */
struct rn_runner {
    struct rn_plan *plan;
    size_t stage;
    struct rn_metrics *metrics; /* NULL while planning */
    struct rn_board *board;     /* likewise */
    struct rn_wire *wire;       /* NULL while planning */
    struct rn_spent *spent;     /* likewise */
    bool each_file;             /* somebody reads events: what becomes of each file is told */
};
/* A job with everything but directories and log; strings live in the plan's arena. */
struct rn_job rn_plan_job(struct rn_plan *, struct rn_runner *);

bool rn_in_list(const char *const *list, const char *word);

#endif
