/* tests/torture/trial.h - one run that something happens to, and what must be true afterwards.
 *
 *     struct trial t;
 *     trial_init(&t, &where, "/tmp/x/w0");             an own folder for runs, cache and pipeline
 *     struct outcome o = trial_run(&t, &fault);        the shim breaks a call, or a clock kills
 *     o = trial_run(&t, NULL);                         nothing happens
 *     char *wrong = trial_compare(&t, &unbroken, WITH_ALL);  NULL: no difference
 *     trial_release(&t);
 *
 * Strings of results are owned by the caller. Everything else that fails here ends the program. */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdbool.h>
#include <stddef.h>

struct program {
    const char *runnel, *shim, *pipeline;
    const char *preload; /* libraries before the shim (a sanitizer's), or "" */
    long hangs_after_s;  /* then it is killed, and that is a failure */
    bool all_below;      /* faults meet the cache and the lock file too, not only the runs */
};

struct fault {
    const char *calls, *only, *who, *action; /* as faults.c reads them; who NULL: all */
    long at;                                 /* 0: counts only */
    double after_s; /* instead of a call: a signal to the runner's group after so long */
    int number;     /* that signal; 0: none */
};

struct outcome {
    int code, signal; /* how the runner ended: its exit status, or the signal */
    bool fired;       /* the call came */
    long calls;       /* counted */
    double took_s;
    char where[256];
    char *said; /* stderr and stdout together, at most 64 KiB */
};

/* What a finished run left. */
struct leavings {
    char *store;   /* names and digests of the store, without folders *.work */
    char *work;    /* the same of folders *.work */
    char *metrics; /* all lines of all metrics files, without clocks and rates */
};

struct trial {
    const struct program *program;
    char *dir, *runs, *pipeline; /* owned */
    int threads;                 /* of the next run; 1 */
};

void trial_init(struct trial *, const struct program *, const char *dir); /* dir is emptied */
void trial_release(struct trial *);                                       /* removes the folder */
struct outcome trial_run(struct trial *, const struct fault *);
void outcome_release(struct outcome *);

struct leavings trial_leavings(const struct trial *);
void leavings_release(struct leavings *);
/* Finished outputs are always compared, leftovers always looked for. A signal that asks to stop
 * saves at another step; numbers may be lost to a failing disk, but none is there twice. */
enum trial_with { WITH_WORK = 1, WITH_NUMBERS = 2, WITH_ALL = 3 };
/* What differs from the unbroken run, or lies around: caller frees; NULL if nothing. */
char *trial_compare(const struct trial *, const struct leavings *unbroken, unsigned with);

#endif
