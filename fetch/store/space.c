#include "space.h"

#include "machine.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of the nearest folder that exists. */
static uint64_t device_of(const char *dir)
{
    struct stat st;
    char *p = rn_xdup(dir);
    while (stat(p, &st) != 0 && strcmp(p, "/") != 0 && strcmp(p, ".") != 0) {
        char *up = rn_dirname(p);
        free(p);
        p = up;
    }
    uint64_t device = stat(p, &st) == 0 ? (uint64_t)st.st_dev : 0;
    free(p);
    return device;
}

bool rn_space_shared(const char *dir, const char *other)
{
    return device_of(dir) == device_of(other);
}

void rn_space_add(struct rn_space *s, const char *dir, int64_t bytes)
{
    uint64_t device = device_of(dir);
    struct rn_room *r = s->rooms;
    while (r < s->rooms + s->n && r->device != device)
        r++;
    if (r == s->rooms + s->n) {
        RN_ASSERT(s->n < RN_COUNT(s->rooms));
        *r = (struct rn_room){.dir = dir, .device = device};
        s->n++;
    }
    r->need_bytes += bytes;
}

int rn_space_check(const struct rn_space *s, struct rn_err *err)
{
    char need[32], have[32], missing[32];
    for (size_t i = 0; i < s->n; i++) {
        const struct rn_room *r = &s->rooms[i];
        int64_t wanted = r->need_bytes + r->need_bytes / 20, there = rn_disk_free(r->dir);
        if (r->need_bytes <= 0 || there < 0 || wanted <= there)
            continue;
        rn_hint(err, "free some, or set RUNNEL_CACHE or --runs to a larger disk");
        return rn_fail(err, RN_ENOSPACE, RN_PATH(r->dir), "%s are needed, %s are free: %s missing",
                       rn_show_bytes(need, (double)wanted), rn_show_bytes(have, (double)there),
                       rn_show_bytes(missing, (double)(wanted - there)));
    }
    return RN_OK;
}
