/* progress_rows.h - the stages at work: how fast each is, and their lines on a terminal.
 *
 * A part of progress.c, which holds the lock; nobody else includes this. */
#ifndef RN_PROGRESS_ROWS_H
#define RN_PROGRESS_ROWS_H

#include "progress.h"

struct rn_str;

/* One call of rn_ui_progress. */
struct rn_ui_count {
    double done, total, rate; /* rate: 0 until it is known */
    const char *unit, *text;
};

/* The stage's row, made if it is new. */
struct rn_ui_row *rn_ui_row(struct rn_ui *, const char *stage);
void rn_ui_row_end(struct rn_ui *, const char *stage);
/* Takes the numbers in and works out the rate. */
void rn_ui_row_count(struct rn_ui_row *, struct rn_ui_count *, double now_s);
/* "120/300 steps  loss 3.21  12.3 steps/s  6 s left" */
void rn_ui_row_describe(struct rn_str *, const struct rn_ui_count *);

/* Takes the live lines off the terminal, so that talk can be printed. */
void rn_ui_erase(struct rn_ui *);
/* Puts them there again; not more often than 10 times a second unless `now`. */
void rn_ui_draw(struct rn_ui *, bool now);

#endif
