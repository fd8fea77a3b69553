/* The journal after kills, damage, years of runs and a disk that fails. */
#include "../scratch.h"
#include "journal.h"

#include "file.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[96];

static void setup(void)
{
    scratch_up();
    snprintf(path, sizeof path, "%s/journal.jsonl", dir);
}
static void teardown(void)
{
    scratch_down();
}
TestSuite(journal, .init = setup, .fini = teardown, .timeout = 300);

static struct rn_journal opened(void)
{
    struct rn_journal j;
    struct rn_err err = {0};
    cr_assert_eq(rn_journal_open(&j, path, &err), RN_OK, "%s", err.msg);
    return j;
}

static int add(struct rn_journal *j, const char *event, const char *stage, const char *out,
               double wall_s)
{
    return rn_journal_add(j,
                          json_pack("{s:s, s:s, s:s, s:s, s:f}", "event", event, "stage", stage,
                                    "out", out, "progress", out, "wall_s", wall_s),
                          NULL);
}

static void write_three(void)
{
    struct rn_journal j = opened();
    static const char *const events[] = {"started", "done", "kept"};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(add(&j, events[i], "base", "k1", 1), RN_OK);
    rn_journal_close(&j);
}

static size_t count(size_t *damaged)
{
    json_t *records;
    cr_assert_eq(rn_journal_load(&records, damaged, path, NULL), RN_OK);
    size_t n = json_array_size(records);
    json_decref(records);
    return n;
}

Test(journal, torn_anywhere_in_the_last_line_loses_that_line_alone)
{
    write_three();
    char *text;
    size_t n, damaged;
    cr_assert_eq(rn_file_read(path, 1 << 20, &text, &n, NULL), RN_OK);
    size_t last = n - 1;
    while (text[last - 1] != '\n')
        last--;
    for (size_t cut = last; cut < n; cut++) {
        cr_assert_eq(rn_file_write(path, text, cut, NULL), RN_OK);
        cr_expect_eq(count(&damaged), 2);
        cr_expect_eq(damaged, 0, "a torn tail is no damage");
        struct rn_journal j = opened();
        cr_expect_eq(add(&j, "run", "", "", 0), RN_OK);
        rn_journal_close(&j);
        cr_expect_eq(count(&damaged), 3);
        cr_expect_eq(damaged, 0, "cut at %zu", cut);
    }
    free(text);
}

Test(journal, damaged_bit_loses_one_line_and_is_counted)
{
    write_three();
    char *text;
    size_t n, damaged;
    cr_assert_eq(rn_file_read(path, 1 << 20, &text, &n, NULL), RN_OK);
    size_t end = (size_t)(strchr(text, '\n') - text);
    for (size_t bit = 0; bit < end * 8; bit += 7) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        bool newline = text[bit / 8] == '\n';
        cr_assert_eq(rn_file_write(path, text, n, NULL), RN_OK);
        cr_expect_eq(count(&damaged), 2, "bit %zu", bit);
        cr_expect_eq(damaged, newline ? 2 : 1);
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    struct rn_journal j = opened();
    cr_expect_eq(j.damaged, 1);
    rn_journal_close(&j);
    free(text);
}

Test(journal, what_is_no_file_is_an_error_and_not_an_empty_journal)
{
    struct rn_err err = {0};
    struct rn_journal j;
    cr_assert_eq(rn_mkdirs(path, NULL), RN_OK);
    cr_expect_neq(rn_journal_open(&j, path, &err), RN_OK);
    cr_expect(*err.msg);
    json_t *records = rn_journal_read(path);
    cr_expect_eq(json_array_size(records), 0);
    json_decref(records);
}

/* --- growing --- */

static ino_t inode(void)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static int no_wait(int fd)
{
    (void)fd; /* thousands of lines: the disk may take its time */
    return 0;
}

static void write_years(void)
{
    rn_io.fsync = no_wait;
    struct rn_journal j = opened();
    cr_assert_eq(
        rn_journal_add(&j, json_pack("{s:s, s:[s]}", "event", "run", "stages", "base"), NULL),
        RN_OK);
    for (int i = 0; i < 1500; i++) {
        cr_assert_eq(add(&j, "started", "base", i % 2 ? "odd" : "even", 0), RN_OK);
        cr_assert_eq(add(&j, i % 10 ? "done" : "failed", "base", i % 2 ? "odd" : "even", 0.5),
                     RN_OK);
    }
    rn_journal_close(&j);
}

Test(journal, grown_long_is_made_short_and_still_knows_what_counts)
{
    write_years();
    json_t *before = rn_journal_read(path);
    struct rn_journal j = opened();
    rn_journal_close(&j);
    json_t *after = rn_journal_read(path);
    cr_expect_leq(json_array_size(after), 12);
    static const char *const events[] = {"started", "done", "failed", "started|done|failed"};
    for (size_t i = 0; i < RN_COUNT(events); i++)
        cr_expect(json_equal(rn_journal_last(before, "base", events[i]),
                             rn_journal_last(after, "base", events[i])),
                  "%s", events[i]);
    cr_expect_float_eq(rn_journal_spent(after, "odd"), 750 * 0.5, 1e-6);
    cr_expect_float_eq(rn_journal_spent(after, "even"), 750 * 0.5, 1e-6);
    cr_expect(json_equal(json_array_get(before, 0), json_array_get(after, 0)), "when it began");
    json_t *stages = rn_journal_stages(after);
    cr_expect_eq(json_array_size(stages), 1);
    ino_t short_one = inode();
    j = opened();
    rn_journal_close(&j);
    cr_expect_eq(inode(), short_one, "a short one stays");
    json_decref(stages);
    json_decref(after);
    json_decref(before);
}

Test(journal, damage_is_left_out_once_and_kept_aside)
{
    size_t damaged;
    char *aside = rn_xprintf("%s.damaged", path), *text;
    write_three();
    cr_assert_eq(rn_file_read(path, 1 << 20, &text, NULL, NULL), RN_OK);
    memcpy(strchr(text, '\n') + 3, "XXXX", 4);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    struct rn_journal j = opened();
    cr_expect_eq(j.damaged, 1);
    cr_expect_eq(add(&j, "done", "mid", "k2", 0), RN_OK);
    rn_journal_close(&j);
    cr_expect_eq(count(&damaged), 3);
    cr_expect_eq(damaged, 0, "a second opening has nothing to tell");
    char *kept;
    cr_assert_eq(rn_file_read(aside, 1 << 20, &kept, NULL, NULL), RN_OK);
    cr_expect_str_eq(kept, text);
    free(kept);
    free(text);
    free(aside);
}

Test(journal, what_cannot_be_looked_at_is_no_empty_journal)
{
    json_t *records;
    size_t damaged;
    cr_assert_eq(symlink("journal.jsonl", path), 0); /* leads to itself */
    cr_expect_eq(rn_journal_load(&records, &damaged, path, NULL), RN_EIO);
    json_decref(records);
}

/* --- a failing disk --- */

static int failing_fsync(int fd)
{
    (void)fd;
    rn_io.fsync = fsync; /* once */
    errno = EIO;
    return -1;
}
static ssize_t torn_write(int fd, const void *bytes, size_t n)
{
    ssize_t got = write(fd, bytes, n / 2);
    rn_io.write = write;
    errno = ENOSPC;
    return got < 0 ? got : -1;
}

Test(journal, failed_fsync_is_not_tried_again_on_the_same_file)
{
    size_t damaged;
    write_three();
    ino_t old = inode();
    struct rn_journal j = opened();
    rn_io.fsync = failing_fsync;
    cr_expect_eq(add(&j, "started", "mid", "k2", 0), RN_OK, "in a new file it is safe");
    cr_expect_neq(inode(), old);
    cr_expect_eq(add(&j, "done", "mid", "k2", 0), RN_OK);
    rn_journal_close(&j);
    cr_expect_eq(count(&damaged), 5);
    cr_expect_eq(damaged, 0);
}

Test(journal, failed_write_is_an_error_and_the_next_line_is_whole)
{
    size_t damaged;
    struct rn_err err = {0};
    write_three();
    struct rn_journal j = opened();
    rn_io.write = torn_write;
    cr_expect_eq(rn_journal_add(&j, json_pack("{s:s}", "event", "run"), &err), RN_ENOSPACE);
    cr_expect_eq(add(&j, "failed", "base", "k1", 0), RN_OK);
    rn_journal_close(&j);
    cr_expect_eq(count(&damaged), 4);
    cr_expect_eq(damaged, 0);
}
