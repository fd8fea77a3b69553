/* Who holds a lock: the kernel says so where it can, the owner's record elsewhere. */
#define _GNU_SOURCE
#include "../scratch.h"
#include "lock.h"

#include "clock.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[96];
static pid_t other; /* a living process */

static void setup(void)
{
    scratch_up();
    snprintf(path, sizeof path, "%s/.lock", dir);
    other = fork();
    if (other == 0) {
        pause();
        _exit(0);
    }
}
static void teardown(void)
{
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    scratch_down();
}
TestSuite(lock, .init = setup, .fini = teardown, .timeout = 300);

static long long start_of(pid_t pid)
{
    char proc[64], text[1024], *p;
    snprintf(proc, sizeof proc, "/proc/%d/stat", (int)pid);
    text[rn_file_head(proc, text, sizeof text - 1)] = '\0';
    p = strrchr(text, ')');
    for (int field = 2; field < 22; field++)
        p = strchr(p + 1, ' ');
    return strtoll(p, NULL, 10);
}

static const char *this_boot(void)
{
    static char boot[48];
    boot[rn_file_head("/proc/sys/kernel/random/boot_id", boot, sizeof boot - 1)] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    return boot;
}

static const char *this_host(void)
{
    static char host[128];
    gethostname(host, sizeof host - 1);
    return host;
}

/* What an owner wrote that holds no lock of the kernel's. */
static void leave_record(const char *host, const char *boot, pid_t pid, long long start,
                         double beat_ago_s)
{
    json_t *doc = json_pack("{s:s, s:s, s:I, s:I, s:f, s:f}", "host", host, "boot", boot, "pid",
                            (json_int_t)pid, "start", (json_int_t)start, "since", rn_time_s() - 600,
                            "beat", rn_time_s() - beat_ago_s);
    cr_assert_eq(rn_json_write(path, doc, NULL), RN_OK);
    json_decref(doc);
}

static int take(struct rn_lock *lock)
{
    struct rn_err err = {0};
    int rc = rn_lock_take(lock, path, "run 'smoke'", &err);
    cr_expect(rc == RN_OK || strstr(err.msg, "run 'smoke' is in use by pid"), "%s", err.msg);
    return rc;
}

Test(lock, is_held_once_and_says_by_whom_since_when_and_where)
{
    struct rn_lock a, b;
    char owner[192], mine[192];
    cr_expect(!rn_lock_held(path, NULL, 0));
    cr_assert_eq(take(&a), RN_OK);
    cr_expect_str_eq(a.took_over, "");
    cr_expect(rn_lock_held(path, owner, sizeof owner));
    snprintf(mine, sizeof mine, "pid %d on %s since ", (int)getpid(), this_host());
    cr_expect(rn_starts_with(owner, mine), "%s", owner);
    cr_expect_eq(take(&b), RN_ELOCKED, "another open file of one process");
    rn_lock_release(&a);
    cr_expect(!rn_lock_held(path, NULL, 0));
    cr_expect(!rn_exists(path), "nothing is left");
    cr_assert_eq(take(&b), RN_OK);
    rn_lock_release(&b);
}

Test(lock, ends_with_its_process_however_that_ends)
{
    struct rn_lock lock;
    pid_t pid = fork();
    if (pid == 0) {
        rn_lock_take(&lock, path, "it", NULL);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    cr_expect(rn_exists(path));
    cr_expect(!rn_lock_held(path, NULL, 0));
    cr_assert_eq(take(&lock), RN_OK);
    char was[64];
    snprintf(was, sizeof was, "pid %d on", (int)pid);
    cr_expect(rn_starts_with(lock.took_over, was), "%s", lock.took_over);
    rn_lock_release(&lock);
}

Test(lock, is_shared_by_children_that_outlive_the_owner)
{
    struct rn_lock lock;
    int gone[2];
    cr_assert_eq(pipe(gone), 0);
    pid_t pid = fork();
    if (pid == 0) {
        rn_lock_take(&lock, path, "it", NULL);
        if (fork() == 0) { /* a stage */
            char c;
            close(gone[1]);
            _exit(read(gone[0], &c, 1) < 0);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    cr_expect(rn_lock_held(path, NULL, 0), "the stage still writes");
    cr_expect_eq(take(&lock), RN_ELOCKED);
    close(gone[1]);
    for (int tries = 0; rn_lock_held(path, NULL, 0) && tries < 400; tries++)
        usleep(5000);
    cr_expect_eq(take(&lock), RN_OK);
    rn_lock_release(&lock);
}

/* The kernel grants the lock in all of these: what a network file system does that lies. */
Test(lock, record_decides_where_the_kernel_grants_to_everybody)
{
    static const char other_boot[] = "00000000-0000-0000-0000-000000000000";
    const struct {
        const char *what, *host, *boot;
        pid_t pid;
        long long start_off;
        double beat_ago_s;
        int rc;
    } cases[] = {
        {"a living process of this boot", this_host(), this_boot(), other, 0, 9999, RN_ELOCKED},
        {"its pid, with another start: another process", this_host(), this_boot(), other, 1, 0,
         RN_OK},
        {"a pid that is gone", this_host(), this_boot(), 0x3ffffffe, 0, 0, RN_OK},
        {"another boot of this host", this_host(), other_boot, other, 0, 0, RN_OK},
        {"another host that beat just now", "elsewhere", other_boot, 1, 0, 5, RN_ELOCKED},
        {"another host that fell silent", "elsewhere", other_boot, 1, 0, RN_LOCK_PATIENCE_S + 1,
         RN_OK},
        {"another name of this boot", "container", this_boot(), other, 0, 0, RN_ELOCKED},
    };
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        struct rn_lock lock;
        leave_record(cases[i].host, cases[i].boot, cases[i].pid,
                     start_of(other) + cases[i].start_off, cases[i].beat_ago_s);
        cr_expect_eq(rn_lock_held(path, NULL, 0), cases[i].rc != RN_OK, "%s", cases[i].what);
        cr_expect_eq(take(&lock), cases[i].rc, "%s", cases[i].what);
        cr_expect_eq(*lock.took_over != '\0', cases[i].rc == RN_OK, "%s", cases[i].what);
        rn_lock_release(&lock);
    }
}

Test(lock, damaged_record_names_nobody_and_stops_nobody)
{
    static const char *const texts[] = {"", "{", "[]", "{\"pid\":\"x\"}", "{\"pid\":-5}"};
    for (size_t i = 0; i < RN_COUNT(texts); i++) {
        struct rn_lock lock;
        cr_assert_eq(rn_file_write(path, texts[i], strlen(texts[i]), NULL), RN_OK);
        cr_expect_eq(take(&lock), RN_OK, "'%s'", texts[i]);
        rn_lock_release(&lock);
    }
}

Test(lock, beat_is_renewed_when_it_is_time)
{
    struct rn_lock lock;
    cr_assert_eq(take(&lock), RN_OK);
    double first_s = lock.beat_s;
    rn_lock_beat(&lock);
    cr_expect_eq(lock.beat_s, first_s, "too early: no write");
    lock.beat_s -= RN_LOCK_BEAT_S;
    rn_lock_beat(&lock);
    cr_expect_geq(lock.beat_s, first_s);
    rn_lock_release(&lock);
    rn_lock_beat(&lock); /* not held: nothing happens */
}

Test(lock, release_leaves_alone_what_another_made)
{
    struct rn_lock lock;
    cr_assert_eq(take(&lock), RN_OK);
    unlink(path);
    cr_assert_eq(rn_file_write(path, "another's", 9, NULL), RN_OK);
    rn_lock_release(&lock);
    cr_expect(rn_exists(path));
}
