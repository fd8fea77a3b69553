/* tests/unit/scratch.h - a folder of its own for each test, and files in it.
 *
 *     TestSuite(report, .init = scratch_up, .fini = scratch_down);
 *     scratch_text("metrics/base.jsonl", "{...}\n");       below `dir`, its folders made */
#ifndef RN_TEST_SCRATCH_H
#define RN_TEST_SCRATCH_H

#include "file.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static inline int scratch_no_fsync(int fd)
{
    (void)fd;
    return 0;
}

/* Nothing here must survive a power cut, and hundreds of fsyncs take a minute on a busy disk. */
static inline void scratch_up(void)
{
    rn_io.fsync = scratch_no_fsync;
    strcpy(dir, "/tmp/runnel-test-XXXXXX");
    cr_assert(mkdtemp(dir));
}

static inline void scratch_down(void)
{
    rn_remove_tree(dir, NULL);
}

/* One of four buffers. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][160];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

/* Plain stdio: hostile files need neither fsync nor rename. Unlinked first, because some file
 * systems flush a file that was truncated and written again when it is closed. */
static inline const char *scratch_write(const char *name, const void *bytes, size_t n)
{
    const char *path = scratch_path(name);
    if (strchr(name, '/')) {
        char *folder = rn_dirname(path);
        cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
        free(folder);
    }
    unlink(path);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static inline const char *scratch_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text));
}

#endif
