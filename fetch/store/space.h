/* space.h - is there room for what is going to be fetched? Asked before the first byte.
 *
 *     struct rn_space need = {0};
 *     rn_space_add(&need, cache_dir, missing_bytes);
 *     rn_space_add(&need, out_dir, unpacked_bytes);
 *     RN_TRY(rn_space_check(&need, err));           RN_ENOSPACE: how much is missing, and where
 *
 * Folders of one file system share its room. Sizes are what is known beforehand, with a twentieth
 * on top; what is not known is not counted. */
#ifndef RN_SPACE_H
#define RN_SPACE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_space {
    struct rn_room {
        const char *dir; /* borrowed; need not exist yet */
        uint64_t device;
        int64_t need_bytes;
    } rooms[4];
    size_t n;
};

void rn_space_add(struct rn_space *, const char *dir, int64_t bytes);
bool rn_space_shared(const char *dir, const char *other); /* one file system */
int rn_space_check(const struct rn_space *, struct rn_err *);

#endif
