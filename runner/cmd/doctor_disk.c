#include "doctor_parts.h"
#include "file.h"
#include "machine.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The nearest folder that exists, of a path that may not; caller frees. */
static char *existing(const char *path)
{
    char *p = rn_xdup(path);
    while (!rn_exists(p) && strcmp(p, ".") != 0 && strcmp(p, "/") != 0) {
        char *up = rn_dirname(p);
        free(p);
        p = up;
    }
    return p;
}

/* If the line of mountinfo is of a mount that holds `path`: the length of its mount point, and what
 * kind of file system it is; otherwise -1.
 *     id parent major:minor root POINT options [fields] - TYPE source options */
static int mount_holds(const char *line, const char *path, char type[32])
{
    char point[4096];
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
        sscanf(dash, " - %31s", type) != 1)
        return -1;
    size_t n = strcmp(point, "/") == 0 ? 0 : strlen(point);
    bool holds = strncmp(path, point, n) == 0 && (path[n] == '/' || !path[n]);
    return holds ? (int)n : -1;
}

/* Of the longest mount point that begins the path, and the last of equal ones; "" if unknown. */
static char *file_system_of(const struct rn_doctor *d, const char *path)
{
    char *text = rn_doctor_read(d, "/proc/self/mountinfo"), *real = realpath(path, NULL);
    char type[32], best[32] = "", *rest = text;
    int longest = 0;
    for (char *line; real && rest && (line = strsep(&rest, "\n"));) {
        int n = mount_holds(line, real, type);
        if (n >= longest) {
            longest = n;
            memcpy(best, type, sizeof best);
        }
    }
    free(real);
    free(text);
    return rn_xdup(best);
}

static const struct {
    const char *type, *what;
} kinds[] = {
    {"nfs", "a network file system: locks go by heartbeat, start one run at a time"},
    {"nfs4", "a network file system: locks go by heartbeat, start one run at a time"},
    {"lustre", "a network file system: locks go by heartbeat unless mounted -o flock"},
    {"gpfs", "a network file system: locks go by heartbeat"},
    {"beegfs", "a network file system: locks go by heartbeat"},
    {"ceph", "a network file system: locks go by heartbeat"},
    {"cifs", "a network file system: renames may not be atomic"},
    {"9p", "a shared folder of the host: slow, renames may not be atomic"},
    {"virtiofs", "a shared folder of the host"},
    {"tmpfs", "in memory: gone after a restart"},
    {"vfat", "no links, files of at most 4 GiB"},
};

static const char *remark_about(const char *type)
{
    if (rn_starts_with(type, "fuse."))
        return "a file system of a program: locks and renames are as good as that program";
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].what;
    return NULL;
}

static void check_folder(struct rn_doctor *d, const char *path, const char *other)
{
    const double LITTLE = 1LL << 30, SOME = 20LL << 30;
    char *dir = existing(path), *type = file_system_of(d, dir), size[32], fix[160];
    double free_bytes = (double)rn_disk_free(dir);
    const char *remark = remark_about(type);
    rn_show_bytes(size, free_bytes);
    snprintf(fix, sizeof fix, "choose another folder: %s", other);
    if (access(dir, W_OK | X_OK) != 0)
        rn_doctor_problem(d, fix, "%s cannot be written", dir);
    else if (free_bytes < LITTLE)
        rn_doctor_problem(d, fix, "%s free at %s: too little for checkpoints or data", size, path);
    else if (remark)
        rn_doctor_note(d, "%s free at %s (%s): %s", size, path, type, remark);
    else if (free_bytes < SOME)
        rn_doctor_note(d, "%s free at %s (%s)", size, path, *type ? type : "unknown file system");
    else
        rn_doctor_ok(d, "%s free at %s (%s)", size, path, *type ? type : "unknown file system");
    free(type);
    free(dir);
}

void rn_check_runs(struct rn_doctor *d)
{
    check_folder(d, d->runs, "--runs DIR, or RUNNEL_RUNS");
}

void rn_check_cache(struct rn_doctor *d)
{
    check_folder(d, d->cache, "RUNNEL_CACHE");
}
