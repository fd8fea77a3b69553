/* The multipliers of nanochat and build-nanogpt, as their own code prints them. */
#include "schedule.h"

#include "model.h"

#include <criterion/criterion.h>
#include <math.h>

static struct rn_schedule preset(const char *name)
{
    struct rn_schedule s;
    cr_assert(rn_schedule_preset(&s, name), "no preset %s", name);
    return s;
}

#define NEAR(x, expected)                                                                          \
    do {                                                                                           \
        double x_ = (x), e_ = (expected);                                                          \
        cr_expect(fabs(x_ - e_) <= 1e-12 * (1 + fabs(e_)), "%s is %.17g, expected %.17g", #x, x_,  \
                  e_);                                                                             \
    } while (0)

Test(schedule, every_listed_name_is_a_preset)
{
    cr_expect_str_eq(rn_schedule_names[0], "auto"); /* a key's word, no preset */
    for (size_t i = 1; rn_schedule_names[i]; i++)
        cr_expect_str_eq(preset(rn_schedule_names[i]).name, rn_schedule_names[i]);
    for (size_t i = 0; rn_arch_names[i]; i++)
        preset(rn_arch_names[i]);
    struct rn_schedule s;
    cr_expect(!rn_schedule_preset(&s, "cosign"));
}

/* Values of the log of golden/gpt2-tiny: warmup 5, 20 steps, 1e-3 to 1e-4. */
Test(schedule, gpt2_warms_up_and_follows_half_a_cosine)
{
    struct rn_schedule s = preset("gpt2");
    s.warmup = 5;
    NEAR(1e-3 * rn_schedule_at(&s, 0, 20).lr_mult, 0.0002);
    NEAR(1e-3 * rn_schedule_at(&s, 4, 20).lr_mult, 0.001);
    NEAR(1e-3 * rn_schedule_at(&s, 5, 20).lr_mult, 0.001);
    NEAR(1e-3 * rn_schedule_at(&s, 19, 20).lr_mult, 0.00010983357966978745);
    NEAR(rn_schedule_at(&s, 20, 20).lr_mult, 0.1);
    NEAR(rn_schedule_at(&s, 1000, 20).lr_mult, 0.1);
}

/* golden/nanochat-2025-tiny: the last fifth falls to 0 in whole steps. */
Test(schedule, nanochat_2025_is_constant_then_linear)
{
    struct rn_schedule s = preset("nanochat-2025");
    NEAR(rn_schedule_at(&s, 0, 20).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 16, 20).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 17, 20).lr_mult, 0.75);
    NEAR(rn_schedule_at(&s, 19, 20).lr_mult, 0.25);
    NEAR(rn_schedule_at(&s, 1, 20).muon_momentum, 0.8503333333333333);
    NEAR(rn_schedule_at(&s, 300, 1000).muon_momentum, 0.95);
    NEAR(rn_schedule_at(&s, 999, 1000).muon_momentum, 0.95);
    NEAR(rn_schedule_at(&s, 7, 20).decay_mult, 1);
}

/* golden/nanochat-2026-tiny: warmup 4 there, 40 by default. */
Test(schedule, nanochat_2026_warms_up_decays_and_cools_momentum)
{
    struct rn_schedule s = preset("nanochat-2026");
    NEAR(rn_schedule_at(&s, 0, 1000).lr_mult, 1.0 / 40);
    s.warmup = 4;
    NEAR(rn_schedule_at(&s, 0, 20).lr_mult, 0.25);
    NEAR(rn_schedule_at(&s, 7, 20).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 19, 20).lr_mult, 0.12307692307692308);
    NEAR(rn_schedule_at(&s, 1, 20).muon_momentum, 0.8503);
    NEAR(rn_schedule_at(&s, 19, 20).muon_momentum, 0.8557);
    NEAR(0.28 * rn_schedule_at(&s, 1, 20).decay_mult, 0.2782763676833193);
    NEAR(0.28 * rn_schedule_at(&s, 19, 20).decay_mult, 0.0017236323166807278);
    NEAR(rn_schedule_at(&s, 400, 2000).muon_momentum, 0.97);
    NEAR(rn_schedule_at(&s, 700, 2000).muon_momentum, 0.97);
    NEAR(rn_schedule_at(&s, 1350, 2000).muon_momentum, 0.935);
    NEAR(rn_schedule_at(&s, 2000, 2000).muon_momentum, 0.90);
}

Test(schedule, mid_training_falls_after_four_fifths)
{
    struct rn_schedule s = preset("nanochat-2025-mid");
    NEAR(rn_schedule_at(&s, 800, 1000).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 900, 1000).lr_mult, 0.5);
    NEAR(rn_schedule_at(&s, 1000, 1000).lr_mult, 0);
}

Test(schedule, sft_2025_is_a_straight_line_to_zero)
{
    struct rn_schedule s = preset("nanochat-2025-sft");
    NEAR(rn_schedule_at(&s, 0, 700).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 175, 700).lr_mult, 0.75);
    NEAR(rn_schedule_at(&s, 0, 700).muon_momentum, 0.95);
}

Test(schedule, sft_2026_halves_then_falls_without_decay)
{
    struct rn_schedule s = preset("nanochat-2026-sft");
    NEAR(rn_schedule_at(&s, 499, 1000).lr_mult, 1);
    NEAR(rn_schedule_at(&s, 750, 1000).lr_mult, 0.5);
    NEAR(rn_schedule_at(&s, 10, 1000).decay_mult, 0);
}

Test(schedule, only_a_constant_rate_lets_a_longer_run_continue_a_finished_one)
{
    struct rn_schedule constant = preset("constant"), cosine = preset("cosine");
    struct rn_schedule now = preset("nanochat-2026"), old = preset("nanochat-2025");
    cr_expect(rn_schedule_open_ended(&constant));
    cr_expect(!rn_schedule_open_ended(&cosine) && !rn_schedule_open_ended(&now) &&
              !rn_schedule_open_ended(&old));
    cr_expect_eq(rn_schedule_common(&constant, 100, 200), 100);
}

Test(schedule, common_steps_end_where_the_shorter_run_cools_down)
{
    struct rn_schedule old = preset("nanochat-2025"), cosine = preset("cosine");
    cr_expect_eq(rn_schedule_common(&old, 1000, 2000), 801);
    cr_expect_eq(rn_schedule_common(&cosine, 1000, 2000), 1);
}
