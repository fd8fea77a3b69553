/* The page that processes of a run share, and the power that a training drew by it. */
#include "gauge.h"
#include "spent.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rn_gauge *g;

static void setup(void)
{
    g = rn_gauge_new();
}
static void teardown(void)
{
    rn_gauge_free(g);
}
TestSuite(gauge, .init = setup, .fini = teardown, .timeout = 60);

Test(gauge, before_the_first_sample_there_is_nothing)
{
    struct rn_reading r;
    size_t stage;
    int64_t step;
    cr_expect(!rn_gauge_get(g, &r));
    cr_expect(!rn_gauge_marked(g, &stage, &step));
}

Test(gauge, what_one_process_puts_another_reads)
{
    struct rn_reading put = {.time_s = 7, .gpu_w = 350, .hottest_c = NAN}, got;
    if (fork() == 0) {
        rn_gauge_put(g, &put);
        rn_gauge_mark(g, 2, 4711);
        _exit(0);
    }
    wait(NULL);
    cr_assert(rn_gauge_get(g, &got));
    cr_expect_eq(got.gpu_w, 350);
    cr_expect(isnan(got.hottest_c));
    size_t stage;
    int64_t step;
    cr_assert(rn_gauge_marked(g, &stage, &step));
    cr_expect_eq(stage, 2);
    cr_expect_eq(step, 4711);
}

Test(gauge, a_stage_without_a_step_yet)
{
    size_t stage;
    int64_t step;
    rn_gauge_mark(g, 0, -1);
    cr_assert(rn_gauge_marked(g, &stage, &step));
    cr_expect_eq(stage, 0);
    cr_expect_eq(step, -1);
}

/* Every value of a reading is the same number, so that a mixture of two shows. */
static struct rn_reading of(double x)
{
    return (struct rn_reading){x, x, x, x, x, x, x, x, x};
}

Test(gauge, no_reading_is_half_of_one_and_half_of_the_next)
{
    enum { MANY = 200000 };
    pid_t writer = fork();
    for (int i = 1; writer == 0 && i <= MANY; i++) {
        struct rn_reading r = of(i);
        rn_gauge_put(g, &r);
    }
    if (writer == 0)
        _exit(0);
    struct rn_reading r = of(0);
    while (r.time_s < MANY) {
        if (!rn_gauge_get(g, &r))
            continue;
        struct rn_reading whole = of(r.time_s);
        cr_assert_eq(memcmp(&r, &whole, sizeof r), 0, "torn at %g", r.time_s);
    }
    waitpid(writer, NULL, 0);
}

/* --- what a training drew --- */

static struct rn_spent spent;
static struct rn_metric_value out[RN_SPENT_VALUES];

static void put(double time_s, double gpu_w, double gpu_j, double by_power_j, double cpu_j)
{
    struct rn_reading r = {.time_s = time_s,
                           .gpu_w = gpu_w,
                           .gpu_j = gpu_j,
                           .by_power_j = by_power_j,
                           .cpu_j = cpu_j,
                           .hottest_c = 66};
    rn_gauge_put(g, &r);
}

static size_t ask(double tok_per_sec)
{
    const struct rn_metric_value v[] = {{"loss", 3}, {"tok_per_sec", tok_per_sec}};
    return rn_spent_since(&spent, v, 2, out);
}

Test(gauge, without_a_sampler_nothing_is_added)
{
    rn_spent_init(&spent, NULL);
    cr_expect_eq(ask(1000), 0);
    rn_spent_init(&spent, g);
    cr_expect_eq(ask(1000), 0, "it has not sampled yet");
}

Test(gauge, numbers_that_are_no_step_stay_alone)
{
    const struct rn_metric_value v = {"val_bpb", 1};
    rn_spent_init(&spent, g);
    put(10, 300, 0, 0, NAN);
    cr_expect_eq(rn_spent_since(&spent, &v, 1, out), 0);
}

Test(gauge, power_is_energy_by_time_since_the_numbers_before)
{
    rn_spent_init(&spent, g);
    put(10, 300, 1000, 0, NAN);
    cr_assert_eq(ask(1000), 3);
    cr_expect_str_eq(out[0].name, "gpu_power_w");
    cr_expect_eq(out[0].value, 300, "at first what is drawn now");
    cr_expect_str_eq(out[1].name, "gpu_temp_c");
    cr_expect_eq(out[1].value, 66);
    cr_expect_str_eq(out[2].name, "j_per_token");
    cr_expect_eq(out[2].value, 0.3);
    put(14, 999, 3000, 77, NAN);
    ask(1000);
    cr_expect_eq(out[0].value, 500);
    cr_expect_eq(out[2].value, 0.5);
}

Test(gauge, processors_count_for_tokens_and_not_for_the_gpus_power)
{
    rn_spent_init(&spent, g);
    put(10, 300, 1000, 0, 50);
    ask(1000);
    put(14, 300, 3000, 0, 450);
    ask(1000);
    cr_expect_eq(out[0].value, 500);
    cr_expect_eq(out[2].value, 0.6);
}

Test(gauge, steps_that_are_quicker_than_samples_share_the_last)
{
    rn_spent_init(&spent, g);
    put(10, 300, 1000, 0, NAN);
    ask(1000);
    put(14, 300, 3000, 0, NAN);
    ask(1000);
    cr_assert_eq(ask(2000), 3);
    cr_expect_eq(out[0].value, 500);
    cr_expect_eq(out[2].value, 0.25);
}

Test(gauge, a_moment_is_too_short_for_the_counter)
{
    rn_spent_init(&spent, g);
    put(10, 300, 1000, 100, NAN);
    ask(1000);
    put(10.25, 300, 1000, 200, NAN);
    ask(1000);
    cr_expect_eq(out[0].value, 400);
}

Test(gauge, what_is_not_known_is_left_out)
{
    rn_spent_init(&spent, g);
    put(10, NAN, NAN, NAN, NAN);
    cr_assert_eq(ask(1000), 1);
    cr_expect_str_eq(out[0].name, "gpu_temp_c");
}
