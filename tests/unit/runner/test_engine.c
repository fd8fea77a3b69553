/* What `run` promises, on fake stages. */
#include "fake.h"

#include "file.h"
#include "journal.h"
#include "lock.h"
#include "signals.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
TestSuite(engine, .init = setup, .fini = teardown, .timeout = 300);

static void runs_ok(void)
{
    int rc = fake_run(&f);
    cr_assert_eq(rc, RN_OK, "%s", f.err.msg);
}

static void ran(int64_t data, int64_t base, int64_t sft)
{
    cr_expect_eq(fake_runs[DATA], data, "data ran %ld times", (long)fake_runs[DATA]);
    cr_expect_eq(fake_runs[BASE], base, "base ran %ld times", (long)fake_runs[BASE]);
    cr_expect_eq(fake_runs[SFT], sft, "sft ran %ld times", (long)fake_runs[SFT]);
}

Test(engine, first_run_makes_everything_second_keeps_everything)
{
    runs_ok();
    ran(1, 1, 1);
    runs_ok();
    ran(1, 1, 1);
    cr_expect(rn_exists(fake_path(&f, "fake-1/stages/sft/model/model.safetensors")));
    cr_expect(rn_exists(fake_path(&f, "fake-1/pipeline.yaml")));
    cr_expect(rn_exists(fake_path(&f, "fake-1/resolved.yaml")));
    cr_expect(rn_exists(fake_path(&f, "fake-1/log/data.log")));
}

Test(engine, run_without_work_changes_only_the_journal)
{
    runs_ok();
    char *before = fake_tree(&f, ".store");
    char *metrics = fake_tree(&f, "fake-1/metrics");
    runs_ok();
    cr_expect_str_eq(fake_tree(&f, ".store"), before);
    cr_expect_str_eq(fake_tree(&f, "fake-1/metrics"), metrics);
}

Test(engine, identity_change_reruns_the_stage_and_what_follows)
{
    runs_ok();
    f.cfg[SFT].seed = 8;
    fake_rekey(&f);
    runs_ok();
    ran(1, 1, 2);
    f.cfg[BASE].seed = 8;
    fake_rekey(&f);
    runs_ok();
    ran(1, 2, 3);
}

Test(engine, going_back_to_an_earlier_configuration_finds_its_outputs)
{
    runs_ok();
    f.cfg[SFT].seed = 8;
    fake_rekey(&f);
    f.p.tag = "fake-2";
    runs_ok();
    f.cfg[SFT].seed = 7;
    fake_rekey(&f);
    f.p.tag = "fake-3";
    runs_ok();
    ran(1, 1, 2);
    cr_expect(rn_exists(fake_path(&f, "fake-3/metrics/base.jsonl")), "numbers come along");
}

Test(engine, neutral_change_reruns_nothing)
{
    runs_ok();
    f.cfg[BASE].every = 3;
    f.cfg[BASE].log_every = 9;
    fake_rekey(&f);
    runs_ok();
    ran(1, 1, 1);
}

Test(engine, same_bytes_again_stop_the_chain_of_reruns)
{
    runs_ok();
    f.cfg[DATA].salt = 1; /* another key, the same files */
    fake_rekey(&f);
    runs_ok();
    ran(2, 1, 1);
}

Test(engine, extend_continues_from_the_last_checkpoint)
{
    runs_ok();
    f.cfg[SFT].steps = 9;
    fake_rekey(&f);
    struct rn_plan plan;
    fake_plan(&f, &plan);
    cr_expect_eq(plan.nodes[SFT].action, RN_ACT_RESUME);
    cr_expect_eq(plan.nodes[SFT].cost.resume_step, 6);
    rn_plan_release(&plan);
    runs_ok();
    ran(1, 1, 2);
}

/* Hours of work are not done again because the machine was out of descriptors for a moment. */
Test(engine, entry_that_cannot_be_read_is_not_called_damaged)
{
    struct rn_plan plan;
    struct rlimit limit, none;
    runs_ok();
    cr_assert_eq(rn_plan_init(&plan, &f.p, &f.how, &f.err), RN_OK);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    int rc = rn_plan_decide(&plan, DATA, &f.err);
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_expect_eq(rc, RN_EIO);
    cr_expect(strstr(f.err.msg, "Too many open files"), "%s", f.err.msg);
    rn_plan_release(&plan);
}

Test(engine, two_runs_in_different_folders_give_equal_stores)
{
    runs_ok();
    char *first = fake_tree(&f, ".store");
    struct fake g;
    fake_init(&g);
    g.p.tag = "other-tag";
    cr_assert_eq(fake_run(&g), RN_OK);
    cr_expect_str_eq(fake_tree(&g, ".store"), first);
    fake_release(&g);
}

Test(engine, failing_stage_stops_the_run_and_keeps_its_checkpoints)
{
    f.cfg[BASE].trouble = FAKE_FAILS;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    ran(1, 1, 0);
    cr_expect(!rn_exists(fake_path(&f, "fake-1/stages/base")));
    f.cfg[BASE].trouble = 0;
    runs_ok();
    ran(1, 2, 1);
}

Test(engine, stop_signal_saves_and_the_same_command_resumes_to_the_same_bytes)
{
    runs_ok();
    char *unbroken = rn_xdup(fake_tree(&f, "fake-1/stages/sft/model"));
    fake_release(&f);
    fake_init(&f);
    fake_stop_at = 7;
    cr_expect_eq(fake_run(&f), RN_ESTOPPED);
    fake_stop_at = -1;
    rn_signals_reset();
    runs_ok();
    cr_expect_str_eq(fake_tree(&f, "fake-1/stages/sft/model"), unbroken);
    free(unbroken);
    json_t *journal = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    cr_expect(rn_journal_last(journal, "base", "interrupted"));
    json_decref(journal);
}

Test(engine, metrics_of_a_resumed_stage_have_each_step_once)
{
    fake_stop_at = 7;
    cr_expect_eq(fake_run(&f), RN_ESTOPPED);
    fake_stop_at = -1;
    rn_signals_reset();
    runs_ok();
    char *text;
    cr_assert_eq(
        rn_file_read(fake_path(&f, "fake-1/metrics/base.jsonl"), 1 << 20, &text, NULL, NULL),
        RN_OK);
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    cr_expect_eq(lines, 12);
    free(text);
}

Test(engine, force_runs_from_the_start)
{
    runs_ok();
    static const char *const force[] = {"base", NULL};
    f.how.force = force;
    runs_ok();
    ran(1, 2, 1); /* base came out the same: sft is kept */
}

Test(engine, until_and_only_and_from)
{
    f.how.until = "data";
    runs_ok();
    ran(1, 0, 0);
    f.how.until = NULL;
    f.how.only = "base";
    runs_ok();
    ran(1, 1, 0);
    f.how.only = NULL;
    f.how.from = "sft";
    runs_ok();
    ran(1, 1, 1);
}

Test(engine, from_with_missing_inputs_names_the_producer_and_the_command)
{
    f.how.from = "sft";
    cr_expect_eq(fake_run(&f), RN_EUSAGE);
    cr_expect(strstr(f.err.msg, "data"), "%s", f.err.msg);
    cr_expect(strstr(f.err.hint, "--until data"), "%s", f.err.hint);
    ran(0, 0, 0);
}

Test(engine, from_with_stale_inputs_wants_consent)
{
    runs_ok();
    f.cfg[BASE].seed = 99;
    fake_rekey(&f);
    f.how.from = "sft";
    cr_expect_eq(fake_run(&f), RN_EUSAGE);
    cr_expect(strstr(f.err.msg, "'base'"), "%s", f.err.msg);
    f.how.accept_stale = true;
    runs_ok();
    ran(1, 1, 1); /* base as it was: sft is up to date for it */
}

Test(engine, unknown_stage_on_the_command_line_is_a_usage_error)
{
    f.how.from = "bsae";
    cr_expect_eq(fake_run(&f), RN_EUSAGE);
    cr_expect_str_eq(f.err.hint, "did you mean 'base'?");
}

static void add_gate(double bound)
{
    f.gate = (struct rn_gate){"loss < x", "loss", RN_GATE_LT, bound, {0}};
    f.stages[BASE].gates = &f.gate;
    f.stages[BASE].n_gates = 1;
}

Test(engine, gate_that_is_not_met_ends_the_run_and_keeps_the_outputs)
{
    add_gate(0.1); /* the last loss is 10 / 12 */
    cr_expect_eq(fake_run(&f), RN_EGATE);
    ran(1, 1, 0);
    cr_expect(rn_exists(fake_path(&f, "fake-1/stages/base")));
    cr_expect_eq(fake_run(&f), RN_EGATE, "a kept stage's gate is asked again");
    ran(1, 1, 0);
    add_gate(1.0);
    runs_ok();
    ran(1, 1, 1);
}

Test(engine, damaged_output_is_made_again)
{
    runs_ok();
    char *path = fake_path(&f, "fake-1/stages/data/text/part_1.txt");
    cr_assert_eq(rn_file_write(path, "hellx 1\n", 8, NULL), RN_OK); /* same size */
    runs_ok();
    ran(2, 1, 1);
}

Test(engine, slice_is_an_input_of_its_own)
{
    f.cfg[BASE].in.first = 0;
    f.cfg[BASE].in.end = 2;
    runs_ok();
    f.cfg[DATA].files = 9; /* more shards behind the slice */
    fake_rekey(&f);
    runs_ok();
    ran(2, 1, 1);
    f.cfg[BASE].in.first = 20;
    f.cfg[BASE].in.end = 30;
    cr_expect_eq(fake_run(&f), RN_ECONFIG);
}

Test(engine, selected_checkpoint_is_an_input)
{
    f.cfg[SFT].in.text = "base.step_000005";
    f.cfg[SFT].in.output = "step_000005";
    runs_ok();
    runs_ok();
    ran(1, 1, 1);
    f.cfg[SFT].in.output = "step_000006";
    cr_expect_eq(fake_run(&f), RN_ECORRUPT);
}

/* --- one writer --- */

Test(engine, second_runner_on_the_same_run_is_told_who_has_it)
{
    int ready[2], done[2];
    cr_assert(pipe(ready) == 0 && pipe(done) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rn_lock lock;
        char c = 0;
        rn_mkdirs(fake_path(&f, "fake-1"), NULL);
        if (rn_lock_take(&lock, fake_path(&f, "fake-1/.lock"), "x", NULL) != RN_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1 || read(done[0], &c, 1) != 1)
            _exit(1);
        _exit(0);
    }
    char c;
    cr_assert_eq(read(ready[0], &c, 1), 1);
    cr_expect_eq(fake_run(&f), RN_ELOCKED);
    char *who = rn_arena_printf(&f.scratch, "pid %ld", (long)pid);
    cr_expect(strstr(f.err.msg, who), "%s", f.err.msg);
    cr_assert_eq(write(done[1], "x", 1), 1);
    waitpid(pid, NULL, 0);
    runs_ok(); /* the lock went with its process */
}

/* --- checkpoints, pins and tags --- */

static int lines_in(const char *path)
{
    char *text;
    int lines = 0;
    if (rn_file_read(path, 1 << 20, &text, NULL, NULL) != RN_OK)
        return -1;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    free(text);
    return lines;
}

Test(engine, numbers_follow_a_training_that_goes_on_under_another_tag)
{
    fake_stop_at = 7;
    cr_expect_eq(fake_run(&f), RN_ESTOPPED);
    fake_stop_at = -1;
    rn_signals_reset();
    f.p.tag = "fake-2";
    f.cfg[SFT].seed = 8; /* why the tag changed; base is the same work */
    fake_rekey(&f);
    runs_ok();
    cr_expect_eq(lines_in(fake_path(&f, "fake-2/metrics/base.jsonl")), 12);
}

Test(engine, resume_from_runs_a_finished_stage_again_from_there)
{
    runs_ok();
    f.how.only = "base";
    f.how.resume_from = "step_000005";
    runs_ok();
    ran(1, 2, 1);
    f.how.only = NULL;
    cr_expect_eq(fake_run(&f), RN_EUSAGE, "everything is up to date: which stage is meant?");
    cr_expect(strstr(f.err.hint, "--from"), "%s", f.err.hint);
}

static int pin_fingerprint(const struct rn_job *job, const void *cfg, json_t *into,
                           struct rn_err *err)
{
    (void)cfg;
    (void)err;
    if (rn_exists(job->lock_path))
        json_object_set_new(into, "pin", json_string("abc"));
    return RN_OK;
}
static int (*plain_run)(struct rn_job *, const void *, struct rn_err *);
static int pin_run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    RN_TRY(rn_file_write(job->lock_path, "abc\n", 4, err));
    return plain_run(job, cfg, err);
}

Test(engine, pins_made_by_the_first_run_do_not_make_the_second_run_again)
{
    struct rn_stage pinning = *f.stages[DATA].stage;
    plain_run = pinning.run;
    pinning.run = pin_run;
    pinning.fingerprint = pin_fingerprint;
    f.stages[DATA].stage = &pinning;
    runs_ok();
    cr_expect(rn_exists(fake_path(&f, "fake-1/pins.lock")), "the run keeps its copy");
    runs_ok();
    ran(1, 1, 1);
}

Test(engine, later_stages_are_not_even_looked_at)
{
    f.cfg[SFT].in.first = 3; /* would be an error: a model is no list */
    f.cfg[SFT].in.end = 4;
    f.how.until = "base";
    runs_ok();
    ran(1, 1, 0);
}
