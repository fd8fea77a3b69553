#define _GNU_SOURCE
#include "trial.h"

#include "../shim/faults.h"
#include "clock.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STRAGGLERS_MS = 3000 };

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(2);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* --- the folder --- */

void trial_init(struct trial *t, const struct program *program, const char *dir)
{
    struct rn_err err = {0};
    *t = (struct trial){program, rn_xdup(dir), rn_join(dir, "runs"), rn_join(dir, "tiny.yaml"), 1};
    must(rn_remove_tree(dir, &err) == RN_OK && rn_mkdirs(dir, &err) == RN_OK &&
             rn_copy_file(program->pipeline, t->pipeline, &err) == RN_OK,
         dir);
}

void trial_release(struct trial *t)
{
    rn_remove_tree(t->dir, NULL);
    free(t->pipeline);
    free(t->runs);
    free(t->dir);
}

static struct faults_state *make_state(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    must(fd >= 0 && ftruncate(fd, sizeof(struct faults_state)) == 0, path);
    void *p = mmap(NULL, sizeof(struct faults_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(p != MAP_FAILED, path);
    close(fd);
    return p;
}

/* --- running --- */

static void set_fault(const struct trial *t, const struct fault *f, const char *state)
{
    char at[32];
    snprintf(at, sizeof at, "%ld", f->at);
    char *preload = rn_xprintf("%s%s%s", t->program->preload, *t->program->preload ? " " : "",
                               t->program->shim);
    setenv("LD_PRELOAD", preload, 1);
    setenv("RN_FAULT_STATE", state, 1);
    setenv("RN_FAULT_BELOW", t->program->all_below ? t->dir : t->runs, 1);
    setenv("RN_FAULT_ONLY", f->only ? f->only : "", 1);
    setenv("RN_FAULT_CALLS", f->calls, 1);
    setenv("RN_FAULT_WHO", f->who ? f->who : "all", 1);
    setenv("RN_FAULT_DO", f->action ? f->action : "", 1);
    setenv("RN_FAULT_AT", at, 1);
}

/* The runner in a process group of its own; it is killed when it hangs. */
static void become_runner(const struct trial *t, const struct fault *f, const char *state,
                          const char *said)
{
    char *cache = rn_join(t->dir, "cache"), *threads = rn_xprintf("%d", t->threads);
    int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    setpgid(0, 0);
    dup2(fd, 1);
    dup2(fd, 2);
    setenv("RUNNEL_CACHE", cache, 1);
    setenv("OMP_WAIT_POLICY", "passive", 1); /* else the program starts itself a second time */
    if (f && f->calls)
        set_fault(t, f, state);
    alarm((unsigned)t->program->hangs_after_s);
    execl(t->program->runnel, t->program->runnel, "run", t->pipeline, "--runs", t->runs,
          "--threads", threads, (char *)NULL);
    _exit(127);
}

static void signal_later(pid_t group, const struct fault *f)
{
    pause_ms((long)(f->after_s * 1000));
    kill(f->number == SIGKILL ? -group : group, f->number);
}

/* A stage must not outlive its runner by more than a moment. What the runner leaves behind becomes
 * a child of this process (a subreaper): soon there is none, or that is the finding. */
static bool all_end(void)
{
    for (int ms = 0; ms < STRAGGLERS_MS; ms += 2) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return true;
        pause_ms(2);
    }
    return false;
}

static char *what_it_said(const char *path)
{
    char *text = NULL;
    if (rn_file_read(path, 64 << 10, &text, NULL, NULL) != RN_OK)
        return rn_xdup("(nothing)");
    return text;
}

struct outcome trial_run(struct trial *t, const struct fault *f)
{
    struct outcome o = {0};
    char *state_path = rn_join(t->dir, "state"), *said = rn_join(t->dir, "said");
    struct faults_state *state = make_state(state_path);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl");
    double start_s = rn_clock_s();
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        become_runner(t, f, state_path, said);
    setpgid(pid, pid);
    if (f && f->number)
        signal_later(pid, f);
    int status;
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    o.took_s = rn_clock_s() - start_s;
    o.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    o.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    o.fired = atomic_load(&state->fired);
    o.calls = atomic_load(&state->calls);
    snprintf(o.where, sizeof o.where, "%s", state->where);
    if (!all_end())
        o.signal = SIGALRM;
    o.said = what_it_said(said);
    munmap(state, sizeof *state);
    free(said);
    free(state_path);
    return o;
}

void outcome_release(struct outcome *o)
{
    free(o->said);
    o->said = NULL;
}

/* --- what lies there --- */

struct listing {
    const char *root;
    struct rn_str store, work;
};

static int add_file(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    struct listing *l = ctx;
    char hex[RN_HEX] = "unreadable", *path = rn_join(l->root, relative);
    rn_sha256_file(path, hex, NULL, NULL);
    rn_str_printf(strstr(relative, ".work/") ? &l->work : &l->store, "%s %s\n", relative, hex);
    free(path);
    return RN_OK;
}

/* Clocks and rates differ between any two runs. */
static void add_numbers(struct rn_str *s, const char *path)
{
    static const char *const clocks[] = {"time", "dt_ms",          "tok_per_sec",
                                         "mfu",  "total_time_min", "train_seconds"};
    char *text = NULL;
    if (rn_file_read(path, 1 << 26, &text, NULL, NULL) != RN_OK)
        return;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *doc = NULL;
        if (rn_json_parse(line, (size_t)(end - line), RN_NOWHERE, &doc, NULL) != RN_OK)
            rn_str_puts(s, "damaged line");
        for (size_t i = 0; i < RN_COUNT(clocks); i++)
            json_object_del(doc, clocks[i]);
        char *shown = doc ? rn_json_canonical(doc) : rn_xdup("");
        rn_str_printf(s, "%s\n", shown);
        free(shown);
        json_decref(doc);
    }
    free(text);
}

static int add_metrics(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    struct listing *l = ctx;
    if (!strstr(relative, "/metrics/"))
        return RN_OK;
    char *path = rn_join(l->root, relative);
    rn_str_printf(&l->store, "%s\n", relative);
    add_numbers(&l->store, path);
    free(path);
    return RN_OK;
}

static char *text_of(const struct rn_str *s)
{
    return s->p ? s->p : rn_xdup("");
}

struct leavings trial_leavings(const struct trial *t)
{
    char *store = rn_join(t->runs, ".store");
    struct listing files = {.root = store}, numbers = {.root = t->runs};
    rn_walk(store, add_file, &files, NULL);
    rn_walk(t->runs, add_metrics, &numbers, NULL);
    free(store);
    return (struct leavings){text_of(&files.store), text_of(&files.work), text_of(&numbers.store)};
}

void leavings_release(struct leavings *l)
{
    free(l->store);
    free(l->work);
    free(l->metrics);
}

/* First line that only one of two listings has; caller frees; NULL if they are equal. */
static char *difference(const char *what, const char *got, const char *wanted)
{
    size_t line = 0, i = 0;
    for (; got[i] && got[i] == wanted[i]; i++)
        line = got[i] == '\n' ? i + 1 : line;
    if (got[i] == wanted[i])
        return NULL;
    return rn_xprintf("%s: '%.*s' instead of '%.*s'", what, (int)strcspn(got + line, "\n"),
                      got + line, (int)strcspn(wanted + line, "\n"), wanted + line);
}

/* Two equal lines in a row of a file: a step that was told twice. */
static char *doubled(const char *metrics)
{
    for (const char *line = metrics, *next; (next = strchr(line, '\n')); line = next + 1) {
        size_t n = (size_t)(next - line) + 1;
        if (strncmp(line, next + 1, n) == 0)
            return rn_xprintf("told twice: %.*s", (int)n - 1, line);
    }
    return NULL;
}

/* What lies in the cache's partial/ may be another host's: the cache itself sweeps it, by age. */
static int find_leftover(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    char **found = ctx;
    if (rn_starts_with(relative, "partial/"))
        return RN_OK;
    bool left = strstr(relative, ".tmp") || strstr(relative, ".attempt") ||
                strstr(relative, "/.lock") || strstr(relative, ".locks/") ||
                strstr(relative, ".partial");
    if (left && !*found)
        *found = rn_xprintf("left over: %s", relative);
    return RN_OK;
}

static char *leftover(const struct trial *t)
{
    char *found = NULL, *cache = rn_join(t->dir, "cache");
    rn_walk(t->runs, find_leftover, &found, NULL);
    if (rn_exists(cache))
        rn_walk(cache, find_leftover, &found, NULL);
    free(cache);
    return found;
}

char *trial_compare(const struct trial *t, const struct leavings *unbroken, unsigned with)
{
    struct leavings now = trial_leavings(t);
    char *wrong = difference("store", now.store, unbroken->store);
    if (!wrong && (with & WITH_WORK))
        wrong = difference("checkpoints", now.work, unbroken->work);
    if (!wrong && (with & WITH_NUMBERS))
        wrong = difference("metrics", now.metrics, unbroken->metrics);
    if (!wrong)
        wrong = doubled(now.metrics);
    if (!wrong)
        wrong = leftover(t);
    leavings_release(&now);
    return wrong;
}
