/* doctor.h - looks at the machine and the settings that a run depends on.
 *
 *     struct rn_doctor d = {.runs = "runs", .cache = dir, .found = print_it};
 *     rn_doctor_examine(&d);
 *     d.n_problems
 *
 * Each check reports one or more findings: ok, a note (worth knowing), or a problem with exactly
 * one fix. What belongs to the machine is read below `root` (proc/, sys/, etc/), so that tests
 * bring machines of their own. Only looks: writes nothing, asks no network. */
#ifndef RN_DOCTOR_H
#define RN_DOCTOR_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum rn_health { RN_HEALTH_OK, RN_HEALTH_NOTE, RN_HEALTH_PROBLEM };
struct rn_symptom {
    const char *check; /* "memory" */
    enum rn_health health;
    const char *text, *fix; /* fix: of a problem, otherwise "" */
};

struct rn_doctor {
    const char *root;         /* "" is the machine itself */
    const char *runs, *cache; /* folders, which need not exist yet */
    double now_s;             /* 0: the clock */
    void (*found)(void *ctx, const struct rn_symptom *);
    void *ctx;
    size_t n_problems;
    const char *check; /* set while one looks */
};

/* A row of the table: what it looks at, and how. */
struct rn_check {
    const char *name;
    void (*look)(struct rn_doctor *);
    const char *doc;
};
extern const struct rn_check rn_checks[]; /* ends with name NULL */

/* Name and features of the processor, "" where unknown; caller frees both. */
void rn_doctor_processor(const struct rn_doctor *, char **model, char **features);

/* All checks in order. */
void rn_doctor_examine(struct rn_doctor *);
/* One of them. */
void rn_doctor_look(struct rn_doctor *, const struct rn_check *);

#endif
