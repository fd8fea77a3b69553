#include "device_try.h"

#include "child.h"
#include "device.h"

#include <unistd.h>

struct trial {
    const char *name;
    int cards;
    struct rn_err *err;
    int rc;
    bool told;
};

/* Each rank on this host takes a card of its own. */
static int count_cards(const struct trial *t, const struct rn_device *device, struct rn_err *err)
{
    struct rn_device_stats stats;
    rn_device_stats(device, &stats);
    if (stats.cards == 0 || stats.cards >= t->cards)
        return RN_OK;
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "%d ranks on this host take a GPU each, and the driver shows %d", t->cards,
                   stats.cards);
}

static void open_once(void *ctx, struct rn_wire *wire)
{
    const struct trial *t = ctx;
    struct rn_stage_end end = {.step = -1};
    struct rn_device *device;
    end.rc = rn_device_open(&device, t->name, 1, NULL, &end.err);
    if (end.rc == RN_OK) {
        end.rc = count_cards(t, device, &end.err);
        rn_device_close(device);
    }
    rn_wire_end(wire, &end);
}

static void hear(void *ctx, const struct rn_news *news)
{
    struct trial *t = ctx;
    if (news->kind != RN_NEWS_END)
        return;
    t->told = true;
    t->rc = news->end.rc == RN_OK ? RN_OK : rn_fail_as(t->err, &news->end.err);
}

int rn_device_try(const char *name, int cards, struct rn_err *err)
{
    const double patience_s = 120; /* a driver that wakes a machine full of cards */
    struct trial t = {.name = name, .cards = cards, .err = err};
    struct rn_child child;
    RN_TRY(rn_device_find(name, err));
    RN_TRY(rn_child_start(&child, open_once, &t, STDERR_FILENO, err));
    rn_child_hear_out(&child, patience_s, hear, &t);
    rn_child_leave(&child);
    if (!t.told)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "device '%s' did not open: the process that tried it died, or waits for "
                       "its driver since %.0f s",
                       name, patience_s);
    if (t.rc != RN_OK)
        rn_hint(err, "mend that, or compute on the processor: --device cpu");
    return t.rc;
}
