#include "schedule.h"

#include "mem.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* name, doc, shape, warmup, warmdown, final_frac, Muon momentum first, top, steps, last, decay */
static const struct rn_schedule presets[] = {
    {"constant", "one rate throughout", RN_SCHEDULE_CONSTANT, 0, 0, 1, 0.95, 0.95, 0, 0.95, false,
     1},
    {"gpt2", "build-nanogpt: warmup, half cosine to a tenth", RN_SCHEDULE_COSINE, 715, 0, 0.1, 0.95,
     0.95, 0, 0.95, false, 1},
    {"cosine", "half cosine to a tenth", RN_SCHEDULE_COSINE, 0, 0, 0.1, 0.95, 0.95, 0, 0.95, false,
     1},
    {"linear", "from 1 to 0 in a straight line", RN_SCHEDULE_PROGRESS, 0, 1, 0, 0.95, 0.95, 0, 0.95,
     false, 1},
    {"nanochat-2025", "constant, last fifth to 0", RN_SCHEDULE_LINEAR, 0, 0.2, 0, 0.85, 0.95, 300,
     0.95, false, 1},
    {"nanochat-2025-mid", "constant until 80 %, then to 0", RN_SCHEDULE_PROGRESS, 0, 0.2, 0, 0.85,
     0.95, 300, 0.95, false, 1},
    {"nanochat-2025-sft", "from 1 to 0 in a straight line", RN_SCHEDULE_PROGRESS, 0, 1, 0, 0.95,
     0.95, 0, 0.95, false, 1},
    {"nanochat-2026", "warmup 40, last 65 % to 5 %, decay to 0", RN_SCHEDULE_LINEAR, 40, 0.65, 0.05,
     0.85, 0.97, 400, 0.90, true, 1},
    {"nanochat-2026-sft", "constant, second half to 0, no decay", RN_SCHEDULE_PROGRESS, 0, 0.5, 0,
     0.85, 0.95, 300, 0.95, false, 0},
};

const char *const rn_schedule_names[] = {"auto",
                                         "constant",
                                         "gpt2",
                                         "cosine",
                                         "linear",
                                         "nanochat-2025",
                                         "nanochat-2025-mid",
                                         "nanochat-2025-sft",
                                         "nanochat-2026",
                                         "nanochat-2026-sft",
                                         NULL};

bool rn_schedule_preset(struct rn_schedule *s, const char *name)
{
    for (size_t i = 0; i < RN_COUNT(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *s = presets[i];
            return true;
        }
    }
    return false;
}

static double mix(double from, double to, double part)
{
    return (1 - part) * from + part * to;
}

/* Python's round(): halves to even, as nanochat computes its step counts. */
static int64_t warmdown_steps(const struct rn_schedule *s, int64_t total)
{
    return (int64_t)nearbyint(s->warmdown * (double)total);
}

/* Fraction of the warmdown done, 0 before it. In PROGRESS the border is a real number. */
static double warmdown_part(const struct rn_schedule *s, int64_t step, int64_t total)
{
    if (s->shape == RN_SCHEDULE_PROGRESS) {
        double progress = (double)step / (double)total, start = 1 - s->warmdown;
        return s->warmdown > 0 && progress > start ? fmin((progress - start) / s->warmdown, 1) : 0;
    }
    int64_t steps = warmdown_steps(s, total), start = total - steps;
    return steps > 0 && step > start ? fmin((double)(step - start) / (double)steps, 1) : 0;
}

static double cosine_part(const struct rn_schedule *s, int64_t step, int64_t total)
{
    if (step >= total || total <= s->warmup)
        return 0;
    return 0.5 * (1 + cos(PI * (double)(step - s->warmup) / (double)(total - s->warmup)));
}

static double lr_mult(const struct rn_schedule *s, int64_t step, int64_t total)
{
    if (step < s->warmup)
        return (double)(step + 1) / (double)s->warmup;
    switch (s->shape) {
    case RN_SCHEDULE_CONSTANT:
        return 1;
    case RN_SCHEDULE_COSINE:
        return mix(s->final_frac, 1, cosine_part(s, step, total));
    case RN_SCHEDULE_LINEAR:
    case RN_SCHEDULE_PROGRESS:
        break;
    }
    return mix(1, s->final_frac, warmdown_part(s, step, total));
}

/* The rise goes first: in a short run the warmdown begins while momentum still rises. */
static double muon_momentum(const struct rn_schedule *s, int64_t step, int64_t total)
{
    if (step < s->momentum_steps)
        return mix(s->momentum_first, s->momentum_top, (double)step / (double)s->momentum_steps);
    if (s->momentum_last == s->momentum_top)
        return s->momentum_top;
    return mix(s->momentum_top, s->momentum_last, warmdown_part(s, step, total));
}

struct rn_schedule_at rn_schedule_at(const struct rn_schedule *s, int64_t step, int64_t total)
{
    double cosine = s->decay_cosine ? 0.5 * (1 + cos(PI * (double)step / (double)total)) : 1;
    return (struct rn_schedule_at){.lr_mult = lr_mult(s, step, total),
                                   .muon_momentum = muon_momentum(s, step, total),
                                   .decay_mult = s->decay * cosine};
}

bool rn_schedule_open_ended(const struct rn_schedule *s)
{
    bool still = s->momentum_last == s->momentum_top || s->warmdown == 0;
    return s->shape == RN_SCHEDULE_CONSTANT && still && !(s->decay_cosine && s->decay != 0);
}

int64_t rn_schedule_common(const struct rn_schedule *s, int64_t a, int64_t b)
{
    int64_t shorter = a < b ? a : b;
    for (int64_t step = 0; step < shorter; step++) {
        struct rn_schedule_at x = rn_schedule_at(s, step, a), y = rn_schedule_at(s, step, b);
        if (x.lr_mult != y.lr_mult || x.muon_momentum != y.muon_momentum ||
            x.decay_mult != y.decay_mult)
            return step;
    }
    return shorter;
}
