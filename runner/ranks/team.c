#include "team.h"

#include "running.h"
#include "signals.h"
#include "str.h"
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

struct rn_team {
    const struct rn_ranks *ranks; /* borrowed */
    struct rn_roll *roll;
    struct rn_trainer trainer; /* its child is with the work that it trains */
    bool started;
    struct rn_work *work; /* in training; NULL: none */
    int64_t step;
};

static const double FINISH_S = 20; /* all ranks leave together, or are killed */

int rn_team_open(struct rn_team **out, const struct rn_ranks *ranks, const char *runs,
                 const char *config, struct rn_err *err)
{
    struct rn_roll_setup setup = {ranks, runs, config, rn_signals_stopping};
    struct rn_roll *roll;
    *out = NULL;
    RN_TRY(rn_roll_open(&roll, &setup, err));
    struct rn_team *t = rn_new(struct rn_team);
    *t = (struct rn_team){.ranks = ranks, .roll = roll, .step = -1};
    t->trainer = (struct rn_trainer){.child = {.fd = -1}, .orders = -1};
    int rc = rn_roll_wait(roll, err);
    if (rc == RN_OK) {
        rn_roll_watch_silence(roll, true);
        *out = t;
    } else {
        rn_team_close(t, rc);
    }
    return rc;
}

void rn_team_close(struct rn_team *t, int rc)
{
    if (!t)
        return;
    rn_roll_say(t->roll, RN_WORD_BYE, rc, "");
    rn_trainer_dismiss(&t->trainer, rc == RN_OK || rc == RN_ESTOPPED ? FINISH_S : 0);
    rn_roll_close(t->roll);
    free(t);
}

int rn_team_world(const struct rn_team *t)
{
    return t ? t->ranks->seat.world : 1;
}

char *rn_team_describe(const struct rn_team *t)
{
    enum { NAMED = 8 };
    struct rn_str s = {0};
    char who[128];
    int world = t->ranks->seat.world;
    rn_str_printf(&s, "%d rank%s by %s: rank 0 runs the pipeline and trains", world,
                  world == 1 ? "" : "s", t->ranks->launcher);
    for (int r = 1; r < world && r < NAMED; r++)
        rn_str_printf(&s, ", %s", rn_roll_who(t->roll, r, who));
    if (world > 1)
        rn_str_printf(&s, "%s train%s with it", world > NAMED ? ", ..." : "",
                      world == 2 ? "s" : "");
    return s.p;
}

/* --- trainings --- */

bool rn_team_shares(const struct rn_work *w)
{
    return w->run->plan.how->team && w->stage->stage->trains;
}

bool rn_team_is_busy(const struct rn_team *t)
{
    return t && t->work;
}

static int start_trainer(struct rn_team *t, const struct rn_work *w, struct rn_err *err)
{
    const struct rn_plan *plan = &w->run->plan;
    t->started = true;
    return rn_trainer_start(&t->trainer, plan->p, plan->how, t->ranks, w->log.fd, err);
}

int rn_team_train(struct rn_work *w, struct rn_err *err)
{
    struct rn_team *t = w->run->plan.how->team;
    RN_ASSERT(!t->work);
    /* Here, where the journal is as it was before this attempt. */
    RN_TRY(rn_run_fetch_metrics(w->run, w->index, err));
    if (!t->started)
        RN_TRY(start_trainer(t, w, err));
    if (t->trainer.child.pid == 0)
        return rn_fail(err, RN_EPEER, RN_NOWHERE,
                       "the ranks parted when a training failed: start them again");
    char *order = rn_trainer_order_text(&w->run->plan, w->index);
    w->child = t->trainer.child;
    t->trainer.child = (struct rn_child){.fd = -1};
    t->work = w;
    t->step = -1;
    rn_roll_say(t->roll, RN_WORD_ORDER, 0, order);
    rn_trainer_order(&t->trainer, order);
    rn_roll_expect_own(t->roll, true);
    free(order);
    return RN_OK;
}

void rn_team_part(struct rn_work *w)
{
    struct rn_team *t = w->run->plan.how->team;
    if (!t || t->work != w)
        return;
    t->work = NULL;
    rn_roll_expect_own(t->roll, false);
}

bool rn_team_take_back(struct rn_work *w)
{
    struct rn_team *t = w->run->plan.how->team;
    if (!t || t->work != w || !w->ended || w->end.rc != RN_OK)
        return false;
    t->trainer.child = w->child;
    w->child = (struct rn_child){.fd = -1};
    rn_team_part(w);
    return true;
}

/* --- words --- */

void rn_team_hear_own(struct rn_work *w, int64_t step)
{
    struct rn_team *t = w->run->plan.how->team;
    if (!t || t->work != w)
        return;
    t->step = step;
    rn_roll_hear_own(t->roll, step);
}

void rn_team_pass_on(struct rn_work *w, const char *word)
{
    struct rn_team *t = w->run->plan.how->team;
    if (t && t->work == w)
        rn_roll_say(t->roll, RN_WORD_MEET, 0, word);
}

/* A rank that stops with the others is no loss. */
static enum rn_team_news kind_of(const struct rn_word *w)
{
    if (w->kind == RN_WORD_STOP)
        return RN_TEAM_STOPS;
    if (w->kind == RN_WORD_GONE || w->kind == RN_WORD_SILENT)
        return RN_TEAM_LOST;
    if (w->kind != RN_WORD_ENDED || w->number == RN_ESTOPPED)
        return RN_TEAM_QUIET;
    return w->number == RN_EPEER ? RN_TEAM_LOST : RN_TEAM_FAILED;
}

enum rn_team_news rn_team_hear(struct rn_team *t, struct rn_err *why)
{
    struct rn_word word;
    if (!t)
        return RN_TEAM_QUIET;
    rn_roll_tick(t->roll, t->step);
    while (rn_roll_next(t->roll, &word)) {
        enum rn_team_news news = kind_of(&word);
        if (news == RN_TEAM_LOST || news == RN_TEAM_FAILED)
            rn_roll_lost(t->roll, &word, why);
        if (news != RN_TEAM_QUIET)
            return news;
    }
    return RN_TEAM_QUIET;
}

size_t rn_team_fds(const struct rn_team *t, struct pollfd *fds)
{
    return t ? rn_roll_fds(t->roll, fds) : 0;
}

double rn_team_due_s(const struct rn_team *t)
{
    return t ? rn_roll_due_s(t->roll) : INFINITY;
}
