#include "doctor.h"

#include "doctor_parts.h"
#include "file.h"
#include "mem.h"

#include <stdarg.h>
#include <stdlib.h>

const struct rn_check rn_checks[] = {
    {"processor", rn_check_processor, "instruction sets that the kernels use"},
    {"cores", rn_check_cores, "processors against the control group's quota"},
    {"threads", rn_check_threads, "settings of OpenMP"},
    {"memory", rn_check_memory, "free memory and the control group's limit"},
    {"runs", rn_check_runs, "the folder of runs: space, rights, kind of file system"},
    {"cache", rn_check_cache, "the folder of downloads, likewise"},
    {"libraries", rn_check_libraries, "versions in use"},
    {"plugin", rn_check_plugin, "the cpu device and what it chose"},
    {"gpu", rn_check_gpu, "NVIDIA driver; a run on the processor needs none"},
    {"ranks", rn_check_ranks,
     "whether a launcher started several processes; which GPU this one takes"},
    {"proxy", rn_check_proxy, "settings that libcurl reads"},
    {"certificates", rn_check_certificates, "whom https trusts"},
    {"hub", rn_check_hub, "HF_TOKEN: whether there is one, never its value"},
    {"clock", rn_check_clock, "certificates are valid in a span of time"},
    {"open files", rn_check_open_files, "limit of the process"},
    {"terminal", rn_check_terminal, "how progress will be shown"},
    {0}};

static void report(struct rn_doctor *d, enum rn_health health, const char *fix, const char *fmt,
                   va_list ap)
{
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    d->n_problems += health == RN_HEALTH_PROBLEM;
    d->found(d->ctx, &(struct rn_symptom){d->check, health, text, fix});
}

void rn_doctor_ok(struct rn_doctor *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(d, RN_HEALTH_OK, "", fmt, ap);
    va_end(ap);
}

void rn_doctor_note(struct rn_doctor *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(d, RN_HEALTH_NOTE, "", fmt, ap);
    va_end(ap);
}

void rn_doctor_problem(struct rn_doctor *d, const char *fix, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(d, RN_HEALTH_PROBLEM, fix, fmt, ap);
    va_end(ap);
}

char *rn_doctor_read(const struct rn_doctor *d, const char *path)
{
    enum { CAP = 1 << 20 };
    char *full = rn_xprintf("%s%s", d->root, path), *text = rn_xalloc(CAP + 1);
    size_t n = rn_file_head(full, text, CAP);
    bool there = n > 0 || rn_exists(full);
    free(full);
    if (there)
        return text;
    free(text);
    return NULL;
}

void rn_doctor_look(struct rn_doctor *d, const struct rn_check *c)
{
    d->check = c->name;
    c->look(d);
}

void rn_doctor_examine(struct rn_doctor *d)
{
    for (const struct rn_check *c = rn_checks; c->name; c++)
        rn_doctor_look(d, c);
}
