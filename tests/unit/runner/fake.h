/* tests/unit/runner/fake.h - a pipeline of three fake stages, without a YAML file.
 *
 *     data (make)  ->  base (train, in.data)  ->  sft (train, in.model)
 *
 * `make` writes files of a text; its key `salt` belongs to the identity and does not change a byte.
 * `train` folds the seed into a state step by step, saves a checkpoint every `every` steps,
 * resumes, and writes the state as its model: any broken resume shows in the bytes. */
#ifndef FAKE_H
#define FAKE_H

#include "engine.h"

enum fake_trouble {
    FAKE_FAILS = 1, /* returns an error */
    FAKE_SEGFAULTS,
    FAKE_IS_KILLED,
    FAKE_HANGS,      /* deaf: only SIGKILL ends it */
    FAKE_HANGS_WELL, /* until it is asked to stop */
    FAKE_NAN,        /* measures a loss that is no number, then is deaf as well */
    FAKE_ODD,        /* measures one, and goes on */
    FAKE_SPIKES,     /* a loss 100 times what it was */
    FAKE_CRAWLS,     /* from here on, a step takes 50 ms */
};

struct fake_cfg {
    const char *text;           /* make */
    int64_t files, salt;        /* make */
    int64_t announces;          /* make: so many files early, and meets after these */
    int64_t steps, seed, every; /* train */
    int64_t log_every;          /* neutral */
    struct rn_ref in, watch;
    enum fake_trouble trouble; /* train: at half time */
    int meets;    /* waits at its start until so many stages are at work; else it fails */
    bool in_vain; /* and knows that nobody will come */
};
enum { DATA, BASE, SFT, FAKE_STAGES };

struct fake {
    struct rn_pipeline p;
    struct rn_pstage stages[FAKE_STAGES];
    struct fake_cfg cfg[FAKE_STAGES];
    struct rn_edge edges[FAKE_STAGES][2];
    struct rn_gate gate;
    char root[64]; /* a fresh directory */
    char runs[96];
    struct rn_run_how how;
    struct rn_err err;
    struct rn_arena scratch; /* paths and listings, for as long as the fake */
};

/* Shared with the stages' processes. */
extern int64_t *fake_runs;         /* how often each stage's run was called */
extern _Atomic int *fake_meeting;  /* stages that came to the meeting */
extern _Atomic int *fake_patience; /* troubles still to come; at the start as many as one likes */
extern int64_t fake_stop_at;       /* `train` raises the stop flag at this step; -1: never */

void fake_init(struct fake *);                   /* makes the directory */
void fake_rekey(struct fake *);                  /* after a change of cfg */
int fake_run(struct fake *);                     /* rn_run, silent; error in f->err */
void fake_release(struct fake *);                /* removes the directory */
void fake_plan(struct fake *, struct rn_plan *); /* decides all stages */
/* Names and digests of everything below a path below runs/. */
char *fake_tree(struct fake *, const char *below);
char *fake_path(struct fake *, const char *fmt, ...) RN_PRINTF(2, 3); /* below runs/ */

#endif
