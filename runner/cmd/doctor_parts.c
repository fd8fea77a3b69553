#include "doctor_parts.h"

#include "file.h"
#include "mem.h"

#include <stdarg.h>
#include <stdlib.h>

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
