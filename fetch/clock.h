/* clock.h - the time that waits, limits and speeds are measured in.
 *
 *     double start_s = rn_now_s(clock);               NULL: the system's monotonic clock
 *     rn_sleep_s(clock, 0.05);
 *
 * Tests hand over a clock that runs faster than the system's or moves only when it is slept on. */
#ifndef RN_CLOCK_H
#define RN_CLOCK_H

struct rn_clock {
    double (*now_s)(void *ctx);
    void (*sleep_s)(void *ctx, double seconds);
    void *ctx;
};

double rn_now_s(const struct rn_clock *);
void rn_sleep_s(const struct rn_clock *, double seconds);

#endif
