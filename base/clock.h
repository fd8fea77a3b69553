/* clock.h - what time it is, and waiting: by the system's clocks, or by one that a test hands over.
 *
 *     double start_s = rn_clock_s();
 *     ... rn_clock_s() - start_s                      so long it took
 *
 *     double start_s = rn_now_s(clock);               clock NULL: the same
 *     rn_sleep_s(clock, 0.05);
 *
 * A test's clock runs faster than the system's, or moves only when it is slept on. */
#ifndef RN_CLOCK_H
#define RN_CLOCK_H

double rn_clock_s(void); /* monotonic seconds */
/* Seconds since 1970, for dates and what outlives a process: somebody may set it, in between. */
double rn_time_s(void);

struct rn_clock {
    double (*now_s)(void *ctx);
    void (*sleep_s)(void *ctx, double seconds);
    void *ctx;
};
double rn_now_s(const struct rn_clock *);
void rn_sleep_s(const struct rn_clock *, double seconds);

#endif
