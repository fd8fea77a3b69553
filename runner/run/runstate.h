/* runstate.h - how far a run is, as its folder tells: for status, runs, show and diff.
 *
 *     struct rn_runstate s;
 *     rn_runstate_init(&s, "runs/smoke-1a2b3c4d");       a folder without a journal: "never run"
 *     for (size_t i = 0; i < s.n_stages; i++)
 *         show(s.stages[i].name, s.stages[i].word);
 *     rn_runstate_release(&s);
 *
 * Reads only and takes no lock, so a run may go on meanwhile: every part is whole, the parts may be
 * of neighbouring moments. */
#ifndef RN_RUNSTATE_H
#define RN_RUNSTATE_H

#include "json.h"

#include <stdbool.h>

struct rn_stage_state {
    const char *name;
    const char *word;   /* "done", "kept", "running", "interrupted", "failed", "gate", "lost" (done,
                         * and its outputs are gone), "never run" */
    const json_t *last; /* its newest record, or NULL */
    json_t *numbers;    /* newest value of each of its metrics, owned; {} without */
    json_t *lines;      /* of a running stage: its newest lines of metrics, owned; else NULL */
    int64_t step;       /* of the newest number, -1: none */
    double step_s;      /* and when, seconds since 1970; 0: none */
    int64_t steps;      /* it wants to make; 0: unknown */
    double eta_s;       /* of a running stage by its steps; 0: unknown */
    double seen_s;      /* newest trace of it: numbers, log, records; seconds since 1970 */
    double size_bytes;  /* of its outputs */
    char said[160];     /* the last line of a running stage's log, without its stamp */
};

struct rn_runstate {
    char *dir;
    const char *tag;  /* in dir */
    const char *word; /* "running", "failed", "interrupted", "stale" (outputs are gone), "partial"
                       * (stages never ran), "done", "never run", "unreadable" (its journal) */
    bool running;
    char owner[192];   /* who runs it */
    json_t *records;   /* the journal */
    const json_t *run; /* newest record of a start, or NULL */
    double began_s, seen_s, size_bytes;
    struct rn_stage_state *stages;
    size_t n_stages, n_done;
};

void rn_runstate_init(struct rn_runstate *, const char *dir);
void rn_runstate_release(struct rn_runstate *);

/* In front of a stage's word, or of "stale": = > ! - + or ' '. */
char rn_runstate_symbol(const char *word);
/* A stage as an object for programs: {"tag", "stage", "state", "step", ...}. A new reference. */
json_t *rn_runstate_stage_json(const struct rn_runstate *, const struct rn_stage_state *);
/* The final numbers of a stage that are worth a glance: "val_bpb 1.02"; to s. */
struct rn_str;
void rn_runstate_glance(struct rn_str *, const json_t *numbers);

#endif
