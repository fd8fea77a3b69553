/* progress.h - what a person (or a program) sees of a run.
 *
 *     struct rn_ui ui;
 *     rn_ui_init(&ui, json, width_of_longest_stage_name);
 *     rn_ui_stage(&ui, '>', "base", "runs");
 *     rn_ui_progress(&ui, "base", 120, 300, "steps", "loss 3.21");
 *     rn_ui_stage(&ui, '+', "base", "trained 300 steps, val_bpb 1.02, 24.1 s");
 *     rn_ui_release(&ui);
 *
 *     live     a terminal: under the talk one line for each stage at work
 *     plain    a line at each transition and every 30 s for each stage, no colour, no carriage
 *              returns; in GitHub Actions the lines of a stage fold into a group
 *     silent   no talk
 *     json     beside the talk or instead of it: one event a line on stdout, fields as events.def
 *
 * Chosen by --progress and --json; NO_COLOR, CI and TERM=dumb are honoured. Talk goes to stderr. A
 * stdout or stderr that cannot be written is given up with one warning: no run dies of it. Control
 * bytes in texts are replaced: samples and error bodies are not trusted with a terminal. Any
 * thread. */
#ifndef RN_PROGRESS_H
#define RN_PROGRESS_H

#include "json.h"
#include "log.h"

#include <pthread.h>
#include <stdbool.h>

enum rn_ui_mode { RN_UI_PLAIN, RN_UI_LIVE, RN_UI_SILENT };

/* A stage at work, from its '>' to its end. */
struct rn_ui_row {
    char stage[64];
    char text[256]; /* its live line; "" before the first progress */
    bool counted;   /* first_done and first_s are set */
    double first_done, first_s, shown_s;
    double event_s; /* of its last progress event */
};

struct rn_ui {
    enum rn_ui_mode mode;
    bool json, color, groups; /* groups: ::group:: lines for GitHub Actions */
    int width;                /* of the stage column */
    FILE *talk;
    pthread_mutex_t lock;
    struct rn_ui_row *rows; /* in order of their start */
    size_t n_rows, cap_rows;
    int drawn;      /* live lines on the terminal, the cursor at the end of the last */
    double drawn_s; /* when */
    bool in_group;
};

/* Mode as stderr and the environment suggest; json also silences the talk. */
void rn_ui_init(struct rn_ui *, bool json, int width);
/* --progress=auto|plain|tty|json|none; NULL is auto. */
void rn_ui_choose(struct rn_ui *, const char *progress);
void rn_ui_release(struct rn_ui *);
/* A transition; symbol is one of = + > ! - and anything but > ends the stage's live line. */
void rn_ui_stage(struct rn_ui *, char symbol, const char *stage, const char *fmt, ...)
    RN_PRINTF(4, 5);
/* A line of talk without a stage. */
void rn_ui_say(struct rn_ui *, const char *fmt, ...) RN_PRINTF(2, 3);
/* A stage's log line; debug lines are not shown. */
void rn_ui_log(struct rn_ui *, const char *stage, enum rn_level, const char *text);
/* How far a stage is; total 0: unknown. The rate and the time left are worked out here. */
void rn_ui_progress(struct rn_ui *, const char *stage, double done, double total, const char *unit,
                    const char *text);
/* One event for --json, a row of events.def: gets "schema" and "time". Takes over the object (NULL:
 * nothing), drops it without --json. */
void rn_ui_event(struct rn_ui *, json_t *event);
/* The error that ends the run, as an event: main() prints it for people. */
void rn_ui_error(struct rn_ui *, const struct rn_err *);

/* Replaces control bytes in place. */
void rn_ui_clean(char *text);

#endif
