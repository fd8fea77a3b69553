/* Stages in processes of their own: what happens when one dies, and when several run. */
#include "fake.h"

#include "file.h"
#include "journal.h"
#include "lock.h"
#include "signals.h"
#include "str.h"

#include <criterion/criterion.h>
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
TestSuite(scheduler, .init = setup, .fini = teardown, .timeout = 300);

static void runs_ok(void)
{
    int rc = fake_run(&f);
    cr_assert_eq(rc, RN_OK, "%s", f.err.msg);
}

static const char *last_word(const char *stage, const char *event, const char *key)
{
    json_t *records = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    const json_t *r = rn_journal_last(records, stage, event);
    const char *word = rn_arena_dup(&f.scratch, rn_json_str(r, key, ""));
    json_decref(records);
    return word;
}

/* base and sft both need data only. */
static void fork_the_graph(void)
{
    f.cfg[SFT].in = f.cfg[BASE].in;
    f.edges[SFT][0] = f.edges[BASE][0];
    f.edges[SFT][0].ref = &f.cfg[SFT].in;
    f.cfg[SFT].seed = 8;
    fake_rekey(&f);
}

/* --- a stage that dies takes nothing with it --- */

Test(scheduler, crash_of_a_stage_is_told_with_its_signal_and_the_run_can_go_on)
{
    f.cfg[BASE].trouble = FAKE_SEGFAULTS;
    *fake_patience = 1;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect(strstr(f.err.msg, "SIGSEGV"), "%s", f.err.msg);
    cr_expect_str_eq(last_word("base", "failed", "signal"), "SIGSEGV");
    cr_expect(!rn_exists(fake_path(&f, "fake-1/.lock")));
    runs_ok();
    cr_expect_eq(fake_runs[BASE], 2);
}

Test(scheduler, killed_stage_is_told_with_what_it_may_have_been)
{
    f.cfg[BASE].trouble = FAKE_IS_KILLED;
    *fake_patience = 1;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(last_word("base", "failed", "signal"), "SIGKILL");
    cr_expect(strstr(f.err.hint, "memory"), "%s", f.err.hint);
    runs_ok();
}

Test(scheduler, error_of_a_stage_keeps_its_code_words_and_place)
{
    f.cfg[BASE].trouble = FAKE_FAILS;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(f.err.msg, "loss is not finite");
    cr_expect_str_eq(f.err.path, "data.txt");
    cr_expect_eq(f.err.line, 7);
}

/* Starts the run in a process of its own and waits until base is at work. */
static pid_t run_elsewhere(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(rn_code_exit((enum rn_code)fake_run(&f)));
    for (int ms = 0; ms < 5000 && *fake_patience > 0; ms++)
        usleep(1000);
    cr_assert_leq(*fake_patience, 0, "base never got to its trouble");
    return pid;
}

static int status_of(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(scheduler, killed_runner_takes_its_stage_along_and_the_next_waits_for_that)
{
    f.cfg[BASE].trouble = FAKE_HANGS;
    *fake_patience = 1;
    pid_t runner = run_elsewhere();
    kill(runner, SIGKILL);
    cr_expect_eq(status_of(runner), -SIGKILL);
    runs_ok(); /* would end with RN_ELOCKED if the orphan lived */
    cr_expect_eq(fake_runs[BASE], 2);
}

Test(scheduler, first_signal_lets_the_stage_end_well_second_ends_everything)
{
    f.cfg[BASE].trouble = FAKE_HANGS_WELL;
    *fake_patience = 1;
    pid_t runner = run_elsewhere();
    kill(runner, SIGINT);
    cr_expect_eq(status_of(runner), 75);
    cr_expect(*last_word("base", "interrupted", "message"));
    f.cfg[BASE].trouble = FAKE_HANGS;
    f.cfg[BASE].steps = 20; /* a new half time */
    fake_rekey(&f);
    *fake_patience = 1;
    runner = run_elsewhere();
    kill(runner, SIGTERM);
    usleep(20000);
    kill(runner, SIGTERM);
    cr_expect_eq(status_of(runner), 130);
    f.cfg[BASE].trouble = 0;
    runs_ok();
}

/* SIGTERM in the moment in which the runner writes down that base starts: before the fork. */
static pid_t signalled;
static int signal_at_start_of_base(int fd)
{
    static bool sent;
    (void)fd;
    if (!sent && getpid() == signalled && *last_word("base", "started", "stage")) {
        sent = true;
        raise(SIGTERM);
    }
    return 0;
}

Test(scheduler, signal_while_a_stage_is_being_started_reaches_the_stage)
{
    f.cfg[BASE].trouble = FAKE_HANGS_WELL;
    *fake_patience = 1;
    signalled = getpid();
    rn_io.fsync = signal_at_start_of_base;
    cr_expect_eq(fake_run(&f), RN_ESTOPPED, "%s", f.err.msg);
    cr_expect(*last_word("base", "interrupted", "message"));
}

/* --- side by side --- */

Test(scheduler, independent_stages_run_side_by_side_with_the_same_result)
{
    fork_the_graph();
    runs_ok();
    char *one_by_one = rn_xdup(fake_tree(&f, ".store"));
    rn_remove_tree(f.runs, NULL);
    f.how.jobs = 2;
    f.cfg[BASE].meets = f.cfg[SFT].meets = 2;
    runs_ok();
    cr_expect_str_eq(fake_tree(&f, ".store"), one_by_one);
    free(one_by_one);
}

Test(scheduler, one_job_runs_one_stage)
{
    fork_the_graph();
    f.cfg[BASE].meets = f.cfg[SFT].meets = 2;
    f.cfg[BASE].in_vain = true;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(f.err.msg, "nobody else came");
}

Test(scheduler, two_stages_that_do_the_same_work_take_turns)
{
    fork_the_graph();
    f.cfg[SFT].seed = 7; /* as base, but half as many steps */
    fake_rekey(&f);
    f.how.jobs = 2;
    runs_ok();
    cr_expect_eq(fake_runs[BASE] + fake_runs[SFT], 2);
}

Test(scheduler, failure_lets_the_others_end_well_and_gives_its_code)
{
    fork_the_graph();
    f.how.jobs = 2;
    f.cfg[BASE].meets = f.cfg[SFT].meets = 2;
    f.cfg[BASE].trouble = FAKE_HANGS_WELL; /* until it is asked */
    f.cfg[SFT].trouble = FAKE_FAILS;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(f.err.msg, "loss is not finite");
    cr_expect(*last_word("base", "interrupted", "message"), "it saved and stopped");
}

Test(scheduler, keep_going_makes_what_does_not_need_the_failed_stage)
{
    fork_the_graph();
    f.how.keep_going = true;
    f.cfg[BASE].trouble = FAKE_FAILS;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect(rn_exists(fake_path(&f, "fake-1/stages/sft")));
    cr_expect(!rn_exists(fake_path(&f, "fake-1/stages/base")));
    f.cfg[BASE].trouble = 0;
    runs_ok();
    cr_expect_eq(fake_runs[SFT], 1);
}

Test(scheduler, background_stage_takes_no_slot_and_fails_the_run_only_at_its_end)
{
    f.edges[BASE][0] = (struct rn_edge){0}; /* base needs nothing; sft needs base */
    f.stages[BASE].n_edges = 0;
    f.cfg[BASE].in = (struct rn_ref){0};
    f.stages[DATA].background = true;
    f.cfg[DATA].meets = f.cfg[BASE].meets = 2;
    runs_ok();
    f.cfg[DATA].files = 0; /* nothing made: an error */
    f.cfg[DATA].meets = f.cfg[BASE].meets = 0;
    f.cfg[SFT].seed = 99;
    fake_rekey(&f);
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_eq(fake_runs[SFT], 2, "the rest was made");
}

/* --- files that arrive while the stage works --- */

static void stream(int64_t announced, int64_t needed)
{
    f.stages[DATA].background = true;
    f.cfg[DATA].announces = announced;
    f.cfg[BASE].in.first = 0;
    f.cfg[BASE].in.end = needed;
}

Test(scheduler, consumer_of_a_slice_starts_when_its_files_are_there)
{
    f.cfg[BASE].in.end = 2;
    runs_ok();
    char *in_turn = rn_xdup(fake_tree(&f, ".store"));
    rn_remove_tree(f.runs, NULL);
    stream(2, 2);
    f.cfg[DATA].meets = f.cfg[BASE].meets = 2; /* neither ends before the other has begun */
    runs_ok();
    cr_expect_str_eq(fake_tree(&f, ".store"), in_turn, "timing leaves no trace");
    f.cfg[DATA].meets = f.cfg[BASE].meets = 0;
    runs_ok();
    cr_expect_eq(fake_runs[DATA] + fake_runs[BASE], 4, "and the next run keeps everything");
    free(in_turn);
}

Test(scheduler, consumer_of_more_than_arrived_waits_for_the_end)
{
    stream(2, 3);
    f.cfg[DATA].meets = f.cfg[BASE].meets = 2;
    f.cfg[DATA].in_vain = true;
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(f.err.msg, "nobody else came");
}

Test(scheduler, failure_in_the_background_loses_nothing_that_did_not_need_the_rest)
{
    stream(2, 2);
    f.cfg[DATA].meets = 3;
    f.cfg[DATA].in_vain = true; /* it fails after its second file */
    cr_expect_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(f.err.msg, "nobody else came");
    cr_expect(rn_exists(fake_path(&f, "fake-1/stages/sft")), "made from the first two files");
    f.cfg[DATA].meets = 0;
    runs_ok();
    cr_expect_eq(fake_runs[BASE], 1);
}
