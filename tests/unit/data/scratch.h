/* tests/unit/data/scratch.h - a directory of its own for each test.
 *
 *     TestSuite(parquet, .init = scratch_make, .fini = scratch_remove);
 *     const char *path = scratch_write("a.jsonl", text, n);    one of four buffers */
#ifndef RN_TEST_SCRATCH_H
#define RN_TEST_SCRATCH_H

#include "file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[64];

static inline int scratch_no_fsync(int fd)
{
    (void)fd;
    return 0;
}

/* Nothing here must survive a power cut, and hundreds of fsyncs take a minute on a busy disk. */
static inline void scratch_make(void)
{
    rn_io.fsync = scratch_no_fsync;
    strcpy(scratch_dir, "/tmp/runnel-test-XXXXXX");
    cr_assert(mkdtemp(scratch_dir));
}

static inline void scratch_remove(void)
{
    struct rn_err err = {0};
    rn_remove_tree(scratch_dir, &err);
}

static inline const char *scratch_path(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_dir, name);
    return path;
}

/* Plain stdio: hostile files need neither fsync nor rename. Unlinked first, because some file
 * systems flush a file that was truncated and written again when it is closed. */
static inline const char *scratch_write(const char *name, const void *bytes, size_t n)
{
    const char *path = scratch_path(name);
    unlink(path);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static inline const char *scratch_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text));
}

/* The token shards in the directory, in order of their names; borrowed until the next call. */
static inline size_t scratch_shards(const char *const **paths)
{
    static char names[256][128];
    static const char *list[256];
    size_t n = 0;
    for (int split = 0; split < 2; split++)
        for (int i = 0; i < 128; i++) {
            snprintf(names[n], sizeof names[n], "%s/%s_%05d.bin", scratch_dir,
                     split ? "val" : "train", i);
            if (!rn_exists(names[n]))
                break;
            list[n] = names[n];
            n++;
        }
    *paths = list;
    return n;
}

#endif
