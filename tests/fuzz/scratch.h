/* tests/fuzz/scratch.h - input bytes as a file in memory, for code that takes a path.
 *
 *     rn_jsonl_open(&lines, scratch_put(bytes, n), &err);       one file, written anew each time */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder below /dev/shm, removed at exit. */
static char scratch_dir[64];

static inline const char *scratch_folder(void)
{
    if (!*scratch_dir) {
        snprintf(scratch_dir, sizeof scratch_dir, "/dev/shm/runnel-fuzz-XXXXXX");
        RN_ASSERT(mkdtemp(scratch_dir));
    }
    return scratch_dir;
}

static inline const char *scratch_put(const uint8_t *bytes, size_t n)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/input", scratch_folder());
    FILE *f = fopen(path, "wb");
    RN_ASSERT(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static inline void scratch_remove(void)
{
    if (*scratch_dir) {
        unlink(scratch_put((const uint8_t *)"", 0));
        rmdir(scratch_dir);
    }
}

#endif
