#include "err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *printed(const struct rn_err *err)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    rn_err_print(err, out);
    fclose(out);
    return strdup(text);
}

static int fails(struct rn_err *err)
{
    return rn_fail(err, RN_EFETCH, RN_LINE("a.yaml", 3), "no %s", "bytes");
}

static int tries(struct rn_err *err)
{
    RN_TRY(fails(err));
    cr_assert_fail("RN_TRY must return");
    return RN_OK;
}

Test(err, the_first_failure_wins)
{
    struct rn_err err = {0};
    cr_assert_eq(tries(&err), RN_EFETCH);
    rn_fail(&err, RN_EIO, RN_NOWHERE, "later");
    cr_assert_str_eq(err.msg, "no bytes");
    cr_assert_eq(err.code, RN_EFETCH);
    cr_assert_eq(rn_while(&err, "fetching %d", 7), RN_EFETCH);
    cr_assert_str_eq(err.msg, "fetching 7: no bytes");
    cr_assert_eq(rn_fail(NULL, RN_EIO, RN_NOWHERE, "nobody listens"), RN_EIO);
}

Test(err, errno_chooses_the_code)
{
    struct rn_err full = {0}, memory = {0}, other = {0};
    errno = ENOSPC;
    cr_assert_eq(rn_fail_errno(&full, RN_PATH("f"), "cannot write"), RN_ENOSPACE);
    cr_assert_str_eq(full.msg, "cannot write: No space left on device");
    errno = ENOMEM;
    cr_assert_eq(rn_fail_errno(&memory, RN_NOWHERE, "x"), RN_ENOMEM);
    errno = EACCES;
    cr_assert_eq(rn_fail_errno(&other, RN_NOWHERE, "x"), RN_EIO);
}

Test(err, long_messages_are_cut_not_overrun)
{
    struct rn_err err = {0};
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rn_fail(&err, RN_EIO, RN_PATH(text), "%s", text);
    rn_while(&err, "%s", text);
    rn_hint(&err, "%s", text);
    cr_assert_eq(strlen(err.msg), sizeof err.msg - 1);
    cr_assert_eq(strlen(err.path), sizeof err.path - 1);
    cr_assert_eq(strlen(err.hint), sizeof err.hint - 1);
}

Test(err, copy_stands_on_its_own)
{
    struct rn_err err = {0}, none = {0};
    cr_assert_eq(rn_fail_as(&err, &none), RN_OK);
    {
        struct rn_err inner = {0};
        rn_fail(&inner, RN_EIO, RN_LINE("a.yaml", 3), "no");
        rn_hint(&inner, "try");
        cr_assert_eq(rn_fail_as(&err, &inner), RN_EIO);
        memset(&inner, 'x', sizeof inner);
    }
    cr_assert_str_eq(err.path, "a.yaml");
    cr_assert_eq(err.line, 3);
    cr_assert_str_eq(err.msg, "no");
    cr_assert_str_eq(err.hint, "try");
    struct rn_err copy = err;
    memset(&err, 'x', sizeof err);
    err = copy;
    memset(&copy, 'x', sizeof copy);
    cr_assert_str_eq(err.path, "a.yaml", "an assignment is a copy, too");
    rn_fail(&none, RN_ESTAGE, RN_NOWHERE, "later");
    cr_assert_eq(rn_fail_as(&err, &none), RN_ESTAGE);
    cr_assert_str_eq(err.msg, "no", "the first failure wins");
}

Test(err, every_code_has_its_exit_status)
{
    static const struct {
        enum rn_code code;
        int status;
    } rows[] = {{RN_OK, 0},      {RN_EIO, 1},      {RN_ENOMEM, 1},   {RN_ESTAGE, 1},
                {RN_EUSAGE, 2},  {RN_ECONFIG, 3},  {RN_EFETCH, 4},   {RN_ECORRUPT, 5},
                {RN_ELOCKED, 6}, {RN_EOFFLINE, 7}, {RN_ENOSPACE, 8}, {RN_EGATE, 9},
                {RN_EWORK, 10},  {RN_EDEVICE, 11}, {RN_EPEER, 12},   {RN_ESTOPPED, 75},
                {RN_EQUIT, 130}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(rn_code_exit(rows[i].code), rows[i].status);
        cr_assert(*rn_code_word(rows[i].code));
    }
}

Test(err, prints_source_line_caret_and_hint)
{
    char path[] = "/tmp/runnel-err-XXXXXX", expected[400];
    int fd = mkstemp(path);
    cr_assert(write(fd, "a: 1\n  bach: 2\n", 15) == 15);
    close(fd);
    struct rn_err err = {0};
    rn_fail(&err, RN_ECONFIG, (struct rn_place){path, 2, 3}, "unknown key 'bach'");
    char *bare = printed(&err);
    snprintf(expected, sizeof expected,
             "%s:2:3: configuration: unknown key 'bach'\n     2 |   bach: 2\n       |   ^\n", path);
    cr_assert_str_eq(bare, expected);
    rn_hint(&err, "did you mean 'batch'?");
    rn_hint(&err, "the first hint stays");
    char *hinted = printed(&err);
    cr_assert(strstr(hinted, "       |   ^ did you mean 'batch'?\n"), "%s", hinted);
    err.line = 99;
    char *past = printed(&err);
    cr_assert_null(strstr(past, "|"), "no source line past the end");
    unlink(path);
    free(bare);
    free(hinted);
    free(past);
}

Test(err, of_a_long_line_the_part_around_the_caret)
{
    char path[] = "/tmp/runnel-err-XXXXXX", long_line[5000];
    int fd = mkstemp(path);
    memset(long_line, 'a', sizeof long_line);
    long_line[999] = 'X';
    cr_assert(write(fd, long_line, sizeof long_line) == sizeof long_line);
    close(fd);
    struct rn_err err = {0};
    rn_fail(&err, RN_ECONFIG, (struct rn_place){path, 1, 1000}, "wrong");
    char *text = printed(&err), *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    cr_assert_lt(third - second, 200);
    cr_assert_eq(second[strcspn(third, "^")], 'X', "the caret points at it:\n%s", text);
    unlink(path);
    free(text);
}

Test(err, control_characters_do_not_reach_the_terminal)
{
    struct rn_err err = {0};
    rn_fail(&err, RN_EUSAGE, RN_NOWHERE, "unknown \x1b[31m key\n");
    rn_hint(&err, "a\tb");
    char *text = printed(&err);
    cr_assert_str_eq(text, "usage: unknown ?[31m key?\n  a?b\n");
    free(text);
}

Test(err, prints_without_a_place)
{
    struct rn_err err = {0};
    rn_fail(&err, RN_EUSAGE, RN_NOWHERE, "unknown command 'rnu'");
    rn_hint(&err, "did you mean 'run'?");
    char *text = printed(&err);
    cr_assert_str_eq(text, "usage: unknown command 'rnu'\n  did you mean 'run'?\n");
    free(text);
}
