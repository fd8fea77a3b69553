/* tests/unit/data/shards_of.h - the token shards that a test made in its folder. */
#ifndef RN_TEST_SHARDS_OF_H
#define RN_TEST_SHARDS_OF_H

#include "../scratch.h"
#include "file.h"

/* In order of their names; borrowed until the next call. */
static inline size_t scratch_shards(const char *const **paths)
{
    static char names[256][128];
    static const char *list[256];
    size_t n = 0;
    for (int split = 0; split < 2; split++)
        for (int i = 0; i < 128; i++) {
            snprintf(names[n], sizeof names[n], "%s/%s_%05d.bin", dir, split ? "val" : "train", i);
            if (!rn_exists(names[n]))
                break;
            list[n] = names[n];
            n++;
        }
    *paths = list;
    return n;
}

#endif
