#include "clock.h"

#include "file.h"

#include <time.h>

double rn_now_s(const struct rn_clock *c)
{
    return c ? c->now_s(c->ctx) : rn_clock_s();
}

void rn_sleep_s(const struct rn_clock *c, double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (c)
        c->sleep_s(c->ctx, seconds);
    else
        nanosleep(&t, NULL);
}
