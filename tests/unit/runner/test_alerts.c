/* What somebody who is away hears of a stage: the rules, one by one, with clocks handed in. */
#include "alerts.h"

#include "mem.h"
#include "str.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_files(const struct rn_job *j, const void *cfg,
                    int (*use)(void *, struct rn_fetcher *, struct rn_fetch_file *, size_t,
                               struct rn_err *),
                    void *ctx, struct rn_err *err)
{
    (void)j, (void)cfg, (void)use, (void)ctx;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "not asked here");
}
static const struct rn_stage trains = {.kind = "base-train", .trains = true};
static const struct rn_stage fetches = {.kind = "fetch", .files = no_files};

static struct rn_vigil v;
static double now_s;
static struct rn_str heard; /* "name@step: text\n" */

static void raise(void *ctx, const struct rn_alert *a)
{
    (void)ctx;
    rn_str_printf(&heard, "%s@%lld: %s\n", rn_alert_rows[a->id].name, (long long)a->step, a->text);
}
static void setup(void)
{
    rn_str_puts(&heard, "");
    now_s = 1000;
    rn_vigil_start(&v, "base", &trains, raise, NULL, now_s);
}
static void teardown(void)
{
    rn_vigil_stop(&v);
    rn_str_release(&heard);
}
TestSuite(alerts, .init = setup, .fini = teardown, .timeout = 60);

static void hears(const char *text)
{
    cr_expect_str_eq(heard.p, text);
    rn_str_clear(&heard);
}

static void tell(int64_t step, const char *name, double value)
{
    struct rn_news news = {.kind = RN_NEWS_NUMBERS, .step = step, .n_values = 1};
    news.values[0] = (struct rn_metric_value){name, value};
    rn_vigil_hear(&v, &news, now_s);
}

/* n steps of a second each: loss around 3, by turns 0.1 above and below. */
static void usual_steps(int64_t first, int n)
{
    for (int64_t i = first; i < first + n; i++, now_s++)
        tell(i, "loss", i % 2 ? 3.1 : 2.9);
}

static void warn(const char *text)
{
    struct rn_news news = {.kind = RN_NEWS_LOG, .level = RN_WARN, .text = text};
    rn_vigil_hear(&v, &news, now_s);
}

static void see(struct rn_signs signs)
{
    rn_vigil_see(&v, &signs, now_s);
}

Test(alerts, every_row_is_documented_and_named_like_the_others)
{
    for (int i = 0; i < RN_ALERTS; i++) {
        const struct rn_alert_row *r = &rn_alert_rows[i];
        cr_expect_eq(strspn(r->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(r->name), "%s",
                     r->name);
        cr_expect(strcmp(r->level, "warning") == 0 || strcmp(r->level, "critical") == 0);
        cr_expect_gt(strlen(r->doc), 10u);
    }
}

Test(alerts, a_sound_stage_is_no_news)
{
    usual_steps(1, 500);
    see(rn_no_signs);
    hears("");
}

/* --- numbers --- */

Test(alerts, a_loss_that_is_no_number_is_told_with_its_step)
{
    usual_steps(1, 3);
    tell(4, "loss", NAN);
    hears("not-finite@4: loss is no number\n");
    tell(5, "loss", NAN);
    hears(""); /* it still holds */
}

Test(alerts, so_is_a_gradient_norm)
{
    tell(7, "grad_norm", INFINITY);
    hears("not-finite@7: grad_norm is no number\n");
}

Test(alerts, other_numbers_may_be_unknown)
{
    tell(1, "mfu", NAN);
    hears("");
}

Test(alerts, a_spike_is_six_deviations_above_the_last_128)
{
    usual_steps(1, 128);
    tell(129, "loss", 3 + 0.1 * 5.9);
    hears("");
    usual_steps(130, 128);
    tell(258, "loss", 3 + 0.1 * 6.5);
    hears("spike@258: loss is 6.5 standard deviations above its last 128\n");
}

Test(alerts, before_there_are_128_nothing_is_usual)
{
    usual_steps(1, 127);
    tell(128, "loss", 1000);
    hears("");
}

Test(alerts, a_number_that_is_none_spoils_no_window)
{
    usual_steps(1, 128);
    tell(129, "loss", NAN);
    rn_str_clear(&heard);
    tell(130, "loss", 30);
    cr_expect(rn_starts_with(heard.p, "spike@130: loss is 2"), "%s", heard.p);
}

/* --- time --- */

Test(alerts, a_stall_is_ten_steps_and_five_minutes_at_least)
{
    usual_steps(1, 10);
    now_s += 299;
    see(rn_no_signs);
    hears("");
    now_s += 2;
    see(rn_no_signs);
    hears("stall@10: no sign of life for 5 min 02 s; a step takes 1.0 s\n");
}

Test(alerts, long_steps_are_given_their_time)
{
    for (int i = 1; i < 10; i++, now_s += 100)
        tell(i, "loss", 3);
    now_s += 800;
    see(rn_no_signs);
    hears("");
    now_s += 300;
    see(rn_no_signs);
    cr_expect(rn_starts_with(heard.p, "stall@9: "), "%s", heard.p);
}

Test(alerts, a_stage_that_never_says_anything_stalls_too)
{
    now_s += 301;
    see(rn_no_signs);
    hears("stall@-1: no sign of life for 5 min 01 s\n");
}

Test(alerts, progress_is_a_sign_of_life)
{
    now_s += 299;
    rn_vigil_hear(&v, &(struct rn_news){.kind = RN_NEWS_PROGRESS, .done = 1}, now_s);
    now_s += 299;
    see(rn_no_signs);
    hears("");
}

Test(alerts, a_stage_that_ended_is_not_waited_for)
{
    rn_vigil_hear(&v, &(struct rn_news){.kind = RN_NEWS_END}, now_s);
    now_s += 1e6;
    see(rn_no_signs);
    hears("");
}

Test(alerts, slow_is_under_70_percent_of_the_median)
{
    int64_t step = 1;
    for (; step <= 20; step++)
        tell(step, "tok_per_sec", 1000);
    tell(step++, "tok_per_sec", 100);
    hears(""); /* one step with an evaluation in it */
    tell(step++, "tok_per_sec", 710);
    tell(step++, "tok_per_sec", 710);
    hears("");
    for (int i = 0; i < 2; i++)
        tell(step++, "tok_per_sec", 690);
    hears("slow@25: 690 tokens a second, 69 % of the median 1000\n");
}

/* --- what can be seen --- */

Test(alerts, throttling_for_over_30_s)
{
    struct rn_signs held = rn_no_signs;
    held.throttled = true;
    see(held);
    now_s += 30;
    see(held);
    hears("");
    now_s += 1;
    see(held);
    hears("throttled@-1: a GPU is held back by heat or its supply for 31.0 s\n");
}

Test(alerts, short_throttling_again_and_again_is_not_long)
{
    struct rn_signs held = rn_no_signs;
    held.throttled = true;
    for (int i = 0; i < 10; i++, now_s += 20) {
        see(held);
        see(rn_no_signs);
    }
    hears("");
}

Test(alerts, a_gpu_near_its_limit)
{
    struct rn_signs warm = rn_no_signs;
    warm.hottest_c = 81;
    warm.slowdown_c = 87;
    see(warm);
    hears("");
    warm.hottest_c = 82;
    see(warm);
    hears("hot@-1: a GPU has 82 degrees; at 87 it slows itself down\n");
}

Test(alerts, a_gpu_whose_limit_is_not_known)
{
    struct rn_signs warm = rn_no_signs;
    warm.hottest_c = 85;
    see(warm);
    hears("hot@-1: a GPU has 85 degrees; at 90 it slows itself down\n");
}

Test(alerts, a_gpu_that_fell_off_the_bus)
{
    struct rn_signs gone = rn_no_signs;
    gone.lost = 1;
    see(gone);
    hears("gpu-lost@-1: 1 GPU fell off the bus\n");
}

Test(alerts, a_disk_with_room_for_less_than_two_checkpoints)
{
    struct rn_signs s = rn_no_signs;
    s.checkpoint_bytes = 1 << 30;
    s.disk_free_bytes = 2.0 * (1 << 30);
    see(s);
    hears("");
    s.disk_free_bytes -= 1;
    see(s);
    hears("disk@-1: 2.0 GiB left, a checkpoint takes 1.0 GiB\n");
}

Test(alerts, a_checkpoint_that_is_late_by_the_clock)
{
    struct rn_signs s = rn_no_signs;
    s.save_every_s = 600;
    s.since_save_s = 1260;
    see(s);
    hears("");
    s.since_save_s = 1261;
    see(s);
    hears("checkpoint-late@-1: the last checkpoint is 21 min 01 s old, one was due after "
          "10 min 00 s\n");
}

Test(alerts, a_checkpoint_that_is_late_by_steps)
{
    struct rn_signs s = rn_no_signs;
    usual_steps(1, 10);
    s.save_every_steps = 50;
    s.since_save_s = 161;
    see(s);
    cr_expect(rn_starts_with(heard.p, "checkpoint-late@10: "), "%s", heard.p);
}

Test(alerts, without_a_cadence_no_checkpoint_is_late)
{
    struct rn_signs s = rn_no_signs;
    s.since_save_s = 1e9;
    see(s);
    hears("");
}

/* --- what the stage says --- */

Test(alerts, what_a_stage_warns_of)
{
    warn("waiting for room");
    hears("warning@-1: waiting for room\n");
}

Test(alerts, what_a_stage_that_fetches_warns_of_is_its_source)
{
    rn_vigil_stop(&v);
    rn_vigil_start(&v, "data", &fetches, raise, NULL, now_s);
    warn("rejected a.bin from 127.0.0.1: refused");
    hears("source@-1: rejected a.bin from 127.0.0.1: refused\n");
}

/* --- how often --- */

Test(alerts, a_flood_is_told_once_and_counted)
{
    for (int i = 0; i < 200; i++, now_s += 2)
        warn("again");
    hears("warning@-1: again\n");
    now_s += 600;
    warn("once more");
    hears("warning@-1: once more (and 199 times since the last)\n");
    now_s += 600;
    warn("later");
    hears("warning@-1: later\n");
}

Test(alerts, what_comes_and_goes_is_told_every_ten_minutes)
{
    for (int i = 1; i <= 10; i++, now_s += 50)
        tell(i, "loss", i % 2 ? NAN : 3);
    hears("not-finite@1: loss is no number\n");
    now_s += 600;
    tell(11, "loss", NAN);
    hears("not-finite@11: loss is no number (and 4 times since the last)\n");
}

Test(alerts, what_came_back_too_soon_and_stays_is_told_when_its_time_has_come)
{
    tell(1, "loss", NAN);
    tell(2, "loss", 3);
    tell(3, "loss", NAN);
    hears("not-finite@1: loss is no number\n");
    now_s += 600;
    tell(4, "loss", NAN);
    hears("not-finite@4: loss is no number (and 1 time since the last)\n");
}

Test(alerts, a_text_of_any_length_is_cut)
{
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    warn(text);
    cr_expect_lt(heard.n, 300u);
}
