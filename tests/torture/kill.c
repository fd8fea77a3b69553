/* torture-kill - ends a run at every record and every rename, at any moment, and while it recovers:
 * the same command again must always end with the bytes of the unbroken run.
 *
 *     torture-kill RUNNEL SHIM PIPELINE FOLDER [random=30] [jobs=2] [seed=1] [every=1] [hang=60]
 *                  [training=0]
 *
 * random: kills at random times, as many again by SIGTERM, and as many again in a recovery.
 * training: kills of stages that train (in saves, between steps, at any moment, again while they
 * recover), with 1, 2 and 4 threads in turn.
 * every: takes each n-th record and rename only, 0: none; hang: seconds that no run may take.
 * FOLDER is emptied. Ends with a line of counts. */
#define _GNU_SOURCE
#include "trial.h"

#include "clock.h"
#include "mem.h"
#include "path.h"
#include "rng.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAY_EVERY = 500 };

struct plan {
    struct fault first,
        second; /* second: in the run that recovers; action NULL and number 0: none */
    const char *what;
    int threads, threads_after; /* of the run that is broken off, and of those that recover */
};

/* Shared by the workers. */
struct counts {
    atomic_long trials, kills, failures;
};

struct campaign {
    struct program program;
    const char *folder;
    long random, jobs, seed, every, training;
    struct leavings unbroken;
    long records, syncs, renames, saves, lines;
    double whole_s;
    struct plan *plans;
    size_t n, cap;
    struct counts *counts;
};

static uint64_t draw(const struct campaign *c, uint64_t i)
{
    return rn_rand_u64(rn_stream((uint64_t)c->seed, "kill"), i);
}

/* --- what is tried --- */

static void add(struct campaign *c, const char *what, struct fault first, struct fault second)
{
    RN_PUSH(c->plans, c->n, c->cap, ((struct plan){first, second, what, 1, 1}));
}

static void plan_points(struct campaign *c)
{
    static const char *const writes[] = {"kill-before", "kill-torn", "group-torn", "group-after"};
    static const char *const renames[] = {"kill-before", "group-after", "group-before",
                                          "kill-after"};
    const struct fault none = {0};
    if (!c->every)
        return;
    for (long n = 1; n <= c->records; n += c->every)
        add(c, "at a record", (struct fault){"write", "journal.jsonl", 0, writes[n % 4], n}, none);
    for (long n = 1; n <= c->syncs; n += c->every)
        add(c, "at the sync of a record",
            (struct fault){"fsync", "journal.jsonl", 0, n % 2 ? "kill-after" : "group-before", n},
            none);
    for (long n = 1; n <= c->renames; n += c->every)
        add(c, "at a rename", (struct fault){"rename", "", 0, renames[n % 4], n}, none);
}

static void plan_random(struct campaign *c)
{
    for (long i = 0; i < c->random; i++) {
        uint64_t r = draw(c, (uint64_t)i);
        double when = (double)(r % 1000) / 1000;
        long at = (long)(r / 1000 % (uint64_t)c->renames) + 1;
        struct fault kill_at = {"rename", "", 0, "group-before", at}, none = {0};
        struct fault again = {"rename", "", 0, "kill-after", at / 3 + 1};
        struct fault term = {"rename", "", 0, "term", at};
        add(c, "at a random time", (struct fault){.after_s = when * c->whole_s, .number = SIGKILL},
            none);
        add(c, "by SIGTERM at a random time",
            (struct fault){.after_s = when * c->whole_s, .number = SIGTERM}, none);
        add(c, "by SIGTERM at a rename", term, none);
        add(c, "and again while recovering", kill_at, again);
        add(c, "in a stage", (struct fault){"write rename", "", "stages", "kill-before", at * 2},
            none);
    }
}

/* The calls of saving count in all stages; a line of the metrics ends a step or an evaluation. */
static void plan_training(struct campaign *c)
{
    static const int threads[] = {1, 2, 4};
    const struct fault none = {0};
    for (long i = 0; i < c->training; i++) {
        uint64_t r = draw(c, (uint64_t)(1000000 + i));
        long call = (long)(r % (uint64_t)c->saves) + 1, line = (long)(r % (uint64_t)c->lines) + 1;
        double when = (double)(r / 1000 % 1000) / 1000;
        const struct fault moment = {.after_s = when * c->whole_s, .number = SIGKILL};
        const struct fault save = {"write fsync rename", ".work/", "stages",
                                   r % 3 ? "kill-before" : "kill-torn", call};
        const struct fault step = {"write", "/metrics/", "stages",
                                   r % 3 ? "kill-after" : "kill-torn", line};
        if (i % 4 == 0)
            add(c, "in a save", save, none);
        else if (i % 4 == 1)
            add(c, "between steps", step, none);
        else if (i % 4 == 2)
            add(c, "while training, at any moment", moment, none);
        else
            add(c, "while training, and again in a save", moment, save);
        c->plans[c->n - 1].threads = threads[i % 3];
        c->plans[c->n - 1].threads_after = threads[i / 3 % 3];
    }
}

/* --- trying --- */

static bool is_set(const struct fault *f)
{
    return f->action || f->number;
}
static bool is_polite(const struct fault *f)
{
    return f->number == SIGTERM || (f->action && strcmp(f->action, "term") == 0);
}

/* A run that was broken off ended in a way that is documented, or by the signal. */
static char *check_broken(const struct outcome *o, const struct fault *f)
{
    bool killed = o->signal == SIGKILL || (is_polite(f) && o->signal == SIGTERM);
    bool stopped = is_polite(f) && o->code == 75;
    bool stage_killed = !is_polite(f) && o->code == 1; /* the runner lived and said so */
    if (killed || stopped || stage_killed || o->code == 0)
        return NULL;
    return rn_xprintf("ended with exit %d, signal %d", o->code, o->signal);
}

static char *break_off(struct campaign *c, struct trial *t, const struct fault *f)
{
    struct outcome o = trial_run(t, f);
    char *wrong = check_broken(&o, f), *more = NULL;
    if (wrong)
        more = rn_xprintf("%s %s: %s", wrong, o.where, o.said);
    bool hit = o.fired || (f->number && o.code != 0);
    atomic_fetch_add(&c->counts->kills, hit);
    free(wrong);
    outcome_release(&o);
    return more;
}

static char *try_plan(struct campaign *c, const struct plan *p, const char *dir)
{
    struct trial t;
    trial_init(&t, &c->program, dir);
    t.threads = p->threads;
    char *wrong = break_off(c, &t, &p->first);
    t.threads = p->threads_after;
    if (!wrong && is_set(&p->second))
        wrong = break_off(c, &t, &p->second);
    if (!wrong) {
        struct outcome o = trial_run(&t, NULL);
        if (o.code != 0)
            wrong = rn_xprintf("the run that should recover: exit %d, signal %d: %s", o.code,
                               o.signal, o.said);
        outcome_release(&o);
    }
    if (!wrong)
        wrong = trial_compare(&t, &c->unbroken, is_polite(&p->first) ? WITH_NUMBERS : WITH_ALL);
    trial_release(&t);
    return wrong;
}

static void report(const struct campaign *c, const struct plan *p, const char *wrong)
{
    const struct fault *f = &p->first;
    fprintf(stderr, "FAIL killed %s (%s %s %s %ld, after %.3f s by signal %d, seed %ld): %s\n",
            p->what, f->action ? f->action : "", f->calls ? f->calls : "", f->only ? f->only : "",
            f->at, f->after_s, f->number, c->seed, wrong);
}

static void work(struct campaign *c, long worker)
{
    char *dir = rn_xprintf("%s/w%ld", c->folder, worker);
    for (size_t i = (size_t)worker; i < c->n; i += (size_t)c->jobs) {
        char *wrong = try_plan(c, &c->plans[i], dir);
        long n = atomic_fetch_add(&c->counts->trials, 1) + 1;
        if (n % SAY_EVERY == 0)
            fprintf(stderr, "%ld of %zu trials, %ld failures\n", n, c->n,
                    atomic_load(&c->counts->failures));
        if (wrong) {
            atomic_fetch_add(&c->counts->failures, 1);
            report(c, &c->plans[i], wrong);
        }
        free(wrong);
    }
    free(dir);
}

static void work_all(struct campaign *c)
{
    for (long w = 0; w < c->jobs; w++) {
        pid_t pid = fork();
        if (pid == 0) {
            work(c, w);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
}

/* --- the unbroken run --- */

static long count(struct campaign *c, const char *calls, const char *only)
{
    char *dir = rn_join(c->folder, "whole");
    struct trial t;
    trial_init(&t, &c->program, dir);
    struct outcome o = trial_run(&t, &(struct fault){.calls = calls, .only = only});
    if (o.code != 0) {
        fprintf(stderr, "the unbroken run: exit %d: %s\n", o.code, o.said);
        exit(1);
    }
    long calls_made = o.calls;
    c->whole_s = o.took_s;
    leavings_release(&c->unbroken);
    c->unbroken = trial_leavings(&t);
    outcome_release(&o);
    trial_release(&t);
    free(dir);
    return calls_made;
}

static void set_option(struct campaign *c, const char *text)
{
    const struct {
        const char *name;
        long *value;
    } options[] = {{"random=", &c->random},     {"jobs=", &c->jobs},
                   {"seed=", &c->seed},         {"every=", &c->every},
                   {"training=", &c->training}, {"hang=", &c->program.hangs_after_s}};
    for (size_t i = 0; i < RN_COUNT(options); i++)
        if (strncmp(text, options[i].name, strlen(options[i].name)) == 0)
            *options[i].value = strtol(strchr(text, '=') + 1, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "torture-kill RUNNEL SHIM PIPELINE FOLDER [OPTION=NUMBER ...]\n");
        return 2;
    }
    struct campaign c = {.program = {argv[1], argv[2], argv[3], "", 60},
                         .folder = argv[4],
                         .random = 30,
                         .jobs = 2,
                         .seed = 1,
                         .every = 1};
    for (int i = 5; i < argc; i++)
        set_option(&c, argv[i]);
    c.counts =
        mmap(NULL, sizeof *c.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.counts == MAP_FAILED)
        return 2;
    double start_s = rn_clock_s();
    c.records = c.every ? count(&c, "write", "journal.jsonl") : 0;
    c.syncs = c.every ? count(&c, "fsync", "journal.jsonl") : 0;
    c.renames = count(&c, "rename", "");
    c.saves = c.training ? count(&c, "write fsync rename", ".work/") : 0;
    c.lines = c.training ? count(&c, "write", "/metrics/") : 0;
    plan_points(&c);
    plan_random(&c);
    plan_training(&c);
    work_all(&c);
    printf("%ld trials, %ld kills: %ld records, %ld renames, %ld x 5 at random, %ld of trainings; "
           "%ld failures; unbroken run %.2f s, all %.0f s\n",
           c.counts->trials, c.counts->kills, c.records, c.renames, c.random, c.training,
           c.counts->failures, c.whole_s, rn_clock_s() - start_s);
    leavings_release(&c.unbroken);
    free(c.plans);
    return c.counts->failures || (size_t)c.counts->trials != c.n ? 1 : 0;
}
