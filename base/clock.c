#include "clock.h"

#include <time.h>

static double system_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double rn_clock_s(void)
{
    return system_s(CLOCK_MONOTONIC);
}

double rn_time_s(void)
{
    return system_s(CLOCK_REALTIME);
}

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
