/* dashboard.h - a run on one screen: `runnel status RUN --watch`.
 *
 *     struct rn_runstate r;
 *     rn_runstate_init(&r, dir);
 *     struct rn_view view = {.columns = 100, .lines = 30, .now_s = rn_time_s()};
 *     struct rn_str s = {0};
 *     rn_dashboard(&s, &r, &view);
 *
 * The stages first, then for each that works: how far it is and when it ends, its loss as a line of
 * blocks, its numbers, what it said and the newest sample; alerts, and cards that are watched.
 * Whatever texts hold, what comes out are at most `lines` lines of at most `columns` columns
 * without control characters. */
#ifndef RN_DASHBOARD_H
#define RN_DASHBOARD_H

#include "runstate.h"
#include "str.h"

struct rn_view {
    int columns, lines;
    bool utf8;
    double now_s;
};
void rn_dashboard(struct rn_str *, const struct rn_runstate *, const struct rn_view *);

/* A stage in one line, for where nobody can draw: "1240/12800 steps  9.7 %  loss 3.12 ..." */
void rn_dashboard_line(struct rn_str *, const struct rn_stage_state *, double now_s);

#endif
