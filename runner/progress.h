/* runner/progress.h - what a person (or a program) sees of a run.
 *
 *     struct rn_ui ui;
 *     rn_ui_init(&ui, json, width_of_longest_stage_name);
 *     rn_ui_stage(&ui, '+', "base", "trained 300 steps, val_bpb 1.02, 24.1 s");
 *     rn_ui_progress(&ui, "base", 120, 300, "steps", "loss 3.21");
 *     rn_ui_release(&ui);
 *
 *     terminal     one live line under the talk
 *     otherwise    a plain line every 10 s, no colour, no carriage returns
 *     json         one object a line on stdout and nothing else
 *
 * NO_COLOR, CI and TERM=dumb are honoured. Talk goes to stderr. Control bytes in texts are
 * replaced: samples and error bodies are not trusted with a terminal. Any thread. */
#ifndef RN_PROGRESS_H
#define RN_PROGRESS_H

#include "json.h"
#include "log.h"

#include <pthread.h>
#include <stdbool.h>

enum rn_ui_mode { RN_UI_PLAIN, RN_UI_LIVE, RN_UI_JSON, RN_UI_SILENT };

struct rn_ui {
    enum rn_ui_mode mode;
    bool color, live; /* live: the cursor stands behind a live line */
    int width;        /* of the stage column */
    FILE *talk;
    pthread_mutex_t lock;
    char stage[64]; /* whose progress is shown */
    double first_done, first_s, shown_s;
};

void rn_ui_init(struct rn_ui *, bool json, int width);
void rn_ui_release(struct rn_ui *);
/* A transition; symbol is one of = + > ! - */
void rn_ui_stage(struct rn_ui *, char symbol, const char *stage, const char *fmt, ...)
    RN_PRINTF(4, 5);
/* A line of talk without a stage. */
void rn_ui_say(struct rn_ui *, const char *fmt, ...) RN_PRINTF(2, 3);
/* A stage's log line; debug lines are not shown. */
void rn_ui_log(struct rn_ui *, const char *stage, enum rn_level, const char *text);
void rn_ui_progress(struct rn_ui *, const char *stage, double done, double total, const char *unit,
                    const char *text);
/* One event for --json; takes over the object, drops it in other modes. */
void rn_ui_event(struct rn_ui *, json_t *event);

/* Replaces control bytes in place. */
void rn_ui_clean(char *text);

#endif
