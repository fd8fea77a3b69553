#include "synctime.h"

#include "clock.h"
#include "file.h"

#include <stdatomic.h>
#include <stddef.h>

/* rn_io is one table for the process, so what is laid around it is too. */
static int (*below)(int fd);
static _Atomic int64_t total_ns;

static int timed_fsync(int fd)
{
    double start_s = rn_clock_s();
    int rc = below(fd);
    atomic_fetch_add(&total_ns, (int64_t)((rn_clock_s() - start_s) * 1e9));
    return rc;
}

void rn_sync_time_start(void)
{
    if (below)
        return;
    below = rn_io.fsync;
    rn_io.fsync = timed_fsync;
}

void rn_sync_time_stop(void)
{
    if (!below)
        return;
    rn_io.fsync = below;
    below = NULL;
}

double rn_sync_time_s(void)
{
    return (double)atomic_load(&total_ns) / 1e9;
}
