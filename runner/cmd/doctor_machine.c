#define _GNU_SOURCE /* sched_getaffinity */
#include "clock.h"
#include "doctor_parts.h"
#include "library.h"
#include "mem.h"
#include "str.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* --- processor --- */

static const struct {
    const char *flag, *name;
} features[] = {
    {"avx2", "AVX2"},           {"avx512f", "AVX-512"},   {"avx512_bf16", "AVX-512 bf16"},
    {"amx_tile", "AMX"},        {"amx_bf16", "AMX bf16"}, {"asimd", "NEON"},
    {"asimddp", "dot product"}, {"bf16", "bf16"},         {"sve", "SVE"}};

/* The rest of the line `name : rest` of /proc/cpuinfo; caller frees; NULL if there is none. */
static char *field_of(const char *text, const char *name)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *colon = line + strcspn(line, ":\n");
        if (*colon != ':' || strncmp(line, name, strlen(name)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        return rn_xprintf("%.*s", (int)strcspn(colon, "\n"), colon);
    }
    return NULL;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

void rn_doctor_processor(const struct rn_doctor *d, char **model, char **list)
{
    char *info = rn_doctor_read(d, "/proc/cpuinfo"), *x86 = field_of(info, "flags");
    char *arm = field_of(info, "Features");
    const char *flags = x86 ? x86 : arm ? arm : "";
    struct rn_str s = {0};
    rn_str_puts(&s, "");
    for (size_t i = 0; i < RN_COUNT(features); i++)
        if (has_word(flags, features[i].flag))
            rn_str_printf(&s, "%s%s", s.n ? ", " : "", features[i].name);
    *list = s.p;
    *model = field_of(info, "model name");
    if (!*model)
        *model = rn_xdup(x86 ? "x86" : arm ? "ARM" : "");
    free(arm);
    free(x86);
    free(info);
}

void rn_check_processor(struct rn_doctor *d)
{
    char *model, *list;
    rn_doctor_processor(d, &model, &list);
    if (!*model)
        rn_doctor_note(d, "/proc/cpuinfo does not say what the processor can");
    else if (!strstr(list, "AVX2") && !strstr(list, "NEON"))
        rn_doctor_note(d, "%s: no AVX2, the portable kernels are used: slow", model);
    else
        rn_doctor_ok(d, "%s: %s", model, list);
    free(list);
    free(model);
}

/* --- control groups --- */

/* The path of the process's group; the v2 line begins with "0::". */
static char *group_path(const struct rn_doctor *d)
{
    char *text = rn_doctor_read(d, "/proc/self/cgroup"), *path = NULL;
    for (char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, "0::/", 4) == 0)
            path = rn_xprintf("%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    free(text);
    return path ? path : rn_xdup("/");
}

/* Calls with the text of the file in the group and in every group above it. */
static void for_each_group(const struct rn_doctor *d, const char *file,
                           void (*each)(void *ctx, const char *text), void *ctx)
{
    char *group = group_path(d);
    for (char *slash = group + strlen(group); slash; slash = strrchr(group, '/')) {
        *slash = '\0';
        char *path = rn_xprintf("/sys/fs/cgroup%s/%s", group, file);
        char *text = rn_doctor_read(d, path);
        if (text)
            each(ctx, text);
        free(text);
        free(path);
    }
    free(group);
}

static void take_smaller(void *ctx, const char *text)
{
    char *end;
    int64_t *limit = ctx, n = strtoll(text, &end, 10);
    if (end != text && n >= 0 && n < *limit)
        *limit = n;
}

/* The number in a file of the process's control group, of the group itself or the nearest above
 * that sets one, whichever is smallest; v1 and v2 have other names. INT64_MAX: no limit. */
static int64_t cgroup_limit(const struct rn_doctor *d, const char *v2_file, const char *v1_path)
{
    int64_t limit = INT64_MAX;
    for_each_group(d, v2_file, take_smaller, &limit);
    char *text = rn_doctor_read(d, v1_path);
    if (text)
        take_smaller(&limit, text);
    free(text);
    return limit;
}

/* "200000 100000": microseconds of each period; "max 100000": all. */
static void take_quota(void *ctx, const char *text)
{
    double *cpus = ctx, quota_us, period_us;
    if (sscanf(text, "%lf %lf", &quota_us, &period_us) == 2 && quota_us > 0 && period_us > 0 &&
        (*cpus == 0 || quota_us / period_us < *cpus))
        *cpus = quota_us / period_us;
}

/* Processors that the control group pays for; 0: no limit. */
static double cgroup_cpus(const struct rn_doctor *d)
{
    double cpus = 0;
    for_each_group(d, "cpu.max", take_quota, &cpus);
    char *quota = rn_doctor_read(d, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    char *period = rn_doctor_read(d, "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (quota && period) {
        char *both = rn_xprintf("%.*s %s", (int)strcspn(quota, "\n"), quota, period);
        take_quota(&cpus, both);
        free(both);
    }
    free(period);
    free(quota);
    return cpus;
}

/* Processors of a fake machine are those of its cpuinfo. */
static int processors(const struct rn_doctor *d)
{
    cpu_set_t set;
    if (!*d->root && sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    int n = 0;
    char *info = rn_doctor_read(d, "/proc/cpuinfo");
    for (const char *p = info; p && (p = strstr(p, "processor\t")); p++)
        n++;
    free(info);
    return n;
}

void rn_check_cores(struct rn_doctor *d)
{
    int n = processors(d);
    double quota = cgroup_cpus(d);
    int fit = quota < 1 ? 1 : (int)quota;
    char fix[64];
    snprintf(fix, sizeof fix, "export OMP_NUM_THREADS=%d, or --threads %d", fit, fit);
    if (n == 0)
        rn_doctor_note(d, "the number of processors is not known");
    else if (quota == 0 || quota >= n)
        rn_doctor_ok(d, "%d processor%s, no smaller quota", n, n == 1 ? "" : "s");
    else if (getenv("OMP_NUM_THREADS"))
        rn_doctor_ok(d, "%d processors, a quota of %.4g, OMP_NUM_THREADS=%.16s", n, quota,
                     getenv("OMP_NUM_THREADS"));
    else
        rn_doctor_problem(d, fix,
                          "%d processors, but a quota of %.4g: threads would be stopped "
                          "in every period",
                          n, quota);
}

/* --- memory --- */

static double meminfo_bytes(const char *info, const char *name)
{
    char *value = info ? field_of(info, name) : NULL;
    double kib = value ? strtod(value, NULL) : 0;
    free(value);
    return kib * 1024;
}

void rn_check_memory(struct rn_doctor *d)
{
    const double LITTLE = 512 << 20, SOME = 2048.0 * (1 << 20);
    char *info = rn_doctor_read(d, "/proc/meminfo"), all[32], left[32], cap[32];
    double total = meminfo_bytes(info, "MemTotal"), avail = meminfo_bytes(info, "MemAvailable");
    double limit =
        (double)cgroup_limit(d, "memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    free(info);
    rn_show_bytes(all, total);
    rn_show_bytes(cap, limit);
    bool limited = limit < total;
    double usable = limited && limit < avail ? limit : avail;
    rn_show_bytes(left, usable);
    if (total <= 0)
        rn_doctor_note(d, "/proc/meminfo does not say how much memory there is");
    else if (usable < LITTLE)
        rn_doctor_problem(d, "end other programs or raise the limit",
                          "%s usable of %s%s%s: too little for any training", left, all,
                          limited ? ", limit of the control group " : "", limited ? cap : "");
    else if (limited || usable < SOME)
        rn_doctor_note(d, "%s usable of %s%s%s", left, all,
                       limited ? ", limit of the control group " : "", limited ? cap : "");
    else
        rn_doctor_ok(d, "%s usable of %s", left, all);
}

/* --- GPU --- */

static struct rn_library driver = {.soname = "libcuda.so.1",
                                   .names = (const char *const[]){NULL},
                                   .lock = PTHREAD_MUTEX_INITIALIZER};

void rn_check_gpu(struct rn_doctor *d)
{
    char *version = rn_doctor_read(d, "/proc/driver/nvidia/version");
    const char *missing;
    bool library = rn_library_open(&driver, &missing);
    if (!version && !library)
        rn_doctor_ok(d, "no NVIDIA driver; --device cpu needs none");
    else if (!version)
        rn_doctor_note(d, "libcuda.so.1 is here but the driver is not loaded: no --device cuda");
    else if (!library)
        rn_doctor_problem(d,
                          "install the driver's libcuda1, or give the container the GPU "
                          "(--gpus all)",
                          "the driver is loaded but its library is missing: %s", missing);
    else
        rn_doctor_ok(d, "%.*s", (int)strcspn(version, "\n"), version);
    free(version);
}

/* --- clock and limits --- */

void rn_check_clock(struct rn_doctor *d)
{
    const double Y2026 = 1767225600, Y2100 = 4102444800;
    double now_s = d->now_s > 0 ? d->now_s : rn_time_s();
    if (now_s < Y2026 || now_s > Y2100)
        rn_doctor_problem(d, "set the clock (timedatectl set-ntp true)",
                          "%.0f seconds since 1970 cannot be: certificates would be refused",
                          now_s);
    else
        rn_doctor_ok(d, "plausible");
}

void rn_check_open_files(struct rn_doctor *d)
{
    enum { NEEDED = 256, WANTED = 1024 };
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        rn_doctor_note(d, "the limit is not known");
    else if (r.rlim_cur < NEEDED)
        rn_doctor_problem(d, "ulimit -n 4096", "at most %llu open files, %d are needed",
                          (unsigned long long)r.rlim_cur, NEEDED);
    else if (r.rlim_cur < WANTED)
        rn_doctor_note(d, "at most %llu open files", (unsigned long long)r.rlim_cur);
    else
        rn_doctor_ok(d, "at most %llu", (unsigned long long)r.rlim_cur);
}
