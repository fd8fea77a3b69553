/* torture-sweep - every call that touches the runs directory, and every place that takes memory,
 * fails once: the run succeeds all the same or ends with a documented exit code and a message, what
 * it calls finished is finished, and the next run ends with the bytes of the unbroken one.
 *
 *     torture-sweep RUNNEL SHIM PIPELINE FOLDER [jobs=2] [io=1] [memory=1] [net=0] [all=0]
 *                   [preload=LIBRARY]
 *
 * io, memory, net: every n-th point only; 0: none. all=1: the cache and the lock file too. FOLDER
 * is emptied. Ends with a line of counts. */
#define _GNU_SOURCE
#include "trial.h"

#include "clock.h"
#include "mem.h"
#include "path.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What fails, how, at every how many points, and what a run may end with besides 0. */
static const struct mode {
    const char *calls, *action;
    long every;
    int codes[3]; /* ends with 0 */
} modes[] = {
    /* clang-format off */
    {"write",  "EIO",    1, {1}},
    {"write",  "ENOSPC", 1, {8}},
    {"write",  "EINTR",  1, {0}},
    {"write",  "short",  1, {0}},
    {"fsync",  "EIO",    1, {1}},
    {"fsync",  "ENOSPC", 2, {8}},
    {"rename", "EIO",    1, {1}},
    {"rename", "ENOSPC", 2, {8}},
    {"open",   "EIO",    1, {1, 5}},    /* what cannot be read is as good as damaged */
    {"open",   "ENOSPC", 4, {8, 1, 5}},
    {"open",   "ENOMEM", 4, {1, 5}},
    {"malloc", "ENOMEM", 1, {1}},
    {"net",    "ECONNRESET", 1, {0}},   /* the next round has better luck */
    /* clang-format on */
};

struct counts {
    atomic_long points, healed, ended, failures;
};

struct sweep {
    struct program program;
    const char *folder;
    long jobs, io, memory, net, all;
    long points[RN_COUNT(modes)];
    struct leavings unbroken;
    struct counts *counts;
};

static bool allowed(const struct mode *m, int code)
{
    bool ok = code == 0;
    for (size_t i = 0; i < RN_COUNT(m->codes) && m->codes[i]; i++)
        ok = ok || code == m->codes[i];
    return ok;
}

/* What an ended run may not be: by a signal, with another code, or without a word. That the
 * pipeline file cannot be read is a matter of configuration. */
static char *check_end(const struct mode *m, const struct outcome *o)
{
    bool unread = o->code == 3 && strstr(o->where, ".yaml");
    if (o->signal || (!allowed(m, o->code) && !unread))
        return rn_xprintf("ended with exit %d, signal %d: %s", o->code, o->signal, o->said);
    if (o->code != 0 && !strstr(o->said, ": "))
        return rn_xprintf("ended with exit %d and no word: %s", o->code, o->said);
    return NULL;
}

/* Whose calls: with all=1 it is the stages that are looked at, and the runner's memory is not. */
static const char *who(const struct sweep *s, const struct mode *m)
{
    return s->all && strcmp(m->calls, "malloc") == 0 ? "stages" : NULL;
}

static char *heal(struct sweep *s, struct trial *t)
{
    struct outcome o = trial_run(t, NULL);
    char *wrong =
        o.code == 0 ? NULL
                    : rn_xprintf("the next run: exit %d, signal %d: %s", o.code, o.signal, o.said);
    outcome_release(&o);
    return wrong ? wrong : trial_compare(t, &s->unbroken, 0);
}

static char *try_point(struct sweep *s, const struct mode *m, long at, const char *dir, char *where)
{
    struct trial t;
    trial_init(&t, &s->program, dir);
    struct outcome o = trial_run(
        &t, &(struct fault){.calls = m->calls, .action = m->action, .who = who(s, m), .at = at});
    char *wrong = check_end(m, &o);
    snprintf(where, 256, "%s", o.where);
    atomic_fetch_add(&s->counts->points, o.fired);
    if (!wrong && o.code == 0) { /* then nothing may be missing */
        wrong = trial_compare(&t, &s->unbroken, 0);
        atomic_fetch_add(&s->counts->healed, 1);
    } else {
        atomic_fetch_add(&s->counts->ended, 1);
    }
    if (!wrong)
        wrong = heal(s, &t);
    outcome_release(&o);
    trial_release(&t);
    return wrong;
}

static long share_of(const struct sweep *s, const char *calls)
{
    if (strcmp(calls, "net") == 0)
        return s->net;
    return strcmp(calls, "malloc") == 0 ? s->memory : s->io;
}

static void work(struct sweep *s, long worker)
{
    char *dir = rn_xprintf("%s/w%ld", s->folder, worker), where[256];
    for (size_t m = 0; m < RN_COUNT(modes); m++) {
        long step = modes[m].every * share_of(s, modes[m].calls);
        for (long i = worker; step && 1 + i * step <= s->points[m]; i += s->jobs) {
            char *wrong = try_point(s, &modes[m], 1 + i * step, dir, where);
            if (wrong) {
                atomic_fetch_add(&s->counts->failures, 1);
                fprintf(stderr, "FAIL %s %ld fails with %s (%s): %s\n", modes[m].calls,
                        1 + i * step, modes[m].action, where, wrong);
            }
            free(wrong);
        }
    }
    free(dir);
}

static void work_all(struct sweep *s)
{
    for (long w = 0; w < s->jobs; w++)
        if (fork() == 0) {
            work(s, w);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
}

/* The unbroken run, once for each kind of call. */
static int count(struct sweep *s)
{
    char *dir = rn_join(s->folder, "whole");
    int code = 0;
    for (size_t m = 0; m < RN_COUNT(modes) && code == 0; m++) {
        struct trial t;
        trial_init(&t, &s->program, dir);
        struct outcome o =
            trial_run(&t, &(struct fault){.calls = modes[m].calls, .who = who(s, &modes[m])});
        code = o.code;
        s->points[m] = o.calls;
        leavings_release(&s->unbroken);
        s->unbroken = trial_leavings(&t);
        if (code != 0)
            fprintf(stderr, "the unbroken run: exit %d, signal %d: %s\n", o.code, o.signal, o.said);
        outcome_release(&o);
        trial_release(&t);
    }
    free(dir);
    return code;
}

static void set_option(struct sweep *s, const char *text)
{
    const struct {
        const char *name;
        long *value;
    } options[] = {{"jobs=", &s->jobs},
                   {"io=", &s->io},
                   {"memory=", &s->memory},
                   {"net=", &s->net},
                   {"all=", &s->all}};
    for (size_t i = 0; i < RN_COUNT(options); i++)
        if (strncmp(text, options[i].name, strlen(options[i].name)) == 0)
            *options[i].value = strtol(strchr(text, '=') + 1, NULL, 10);
    if (strncmp(text, "preload=", 8) == 0)
        s->program.preload = text + 8;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "torture-sweep RUNNEL SHIM PIPELINE FOLDER [OPTION=VALUE ...]\n");
        return 2;
    }
    struct sweep s = {.program = {argv[1], argv[2], argv[3], "", 60},
                      .folder = argv[4],
                      .jobs = 2,
                      .io = 1,
                      .memory = 1};
    for (int i = 5; i < argc; i++)
        set_option(&s, argv[i]);
    s.program.all_below = s.all != 0;
    s.counts =
        mmap(NULL, sizeof *s.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s.counts == MAP_FAILED || count(&s) != 0)
        return 1;
    double start_s = rn_clock_s();
    work_all(&s);
    printf("points of the unbroken run:");
    for (size_t m = 0; m < RN_COUNT(modes); m++)
        printf(" %ld %s %s%s", s.points[m], modes[m].calls, modes[m].action,
               m + 1 < RN_COUNT(modes) ? "," : "\n");
    printf("%ld points failed once: %ld runs succeeded all the same, %ld ended with their code; "
           "%ld wrong; %.0f s\n",
           s.counts->points, s.counts->healed, s.counts->ended, s.counts->failures,
           rn_clock_s() - start_s);
    leavings_release(&s.unbroken);
    return s.counts->failures ? 1 : 0;
}
