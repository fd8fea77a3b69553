#include "follow.h"

#include "clock.h"
#include "mem.h"
#include "roll.h"
#include "signals.h"
#include "trainer.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct follower {
    struct rn_roll *roll;
    struct rn_trainer trainer;
    bool training, asked, over;
    int rc;
    struct rn_err *err;
};

static const double FINISH_S = 20;

static void end(struct follower *f, int rc)
{
    f->over = true;
    f->rc = rc;
}

static void hear_end(struct follower *f, const struct rn_stage_end *e)
{
    f->training = false;
    rn_roll_watch_silence(f->roll, false);
    if (e->rc == RN_OK)
        return;
    char *why = rn_xprintf("failed: %s", e->err.msg);
    rn_roll_say(f->roll, RN_WORD_ENDED, e->rc, why);
    free(why);
}

static void hear_trainer(struct follower *f)
{
    struct rn_news news;
    while (rn_child_hears(&f->trainer.child, &news)) {
        if (news.kind == RN_NEWS_TICK)
            rn_roll_tick(f->roll, (int64_t)news.done);
        if (news.kind == RN_NEWS_END)
            hear_end(f, &news.end);
    }
}

/* Whether it ended well is known already where it was heard. */
static void reap_trainer(struct follower *f)
{
    int status;
    char fate[64];
    if (!rn_child_ended(&f->trainer.child, &status))
        return;
    hear_trainer(f);
    if (!f->training)
        return;
    rn_roll_say(f->roll, RN_WORD_ENDED, RN_EPEER, rn_child_fate(status, fate));
    f->training = false;
}

static void hear_rank_0(struct follower *f)
{
    struct rn_word word;
    while (!f->over && rn_roll_next(f->roll, &word))
        switch (word.kind) {
        case RN_WORD_ORDER:
            f->training = true;
            rn_roll_watch_silence(f->roll, true);
            rn_trainer_order(&f->trainer, word.text);
            break;
        case RN_WORD_MEET:
            rn_trainer_order(&f->trainer, word.text);
            break;
        case RN_WORD_BYE:
            end(f, (int)word.number);
            break;
        case RN_WORD_GONE:
        case RN_WORD_SILENT:
            end(f, rn_roll_lost(f->roll, &word, f->err));
            break;
        case RN_WORD_ENDED:
        case RN_WORD_STOP:
            break; /* nothing that rank 0 says */
        }
}

/* The first signal is rank 0's business, whoever of the ranks got it. */
static void pass_signal(struct follower *f)
{
    if (!rn_signals_stopping() || f->asked)
        return;
    f->asked = true;
    rn_roll_say(f->roll, RN_WORD_STOP, 0, "");
}

static void sleep_until_news(const struct follower *f)
{
    struct pollfd fds[RN_ROLL_FDS + 2];
    size_t n = rn_roll_fds(f->roll, fds);
    fds[n++] = (struct pollfd){.fd = f->trainer.child.fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = rn_signals_fd(), .events = POLLIN};
    double ms = ceil((rn_roll_due_s(f->roll) - rn_clock_s()) * 1000);
    poll(fds, (nfds_t)n, ms > 0 ? (int)ms : 0);
    rn_signals_drain();
}

static void follow(struct follower *f)
{
    while (!f->over) {
        sleep_until_news(f);
        pass_signal(f);
        hear_trainer(f);
        reap_trainer(f);
        hear_rank_0(f);
    }
}

int rn_follow(const struct rn_pipeline *p, const struct rn_run_how *how,
              const struct rn_ranks *ranks, const char *config, struct rn_err *err)
{
    struct follower f = {.err = err};
    struct rn_roll_setup setup = {ranks, how->runs, config, rn_signals_stopping};
    rn_signals_install();
    RN_TRY(rn_roll_join(&f.roll, &setup, err));
    int rc = rn_trainer_start(&f.trainer, p, how, ranks, STDERR_FILENO, err);
    if (rc == RN_OK) {
        follow(&f);
        rn_trainer_dismiss(&f.trainer, f.rc == RN_OK || f.rc == RN_ESTOPPED ? FINISH_S : 0);
        rc = f.rc;
    }
    rn_roll_close(f.roll);
    return rc;
}
