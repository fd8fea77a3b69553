/* Full buffers reach their files whole, in order, and a failure is told once and for all. */
#include "behind.h"
#include "file.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct rn_io system_io;

static void up(void)
{
    system_io = rn_io;
    snprintf(path, sizeof path, "/tmp/runnel-behind-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void down(void)
{
    rn_io = system_io;
    unlink(path);
}

TestSuite(behind, .init = up, .fini = down, .timeout = 300);

static ssize_t fail_to_write(int fd, const void *bytes, size_t n)
{
    (void)fd, (void)bytes, (void)n;
    errno = ENOSPC;
    return -1;
}

/* Buffers of one letter each: "aaa..bbb..". */
static int put_letters(struct rn_behind *b, struct rn_drain *d, int count)
{
    int failed = 0;
    for (int i = 0; i < count; i++) {
        unsigned char *buf = rn_behind_buffer(b);
        memset(buf, 'a' + i % 26, RN_BEHIND_BYTES);
        failed = rn_behind_put(b, d, buf);
    }
    return failed;
}

Test(behind, more_buffers_than_may_be_under_way_arrive_in_order)
{
    enum { MANY = 100 };
    char streamed[RN_HEX], stored[RN_HEX], expected[RN_HEX];
    size_t size_bytes;
    struct rn_sha256 sha, whole;
    rn_sha256_init(&sha);
    rn_sha256_init(&whole);
    FILE *f = fopen(path, "w");
    struct rn_behind *b = rn_behind_new();
    struct rn_drain d = {.fd = fileno(f), .sha = &sha};
    cr_expect_eq(put_letters(b, &d, MANY), 0);
    cr_assert_eq(rn_behind_settle(b, &d), 0);
    rn_sha256_done(&sha, streamed);
    cr_assert_eq(rn_sha256_file(path, stored, &size_bytes, NULL), RN_OK);
    cr_expect_eq(size_bytes, (size_t)MANY * RN_BEHIND_BYTES);
    cr_expect_str_eq(streamed, stored);
    unsigned char *buf = rn_behind_buffer(b);
    for (int i = 0; i < MANY; i++) {
        memset(buf, 'a' + i % 26, RN_BEHIND_BYTES);
        rn_sha256_add(&whole, buf, RN_BEHIND_BYTES);
    }
    rn_behind_take_back(b, buf);
    rn_sha256_done(&whole, expected);
    cr_expect_str_eq(stored, expected);
    fclose(f);
    rn_behind_free(b);
}

Test(behind, a_full_disk_is_told_while_buffers_still_come)
{
    struct rn_sha256 sha;
    char ignored[RN_HEX];
    rn_sha256_init(&sha);
    rn_io.write = fail_to_write;
    struct rn_behind *b = rn_behind_new();
    struct rn_drain d = {.fd = 1, .sha = &sha};
    put_letters(b, &d, 40); /* more than may be under way: the first has failed by now */
    cr_expect_eq(put_letters(b, &d, 1), ENOSPC);
    cr_expect_eq(rn_behind_settle(b, &d), ENOSPC);
    rn_behind_free(b);
    rn_sha256_done(&sha, ignored);
}

Test(behind, what_was_not_used_is_given_back)
{
    struct rn_behind *b = rn_behind_new();
    unsigned char *buf = rn_behind_buffer(b);
    rn_behind_take_back(b, buf);
    cr_expect_eq(rn_behind_buffer(b), buf);
    rn_behind_take_back(b, buf);
    rn_behind_take_back(b, NULL);
    rn_behind_free(b);
}
