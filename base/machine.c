#include "machine.h"

#include "mem.h"
#include "path.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

/* The number behind `label` in the first line of the file that has it; SIZE_MAX: there is none. */
static size_t number_in(const char *path, const char *label)
{
    char line[256];
    size_t value = SIZE_MAX;
    FILE *f = fopen(path, "r");
    while (f && value == SIZE_MAX && fgets(line, sizeof line, f)) {
        char *end = line, *digits = line + strlen(label);
        unsigned long long n = strncmp(line, label, strlen(label)) ? 0 : strtoull(digits, &end, 10);
        value = end > digits ? (size_t)n : SIZE_MAX;
    }
    if (f)
        fclose(f);
    return value;
}

size_t rn_memory_left(void)
{
    size_t left = number_in("/proc/meminfo", "MemAvailable:");
    size_t limit = number_in("/sys/fs/cgroup/memory.max", "");
    size_t used = number_in("/sys/fs/cgroup/memory.stat", "anon "); /* file caches give way */
    left = left < SIZE_MAX / 1024 ? left * 1024 : SIZE_MAX;
    if (limit == SIZE_MAX || used == SIZE_MAX)
        return left;
    size_t group = limit > used ? limit - used : 0;
    return group < left ? group : left;
}

size_t rn_memory_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

int64_t rn_disk_free(const char *path)
{
    struct statvfs fs;
    char *p = rn_xdup(path);
    while (statvfs(p, &fs) != 0) {
        char *up = rn_dirname(p);
        bool at_top = strcmp(up, p) == 0;
        free(p);
        p = up;
        if (at_top)
            break;
    }
    int64_t free_bytes = statvfs(p, &fs) == 0 ? (int64_t)fs.f_bavail * (int64_t)fs.f_frsize : -1;
    free(p);
    return free_bytes;
}
