/* sampler.h - looks at cards and processors again and again.
 *
 *     struct rn_sampler s;
 *     RN_TRY(rn_sampler_open(&s, "0,1", err));              NULL: all cards
 *     struct rn_pace pace = rn_pace_from(rn_clock_s(), 10);
 *     while (!stopping) {
 *         sleep until pace.due_s;
 *         rn_sampler_take(&s, rn_clock_s(), rn_time_s());
 *         write down s.cards[i].values;
 *         rn_pace_step(&pace, rn_clock_s());
 *     }
 *     json_t *rows = rn_sampler_sums(&s);
 *     rn_sampler_release(&s);
 *
 * How often it is asked is not how often a value is new: the driver renews power about ten times a
 * second. rn_sampler_measure finds out. */
#ifndef RN_SAMPLER_H
#define RN_SAMPLER_H

#include "json.h"
#include "meter.h"
#include "nvml.h"
#include "rapl.h"

struct rn_sampled { /* a card, and what it said */
    const struct rn_card *card;
    double values[RN_GPU_VALUES]; /* of the last sample */
    struct rn_meter meter;
    double temp_max_c;          /* NaN: never known */
    bool held_hard;             /* now, by one of RN_THROTTLE_HARD */
    double throttled_s, hard_s; /* for any reason; for one of RN_THROTTLE_HARD */
};
struct rn_sampler {
    struct rn_nvml *nvml;
    size_t *which; /* of NVML's cards, [n] */
    struct rn_sampled *cards;
    size_t n;
    struct rn_rapl rapl;
    struct rn_meter cpu;
    double cpu_j, cpu_w; /* since it was opened; since the sample before. NaN: not known */
    size_t n_samples;
    double first_s, last_s; /* clock, of the samples */
    double time_s;          /* since 1970, of the last one */
    double update_hz;       /* of power; NaN: not measured, or it did not change */
};

/* gpus: NVML's numbers, "0,2"; NULL: all. RN_EDEVICE: as rn_nvml_open; RN_EUSAGE: no such card. */
int rn_sampler_open(struct rn_sampler *, const char *gpus, struct rn_err *);
void rn_sampler_take(struct rn_sampler *, double clock_s, double time_s);
/* A row a card and one for the processors where they count: {"device", "name", "mean_w", "max_w",
 * "energy_wh", "max_c", "throttled_s", ...}; what is not known is not there. New. */
json_t *rn_sampler_sums(const struct rn_sampler *);
double rn_sampler_hz(const struct rn_sampler *); /* samples a second, as they were taken */
void rn_sampler_release(struct rn_sampler *);

/* Asks the first card for its power as quickly as it can, for a second at most, and takes the
 * smallest distance of two changes: equal values hide a renewal, nothing invents one. */
struct rn_ticker {
    double (*now_s)(void *ctx);
    void (*pause)(void *ctx); /* about a millisecond */
    void *ctx;
};
extern const struct rn_ticker rn_ticker_real;
void rn_sampler_measure(struct rn_sampler *, const struct rn_ticker *);

/* Moments at an even distance, whatever each takes; those that were missed are not made up for. */
struct rn_pace {
    double start_s, period_s, due_s;
};
struct rn_pace rn_pace_from(double now_s, double hz);
void rn_pace_wait(const struct rn_pace *); /* until it is due, or a signal came */
void rn_pace_step(struct rn_pace *, double now_s);

#endif
