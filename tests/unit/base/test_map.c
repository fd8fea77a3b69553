/* Mapped files: what is in them, also if that is nothing; what is no file is refused. */
#include "map.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/runnel-map-XXXXXX";

static void make(void)
{
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && close(fd) == 0);
}
static void unmake(void)
{
    unlink(path);
}
TestSuite(map, .init = make, .fini = unmake);

Test(map, a_file_is_its_bytes)
{
    struct rn_err err = {0};
    struct rn_map m;
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs("some bytes", f) >= 0 && fclose(f) == 0);
    cr_assert_eq(rn_map_open(&m, path, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(m.n, 10);
    cr_expect_eq(memcmp(m.p, "some bytes", 10), 0);
    rn_map_close(&m);
    cr_expect_null(m.p);
    rn_map_close(&m);
}

Test(map, an_empty_file_has_a_place_and_no_bytes)
{
    struct rn_err err = {0};
    struct rn_map m;
    cr_assert_eq(rn_map_open(&m, path, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(m.n, 0);
    cr_expect_not_null(m.p);
    rn_map_close(&m);
}

Test(map, what_is_no_file_is_refused_and_leaves_nothing_open)
{
    struct rn_err err = {0};
    struct rn_map m;
    cr_expect_eq(rn_map_open(&m, "/tmp", &err), RN_ECORRUPT);
    cr_expect_null(m.p);
    err = (struct rn_err){0};
    cr_expect_eq(rn_map_open(&m, "/nonexistent/file", &err), RN_EIO);
    cr_expect(strstr(err.path, "/nonexistent/file") && m.p == NULL);
}
