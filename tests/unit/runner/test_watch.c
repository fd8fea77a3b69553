/* `watch:` stops what hangs, derails or crawls, and lets it go on from its last checkpoint. */
#include "fake.h"

#include "file.h"
#include "gate_check.h"
#include "journal.h"
#include "str.h"
#include "watch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fake f;

static void setup(void)
{
    fake_init(&f);
}
static void teardown(void)
{
    fake_release(&f);
}
TestSuite(watch, .init = setup, .fini = teardown, .timeout = 300);

/* base gets into trouble at half time, so often. */
static struct rn_watch *watch_base(enum fake_trouble trouble, int times)
{
    f.cfg[BASE].trouble = trouble;
    f.cfg[BASE].every = 5; /* the last checkpoint lies before the trouble */
    *fake_patience = times;
    f.stages[BASE].watch =
        (struct rn_watch){.max = 3, .grace_s = 0.1, .spike_metric = "loss", .floor_metric = "rate"};
    return &f.stages[BASE].watch;
}

static void goes_on_to_the_same_bytes(int64_t runs)
{
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_eq(fake_runs[BASE], runs, "base ran %ld times", (long)fake_runs[BASE]);
    struct fake g;
    fake_init(&g);
    cr_assert_eq(fake_run(&g), RN_OK);
    cr_expect_str_eq(fake_tree(&f, "fake-1/stages/base/model"),
                     fake_tree(&g, "fake-1/stages/base/model"));
    fake_release(&g);
}

static char *snapshot(int n)
{
    char *text = NULL, *path = fake_path(&f, "fake-1/watch/base-%d.txt", n);
    rn_file_read(path, 1 << 20, &text, NULL, NULL);
    cr_assert(text, "no snapshot %d", n);
    char *kept = rn_arena_dup(&f.scratch, text);
    free(text);
    return kept;
}

/* A member of the newest record of base with this event. */
static const json_t *recorded(const char *event, const char *key)
{
    static json_t *records; /* one test a process: found by whoever looks for leaks */
    json_decref(records);
    records = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    return json_object_get(rn_journal_last(records, "base", event), key);
}

Test(watch, stage_that_hangs_is_stopped_and_goes_on)
{
    watch_base(FAKE_HANGS, 2)->no_step_s = 0.25; /* deaf to SIGTERM: killed after its grace */
    goes_on_to_the_same_bytes(3);
    char *text = snapshot(2);
    cr_expect(strstr(text, "no step for"), "%s", text);
    cr_expect(strstr(text, "State:"), "%s", text);
    cr_expect(strstr(text, "\"loss\":"), "%s", text);
    cr_expect(strstr(json_string_value(recorded("interrupted", "watch")), "no step"));
}

Test(watch, stage_that_hangs_again_and_again_fails_the_run_with_12)
{
    struct rn_watch *w = watch_base(FAKE_HANGS, 1000);
    w->no_step_s = 0.2;
    w->max = 1;
    cr_expect_eq(fake_run(&f), RN_EPEER);
    cr_expect_eq(rn_code_exit(RN_EPEER), 12);
    cr_expect_eq(fake_runs[BASE], 2);
    cr_expect(strstr(f.err.msg, "no step for"), "%s", f.err.msg);
    f.cfg[BASE].trouble = 0;
    cr_expect_eq(fake_run(&f), RN_OK, "what is there can be gone on with");
}

Test(watch, stage_that_listens_saves_before_it_is_stopped)
{
    watch_base(FAKE_HANGS_WELL, 1)->no_step_s = 0.2;
    f.cfg[BASE].every = 100;
    goes_on_to_the_same_bytes(2);
    cr_expect_gt(json_integer_value(recorded("started", "step")), 0, "goes on where it was asked");
}

Test(watch, forced_stage_is_not_forced_again_when_it_goes_on)
{
    static const char *const force[] = {"base", NULL};
    cr_assert_eq(fake_run(&f), RN_OK);
    f.how.force = force;
    watch_base(FAKE_HANGS, 1)->no_step_s = 0.2;
    cr_expect_eq(fake_run(&f), RN_OK);
    cr_expect_eq(fake_runs[BASE], 3);
    cr_expect_gt(json_integer_value(recorded("started", "step")), 0);
}

Test(watch, number_that_is_none_sends_back_to_the_last_checkpoint)
{
    watch_base(FAKE_NAN, 1)->nan = true;
    goes_on_to_the_same_bytes(2);
    cr_expect(strstr(snapshot(1), "loss is not finite at step 6"), "%s", snapshot(1));
}

Test(watch, number_that_is_none_every_time_fails_the_run_with_11)
{
    struct rn_watch *w = watch_base(FAKE_NAN, 1000);
    w->nan = true;
    w->max = 1;
    f.cfg[BASE].every = 100; /* no checkpoint: from the start again */
    cr_expect_eq(fake_run(&f), RN_EDEVICE);
    cr_expect_eq(rn_code_exit(RN_EDEVICE), 11);
    cr_expect_eq(fake_runs[BASE], 2);
}

Test(watch, derailing_again_at_the_same_step_is_not_tried_a_third_time)
{
    watch_base(FAKE_NAN, 1000)->nan = true;
    cr_expect_eq(fake_run(&f), RN_EDEVICE);
    cr_expect_eq(fake_runs[BASE], 2, "base ran %ld times", (long)fake_runs[BASE]);
    cr_expect(strstr(f.err.msg, "step 6, again where it was before"), "%s", f.err.msg);
}

/* Ctrl-C, and then the watch loses its patience: nobody is told of missing memory. */
Test(watch, stage_that_hangs_when_it_is_asked_to_stop_counts_as_stopped)
{
    struct rn_watch *w = watch_base(FAKE_HANGS, 1);
    w->no_step_s = 0.3;
    pid_t killer = fork();
    if (killer == 0) {
        while (*fake_patience > 0)
            usleep(1000);
        usleep(50000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    cr_expect_eq(fake_run(&f), RN_ESTOPPED, "%s", f.err.msg);
    cr_expect(strstr(f.err.msg, "no step for"), "%s", f.err.msg);
    waitpid(killer, NULL, 0);
}

Test(watch, spike_sends_back_to_the_last_checkpoint)
{
    struct rn_watch *w = watch_base(FAKE_SPIKES, 1);
    w->spike_factor = 10;
    w->spike_window = 4;
    goes_on_to_the_same_bytes(2);
    cr_expect(strstr(snapshot(1), "loss 1000 is over 10 times its median"), "%s", snapshot(1));
}

Test(watch, stage_below_its_floor_is_stopped)
{
    struct rn_watch *w = watch_base(FAKE_CRAWLS, 1000);
    f.cfg[BASE].steps = 40;
    fake_rekey(&f);
    w->floor_metric = "rate";
    w->floor_min = 100;
    w->floor_for_s = 0.15;
    w->max = 0;
    cr_expect_eq(fake_run(&f), RN_EPEER);
    cr_expect(strstr(f.err.msg, "rate below 100 for"), "%s", f.err.msg);
}

Test(watch, stage_that_nobody_watches_may_crawl)
{
    watch_base(FAKE_CRAWLS, 1000);
    f.cfg[BASE].steps = 8;
    fake_rekey(&f);
    cr_expect_eq(fake_run(&f), RN_OK);
}

/* --- the judge alone, without clocks --- */

static void number(struct rn_watching *w, const char *name, double value, double now_s)
{
    struct rn_news news = {.kind = RN_NEWS_NUMBERS, .n_values = 1};
    news.values[0] = (struct rn_metric_value){name, value};
    rn_watching_hear(w, &news, now_s);
}

Test(watch, floor_has_to_be_missed_all_the_time)
{
    struct rn_watch rules = {.floor_metric = "rate", .floor_min = 100, .floor_for_s = 10};
    struct rn_watching w;
    rn_watching_start(&w, &rules, 0);
    number(&w, "rate", 50, 1);
    number(&w, "rate", 120, 9);
    number(&w, "rate", 50, 12);
    cr_expect_eq(rn_watching_look(&w, 21), RN_QUIET, "it was fast at 9");
    cr_expect_eq(rn_watching_due_s(&w), 22);
    cr_expect_eq(rn_watching_look(&w, 22), RN_HANGS);
    rn_watching_stop(&w);
}

Test(watch, spike_needs_a_full_window)
{
    struct rn_watch rules = {.spike_metric = "loss", .spike_factor = 2, .spike_window = 3};
    struct rn_watching w;
    rn_watching_start(&w, &rules, 0);
    number(&w, "loss", 1, 1);
    number(&w, "loss", 100, 2);
    number(&w, "loss", 1.5, 3);
    number(&w, "other", 1e9, 4);
    number(&w, "loss", 2.9, 5);
    cr_expect_eq(rn_watching_look(&w, 5), RN_QUIET, "the median is 1.5");
    number(&w, "loss", 6, 6);
    cr_expect_eq(rn_watching_look(&w, 6), RN_DERAILS);
    rn_watching_stop(&w);
}

Test(watch, progress_counts_as_a_step_only_when_it_moves)
{
    struct rn_watch rules = {.no_step_s = 10};
    struct rn_watching w;
    struct rn_news news = {.kind = RN_NEWS_PROGRESS, .done = 1};
    rn_watching_start(&w, &rules, 0);
    rn_watching_hear(&w, &news, 5);
    rn_watching_hear(&w, &news, 14);
    cr_expect_eq(rn_watching_look(&w, 14), RN_QUIET);
    cr_expect_eq(rn_watching_look(&w, 15), RN_HANGS);
    rn_watching_stop(&w);
}

/* --- gates over all values --- */

Test(watch, gates_fold_all_values_of_a_stage)
{
    static const struct {
        enum rn_gate_fold fold;
        enum rn_gate_op op;
        double bound;
        bool holds;
    } rows[] = {{RN_FOLD_MIN, RN_GATE_LE, 1, true},  {RN_FOLD_MIN, RN_GATE_LT, 1, false},
                {RN_FOLD_MAX, RN_GATE_GE, 5, true},  {RN_FOLD_MAX, RN_GATE_GT, 5, false},
                {RN_FOLD_MEAN, RN_GATE_GE, 3, true}, {RN_FOLD_MEAN, RN_GATE_GT, 3, false},
                {RN_FOLD_LAST, RN_GATE_LE, 3, true}, {RN_FOLD_LAST, RN_GATE_LT, 3, false}};
    static const char lines[] = "{\"step\":1,\"loss\":5}\n{\"step\":2,\"loss\":1}\n"
                                "{\"step\":2,\"other\":9}\n{\"step\":3,\"loss\":3}\n"
                                "{\"step\":4,\"norm\":1}\n{\"step\":5,\"norm\":null}\n";
    struct rn_gate norm = {"gate", "norm", RN_GATE_LT, 9, RN_NOWHERE, RN_FOLD_MIN};
    char *path = fake_path(&f, "m.jsonl");
    rn_mkdirs(f.runs, NULL);
    cr_assert_eq(rn_file_write(path, lines, strlen(lines), NULL), RN_OK);
    f.stages[BASE].n_gates = 1;
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_gate g = {"gate", "loss", rows[i].op, rows[i].bound, RN_NOWHERE, rows[i].fold};
        f.stages[BASE].gates = &g;
        int rc = rn_gates_check(&f.stages[BASE], NULL, path, NULL);
        cr_expect_eq(rc, rows[i].holds ? RN_OK : RN_EGATE, "row %zu", i);
    }
    f.stages[BASE].gates = &norm;
    cr_expect_eq(rn_gates_check(&f.stages[BASE], NULL, path, NULL), RN_EGATE, "once not finite");
}
