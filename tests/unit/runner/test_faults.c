/* Kills and failing disks: whatever breaks, what has a final name is whole, and the same command
 * ends with the bytes of an unbroken run. */
#include "fake.h"

#include "file.h"
#include "journal.h"
#include "signals.h"
#include "str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct faults {
    _Atomic long calls; /* of write, fsync and rename together, by the runner and its stages */
    long break_at;      /* 0: never */
    int error;          /* errno to fail with; 0: the runner and its stages are killed */
    pid_t runner;
} * faults;

static bool breaks(void)
{
    if (++faults->calls != faults->break_at)
        return false;
    if (!faults->error) {
        kill(faults->runner, SIGKILL);
        kill(getpid(), SIGKILL);
    }
    errno = faults->error;
    return true;
}
static ssize_t faulty_write(int fd, const void *bytes, size_t n)
{
    if (breaks()) {
        if (n > 1 && write(fd, bytes, n / 2) < 0) /* torn */
            abort();
        errno = faults->error;
        return -1;
    }
    return write(fd, bytes, n);
}
static int faulty_fsync(int fd)
{
    (void)fd; /* the machine stays up: no need to wait for its disk */
    return breaks() ? -1 : 0;
}
static int faulty_rename(const char *from, const char *to)
{
    return breaks() ? -1 : rename(from, to);
}

static struct fake f;
static char *unbroken;

static void fresh(void)
{
    fake_release(&f);
    fake_init(&f);
    f.cfg[BASE].steps = 4;
    f.cfg[BASE].every = 2;
    f.cfg[SFT].steps = 2;
    fake_rekey(&f);
}
static void setup(void)
{
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(faults, MAP_FAILED);
    rn_io = (struct rn_io){faulty_write, faulty_fsync, faulty_rename};
    faults->break_at = 0;
    fresh();
    faults->calls = 0;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    unbroken = rn_xdup(fake_tree(&f, ".store"));
}
static void teardown(void)
{
    fake_release(&f);
    free(unbroken);
}
TestSuite(faults, .init = setup, .fini = teardown, .timeout = 300); /* sanitizers fork slowly */

/* Everything with a final name verifies. */
static void store_is_sound(long at)
{
    DIR *d = opendir(fake_path(&f, ".store"));
    for (struct dirent *e; d && (e = readdir(d));) {
        struct rn_stored *entry = NULL;
        if (strchr(e->d_name, '.'))
            continue;
        int rc =
            rn_store_load_dir(&entry, fake_path(&f, ".store/%s", e->d_name), RN_VERIFY_HASH, NULL);
        cr_assert_eq(rc, RN_OK, "%s is broken after call %ld", e->d_name, at);
        rn_stored_free(entry);
    }
    if (d)
        closedir(d);
}

/* True if the runner was killed. */
static bool killed_in_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        faults->runner = getpid();
        _exit(fake_run(&f) == RN_OK ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

Test(faults, killed_at_any_call_the_same_command_ends_with_the_same_store)
{
    long calls = faults->calls, killed = 0;
    for (long at = 1; at <= calls; at++) {
        fresh();
        faults->calls = 0;
        faults->break_at = at;
        killed += killed_in_child();
        faults->break_at = 0;
        store_is_sound(at);
        cr_assert_eq(fake_run(&f), RN_OK, "after call %ld: %s", at, f.err.msg);
        char *tree = fake_tree(&f, ".store");
        cr_assert(strcmp(tree, unbroken) == 0, "after call %ld:\n%s\nunbroken:\n%s", at, tree,
                  unbroken);
    }
    cr_expect_eq(killed, calls);
    cr_expect_gt(calls, 100);
}

static void remove_work_lines(char *tree)
{
    char *to = tree;
    for (char *line = tree, *end; *line; line = end) {
        end = line + strcspn(line, "\n") + 1;
        if (!strstr(line, ".work/") || strstr(line, ".work/") > end) {
            memmove(to, line, (size_t)(end - line));
            to += end - line;
        }
    }
    *to = '\0';
}

Test(faults, failing_calls_end_the_run_with_their_reason_and_lose_nothing)
{
    long calls = faults->calls;
    remove_work_lines(unbroken); /* a lost line of metrics shows in a checkpoint's offset */
    for (long at = 1; at <= calls; at++) {
        fresh();
        faults->calls = 0;
        faults->break_at = at;
        faults->error = at % 2 ? ENOSPC : EIO;
        int rc = fake_run(&f);
        cr_expect(rc == RN_OK || rc == (at % 2 ? RN_ENOSPACE : RN_EIO), "call %ld: %d %s", at, rc,
                  f.err.msg);
        faults->break_at = 0;
        store_is_sound(at);
        cr_assert_eq(fake_run(&f), RN_OK, "after call %ld: %s", at, f.err.msg);
        char *tree = fake_tree(&f, ".store");
        remove_work_lines(tree);
        cr_assert_str_eq(tree, unbroken, "after call %ld", at);
    }
    faults->error = 0;
}

Test(faults, plan_and_its_readers_leave_every_byte_as_it_is)
{
    char *before = fake_tree(&f, "..");
    f.cfg[SFT].seed = 5;
    fake_rekey(&f);
    faults->calls = 0;
    struct rn_plan plan;
    fake_plan(&f, &plan);
    cr_expect_eq(plan.nodes[BASE].action, RN_ACT_KEEP);
    cr_expect_eq(plan.nodes[SFT].action, RN_ACT_RUN);
    cr_expect_str_eq(plan.nodes[SFT].reason, "seed 7 -> 5");
    rn_plan_release(&plan);
    cr_expect_eq(faults->calls, 0);
    cr_expect_str_eq(fake_tree(&f, ".."), before);
    fresh();
    fake_plan(&f, &plan);
    cr_expect_str_eq(plan.nodes[DATA].reason, "never run");
    cr_expect_str_eq(plan.nodes[SFT].reason, "after base");
    rn_plan_release(&plan);
    cr_expect(!rn_exists(f.runs), "planning makes no folder");
}

static json_t *journal_after_a_run_on(const char *tail)
{
    char *path = fake_path(&f, "fake-1/journal.jsonl");
    json_t *before = rn_journal_read(path);
    int fd = open(path, O_WRONLY | O_APPEND);
    cr_assert_gt(fd, 0);
    cr_assert_eq(write(fd, tail, strlen(tail)), (ssize_t)strlen(tail));
    close(fd);
    json_t *after = rn_journal_read(path);
    cr_expect(json_equal(before, after), "what is torn or has no sum does not count");
    json_decref(before);
    json_decref(after);
    cr_assert_eq(fake_run(&f), RN_OK);
    return rn_journal_read(path);
}

Test(faults, torn_and_damaged_journal_lines_are_passed_over)
{
    json_t *before = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    json_t *after = journal_after_a_run_on("{\"event\":\"do");
    cr_expect_eq(json_array_size(after), json_array_size(before) + 1, "the next line begins anew");
    json_decref(before);
    before = after;
    after = journal_after_a_run_on("{\"event\":\"done\",\"stage\":\"sft\"}\n{\"event\":\"do");
    cr_expect(json_equal(before, after), "damage is left out, and nothing else had to be written");
    json_decref(after);
    json_decref(before);
}

/* --- consent --- */

static void record_cost(double wall_s)
{
    struct rn_plan plan;
    struct rn_journal j;
    fake_plan(&f, &plan);
    cr_assert_eq(rn_journal_open(&j, fake_path(&f, "fake-1/journal.jsonl"), NULL), RN_OK);
    cr_assert_eq(
        rn_journal_add(&j,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:f}", "event", "done", "stage", "base",
                                 "kind", "train", "progress", plan.nodes[BASE].keys.progress, "out",
                                 plan.nodes[BASE].keys.out, "wall_s", wall_s),
                       NULL),
        RN_OK);
    rn_journal_close(&j);
    rn_plan_release(&plan);
}

Test(faults, costly_work_is_put_aside_only_with_consent)
{
    static const char *const base[] = {"base", NULL};
    f.how.force = base;
    record_cost(60);
    cr_expect_eq(fake_run(&f), RN_OK, "a minute is cheap");
    record_cost(7200);
    cr_expect_eq(fake_run(&f), RN_EUSAGE);
    cr_expect(strstr(f.err.hint, "--yes=base"), "%s", f.err.hint);
    f.how.yes = base;
    cr_expect_eq(fake_run(&f), RN_OK);
    f.how.yes = f.how.force = NULL;
    f.cfg[BASE].seed = 8; /* the tag stays: what it stood for would be another's */
    fake_rekey(&f);
    cr_expect_eq(fake_run(&f), RN_EUSAGE);
}

Test(faults, killed_attempt_gets_its_end_in_the_journal)
{
    fresh();
    faults->calls = 0;
    faults->break_at = 60;
    cr_assert(killed_in_child());
    faults->break_at = 0;
    cr_assert_eq(fake_run(&f), RN_OK);
    json_t *records = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    size_t ended = 0;
    for (size_t i = 0; i < json_array_size(records); i++)
        ended += strcmp(rn_json_str(json_array_get(records, i), "event", ""), "interrupted") == 0;
    cr_expect_eq(ended, 1);
    json_decref(records);
}
