/* tests/unit/runner/scratch.h - a folder for each test and files in it, of one test file.
 *
 *     TestSuite(report, .init = scratch_up, .fini = scratch_down);
 *     scratch_put("metrics/base.jsonl", "{...}\n");        below `dir`, its folders made */
#ifndef RN_TEST_SCRATCH_H
#define RN_TEST_SCRATCH_H

#include "file.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

static void scratch_up(void)
{
    strcpy(dir, "/tmp/rn_scratchXXXXXX");
    cr_assert(mkdtemp(dir));
}

static void scratch_down(void)
{
    rn_remove_tree(dir, NULL);
}

static void scratch_put(const char *name, const char *text)
{
    char *path = rn_join(dir, name), *folder = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(folder);
    free(path);
}

#endif
