/* A memo saves hashing and never hides a change. */
#include "../scratch.h"
#include "memo.h"

#include "file.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char file[96], path[96];
static struct rn_memo *memo;

static void write_text(const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    cr_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* The same mtime each time, long ago. */
static void age(void)
{
    struct timespec then[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
    cr_assert_eq(utimensat(AT_FDCWD, file, then, 0), 0);
}

static void setup(void)
{
    scratch_up();
    snprintf(file, sizeof file, "%s/a", dir);
    snprintf(path, sizeof path, "%s/memo", dir);
    memo = rn_memo_open(path);
    write_text("first");
    age();
}
static void teardown(void)
{
    rn_memo_free(memo);
    scratch_down();
}
TestSuite(memo, .init = setup, .fini = teardown, .timeout = 300);

static bool is_digest_of(const char *text)
{
    char have[RN_HEX], want[RN_HEX];
    cr_assert_eq(rn_memo_sha256(memo, file, have, NULL, NULL), RN_OK);
    rn_sha256_hex(text, strlen(text), want);
    return strcmp(have, want) == 0;
}

static void save_and_open_again(void)
{
    rn_memo_save(memo);
    rn_memo_free(memo);
    memo = rn_memo_open(path);
}

/* A record that lies proves that the file itself was not read: the only way to see a hit. */
static bool believes_the_memo(void)
{
    char *text;
    size_t n;
    cr_assert_eq(rn_file_read(path, 1 << 20, &text, &n, NULL), RN_OK);
    memset(text + n - 32, 0, 32);
    char hex[RN_HEX], digit[3] = "";
    rn_sha256_hex(text + 48, n - 48, hex);
    for (int i = 0; i < 32; i++) {
        memcpy(digit, hex + 2 * i, 2);
        text[16 + i] = (char)strtol(digit, NULL, 16);
    }
    cr_assert_eq(rn_file_write(path, text, n, NULL), RN_OK);
    free(text);
    rn_memo_free(memo);
    memo = rn_memo_open(path);
    return !is_digest_of("first");
}

Test(memo, unchanged_file_is_not_read_again)
{
    cr_expect(is_digest_of("first"));
    save_and_open_again();
    cr_expect(believes_the_memo());
}

Test(memo, distrust_reads_everything)
{
    cr_expect(is_digest_of("first"));
    save_and_open_again();
    cr_expect(believes_the_memo());
    rn_memo_distrust(memo);
    cr_expect(is_digest_of("first"));
}

Test(memo, change_of_the_same_size_and_mtime_shows_in_ctime)
{
    cr_expect(is_digest_of("first"));
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* more than a tick of the clock */
    write_text("other");
    age();
    cr_expect(is_digest_of("other"));
}

Test(memo, touched_file_is_hashed_and_found_equal)
{
    cr_expect(is_digest_of("first"));
    cr_assert_eq(utimensat(AT_FDCWD, file, NULL, 0), 0);
    cr_expect(is_digest_of("first"));
}

Test(memo, file_modified_a_moment_ago_is_not_remembered)
{
    write_text("fresh");
    cr_expect(is_digest_of("fresh"));
    rn_memo_save(memo);
    cr_expect(!rn_exists(path), "there is nothing to remember");
}

Test(memo, nothing_learnt_nothing_written)
{
    cr_expect(is_digest_of("first"));
    save_and_open_again();
    struct stat before, after;
    cr_assert_eq(stat(path, &before), 0);
    cr_expect(is_digest_of("first"));
    rn_memo_save(memo);
    cr_assert_eq(stat(path, &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
}

Test(memo, two_processes_learn_and_neither_forgets)
{
    struct rn_memo *other = rn_memo_open(path);
    char hex[RN_HEX];
    cr_expect(is_digest_of("first"));
    snprintf(file, sizeof file, "%s/b", dir);
    write_text("second");
    age();
    cr_expect_eq(rn_memo_sha256(other, file, hex, NULL, NULL), RN_OK);
    rn_memo_save(other);
    rn_memo_save(memo);
    rn_memo_free(other);
    cr_expect_eq(rn_file_size(path), 48 + 72 * 2);
}

Test(memo, damaged_memo_is_an_empty_memo)
{
    static const size_t cuts[] = {0, 7, 20, 48, 60, 119};
    cr_expect(is_digest_of("first"));
    save_and_open_again();
    char *text;
    size_t n;
    cr_assert_eq(rn_file_read(path, 1 << 20, &text, &n, NULL), RN_OK);
    cr_assert_eq(n, 48 + 72);
    for (size_t i = 0; i < n; i++) { /* one bit anywhere */
        text[i] ^= 4;
        cr_assert_eq(rn_file_write(path, text, n, NULL), RN_OK);
        text[i] ^= 4;
        rn_memo_free(memo);
        memo = rn_memo_open(path);
        cr_expect(is_digest_of("first"), "bit of byte %zu", i);
    }
    for (size_t i = 0; i < RN_COUNT(cuts); i++) {
        cr_assert_eq(rn_file_write(path, text, cuts[i], NULL), RN_OK);
        rn_memo_free(memo);
        memo = rn_memo_open(path);
        cr_expect(is_digest_of("first"), "cut to %zu", cuts[i]);
    }
    free(text);
}

Test(memo, many_files_are_all_remembered)
{
    enum { FILES = 1000 };
    char name[128];
    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof file, "%s/f%d", dir, i);
        snprintf(name, sizeof name, "text %d", i);
        write_text(name);
        age();
        cr_expect(is_digest_of(name));
    }
    save_and_open_again();
    cr_expect_eq(rn_file_size(path), 48 + 72 * FILES);
    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof file, "%s/f%d", dir, i);
        snprintf(name, sizeof name, "text %d", i);
        cr_expect(is_digest_of(name));
    }
}

Test(memo, missing_file_is_an_error_and_a_missing_memo_is_none)
{
    char hex[RN_HEX];
    size_t size_bytes;
    struct rn_err err = {0};
    cr_expect_neq(rn_memo_sha256(memo, "/nonexistent/file", hex, NULL, &err), RN_OK);
    cr_expect_eq(rn_memo_sha256(NULL, file, hex, &size_bytes, &err), RN_OK);
    cr_expect_eq(size_bytes, 5);
}
