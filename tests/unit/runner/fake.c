#include "fake.h"

#include "../../fake/fold_files.h"
#include "clock.h"
#include "file.h"
#include "path.h"
#include "signals.h"
#include "str.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int64_t *fake_runs;
_Atomic int *fake_meeting, *fake_patience;
int64_t fake_stop_at = -1;

static void count(const struct rn_job *job)
{
    static const char *const names[] = {"data", "base", "sft"};
    for (int i = 0; i < FAKE_STAGES; i++)
        fake_runs[i] += strcmp(job->stage, names[i]) == 0;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Stages that run one after another never meet. */
static int meet(const struct fake_cfg *cfg, struct rn_err *err)
{
    if (!cfg->meets)
        return RN_OK;
    ++*fake_meeting;
    for (int ms = 0; ms < (cfg->in_vain ? 200 : 10000); ms++, pause_ms(1))
        if (*fake_meeting >= cfg->meets)
            return RN_OK;
    return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "nobody else came");
}

/* --- make --- */

/* A copy beside the run stands for the cache. */
static int announce(struct rn_job *job, const struct fake_cfg *cfg, int64_t i, const char *text,
                    struct rn_err *err)
{
    char hex[RN_HEX], name[32];
    snprintf(name, sizeof name, "part_%lld.txt", (long long)i);
    char *path = rn_xprintf("%s/cached_%s", job->pipeline_dir, name);
    int rc = rn_file_write(path, text, strlen(text), err);
    rn_sha256_hex(text, strlen(text), hex);
    struct rn_arrival a = {"text", i, cfg->files, name, path, (int64_t)strlen(text), hex};
    if (rc == RN_OK)
        rn_job_arrived(job, &a);
    free(path);
    return rc;
}

static int make_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct fake_cfg *cfg = config;
    count(job);
    if (!cfg->announces)
        RN_TRY(meet(cfg, err));
    char *dir = rn_join(job->out_dir, "text");
    int rc = rn_mkdirs(dir, err);
    for (int64_t i = 0; i < cfg->files && rc == RN_OK; i++) {
        char *path = rn_xprintf("%s/part_%lld.txt", dir, (long long)i);
        char *text = rn_xprintf("%s %lld\n", cfg->text, (long long)i);
        if (rc == RN_OK && i < cfg->announces)
            rc = announce(job, cfg, i, text, err);
        if (rc == RN_OK && i + 1 == cfg->announces)
            rc = meet(cfg, err);
        if (rc == RN_OK)
            rc = rn_file_write(path, text, strlen(text), err);
        free(text);
        free(path);
    }
    free(dir);
    rn_log(job->log, RN_INFO, "made %lld files", (long long)cfg->files);
    return rc;
}

static const struct rn_output make_outputs[] = {{"text", "files"}, {NULL, NULL}};
static const struct rn_stage make = {
    .kind = "make", .doc = "files", .version = 1, .outputs = make_outputs, .run = make_run};

/* --- train --- */

static void fold(const struct rn_job *job, const struct fake_cfg *cfg, int64_t step,
                 char state[RN_HEX])
{
    const struct rn_artifact *in = rn_job_artifact(job, &cfg->in);
    for (size_t i = 0; in && i < in->n_files; i++)
        if (!rn_exists(in->files[i].path))
            abort(); /* inputs stay where they are for as long as the stage works */
    char *text = rn_xprintf("%s %lld %lld %s", state, (long long)cfg->seed, (long long)step,
                            in ? in->digest : "");
    rn_sha256_hex(text, strlen(text), state);
    struct rn_metric_value v[] = {{"loss", 10.0 / (double)step}, {"dt_ms", 1.5 + rn_clock_s()}};
    rn_job_metrics(job, step, v, 2);
    free(text);
}

static void hang(const struct rn_job *job, bool deaf)
{
    if (deaf)
        signal(SIGTERM, SIG_IGN);
    while (deaf || !rn_job_stopping(job))
        pause_ms(1);
}

static void emit(const struct rn_job *job, int64_t step, double loss)
{
    rn_job_metrics(job, step, &(struct rn_metric_value){"loss", loss}, 1);
}

/* What goes wrong at half time, if it still does. */
static int have_trouble(const struct rn_job *job, const struct fake_cfg *cfg, int64_t step,
                        struct rn_err *err)
{
    bool crawls = cfg->trouble == FAKE_CRAWLS && step > cfg->steps / 2 && *fake_patience >= 0;
    if (crawls) {
        pause_ms(50);
        rn_job_metrics(job, step, &(struct rn_metric_value){"rate", 20}, 1);
    }
    if (!cfg->trouble || step != cfg->steps / 2 || --*fake_patience < 0)
        return RN_OK;
    switch (cfg->trouble) {
    case FAKE_FAILS:
        return rn_fail(err, RN_ESTAGE, RN_LINE("data.txt", 7), "loss is not finite");
    case FAKE_SEGFAULTS:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case FAKE_IS_KILLED:
        raise(SIGKILL);
        break;
    case FAKE_HANGS:
    case FAKE_HANGS_WELL:
        hang(job, cfg->trouble == FAKE_HANGS);
        break;
    case FAKE_NAN:
        emit(job, step, NAN);
        hang(job, true);
        break;
    case FAKE_ODD:
        emit(job, step, NAN);
        break;
    case FAKE_SPIKES:
        emit(job, step, 1000);
        hang(job, true);
        break;
    case FAKE_CRAWLS:
        break;
    }
    return RN_OK;
}

static int train_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct fake_cfg *cfg = config;
    char state[RN_HEX] = "start";
    int64_t offset = 0, step = fold_newest(job, cfg->steps, state, &offset);
    count(job);
    RN_TRY(meet(cfg, err));
    if (step >= 0)
        RN_TRY(rn_job_metrics_cut(job, offset, err));
    for (step = step < 0 ? 1 : step + 1; step <= cfg->steps; step++) {
        fold(job, cfg, step, state);
        if (step == fake_stop_at)
            rn_signals_stop();
        if (step % cfg->every == 0 || step == cfg->steps || rn_job_stopping(job))
            RN_TRY(fold_save(job, step, state, err));
        if (rn_job_stopping(job) && step < cfg->steps)
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped at step %lld", (long long)step);
        RN_TRY(have_trouble(job, cfg, step, err));
        rn_job_progress(job, (double)step, (double)cfg->steps, "steps", "");
    }
    return fold_write_model(job, state, err);
}

static int train_estimate(const struct rn_job *job, const void *config, struct rn_estimate *e,
                          struct rn_err *err)
{
    (void)err;
    const struct fake_cfg *cfg = config;
    char state[RN_HEX];
    int64_t offset;
    e->steps = cfg->steps;
    e->tokens = (double)cfg->steps * 100;
    e->resume_step = *job->work_dir ? fold_newest(job, cfg->steps, state, &offset) : -1;
    return RN_OK;
}

static const struct rn_output train_outputs[] = {{"model", "model"}, {NULL, NULL}};
static const struct rn_metric train_metrics[] = {
    {"loss", "nats", -1, "training loss"}, {"dt_ms", "ms", -1, "time of a step"}, {NULL}};
static const struct rn_stage train = {.kind = "train",
                                      .doc = "folds",
                                      .version = 1,
                                      .outputs = train_outputs,
                                      .metrics = train_metrics,
                                      .trains = true,
                                      .estimate = train_estimate,
                                      .run = train_run};

/* --- the pipeline --- */

static void add_edge(struct fake *f, int stage, struct rn_ref *ref, const char *key,
                     const char *text, int producer, bool neutral)
{
    struct rn_pstage *s = &f->stages[stage];
    *ref = (struct rn_ref){.text = text, .stage = f->stages[producer].name, .end = INT64_MAX};
    f->edges[stage][s->n_edges++] = (struct rn_edge){
        ref, key, (size_t)producer, f->stages[producer].stage->outputs[0].name, neutral};
}

void fake_rekey(struct fake *f)
{
    for (int i = 0; i < FAKE_STAGES; i++) {
        struct rn_pstage *s = &f->stages[i];
        const struct fake_cfg *c = &f->cfg[i];
        json_decref(s->identity);
        json_decref(s->extend);
        s->identity = i == DATA ? json_pack("{s:s, s:I, s:I}", "text", c->text, "files",
                                            (json_int_t)c->files, "salt", (json_int_t)c->salt)
                                : json_pack("{s:I}", "seed", (json_int_t)c->seed);
        s->extend = i == DATA ? json_object()
                              : json_pack("{s:{s:I}}", "horizon", "steps", (json_int_t)c->steps);
    }
}

static void share(void)
{
    struct {
        int64_t runs[FAKE_STAGES];
        _Atomic int meeting, patience;
    } *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        abort();
    all->patience = INT32_MAX;
    fake_runs = all->runs;
    fake_meeting = &all->meeting;
    fake_patience = &all->patience;
}

void fake_init(struct fake *f)
{
    memset(f, 0, sizeof *f);
    if (!fake_runs)
        share();
    bool shm =
        access("/dev/shm", W_OK) == 0; /* memory, where the machine has it: hundreds of runs */
    snprintf(f->root, sizeof f->root, "%s/runnel-runner-XXXXXX", shm ? "/dev/shm" : "/tmp");
    if (!mkdtemp(f->root))
        abort();
    snprintf(f->runs, sizeof f->runs, "%s/runs", f->root);
    static const char *const names[] = {"data", "base", "sft"};
    for (int i = 0; i < FAKE_STAGES; i++) {
        f->cfg[i] = (struct fake_cfg){
            .text = "hello", .files = 3, .steps = i == SFT ? 6 : 12, .seed = 7, .every = 5};
        f->stages[i] = (struct rn_pstage){.name = names[i],
                                          .stage = i == DATA ? &make : &train,
                                          .cfg = &f->cfg[i],
                                          .edges = f->edges[i],
                                          .outputs = i == DATA ? make_outputs : train_outputs,
                                          .n_outputs = 1};
    }
    add_edge(f, BASE, &f->cfg[BASE].in, "in.data", "data.text", DATA, false);
    add_edge(f, SFT, &f->cfg[SFT].in, "in.model", "base", BASE, false);
    fake_rekey(f);
    f->p = (struct rn_pipeline){.path = rn_arena_printf(&f->scratch, "%s/fake.yaml", f->root),
                                .dir = f->root,
                                .text = "# fake\n",
                                .name = "fake",
                                .tag = "fake-1",
                                .key8 = "12345678",
                                .stages = f->stages,
                                .n_stages = FAKE_STAGES};
    f->how = (struct rn_run_how){.runs = f->runs,
                                 .device = "cpu",
                                 .threads = 1,
                                 .verify = RN_VERIFY_STAT,
                                 .resolved_yaml = "name: fake\n"};
}

void fake_release(struct fake *f)
{
    rn_remove_tree(f->root, NULL);
    for (int i = 0; i < FAKE_STAGES; i++) {
        json_decref(f->stages[i].identity);
        json_decref(f->stages[i].extend);
    }
    rn_arena_release(&f->scratch);
}

int fake_run(struct fake *f)
{
    struct rn_ui ui;
    rn_ui_init(&ui, false, 8);
    if (!getenv("RUNNER_TEST_TALKS"))
        ui.mode = RN_UI_SILENT;
    f->err = (struct rn_err){0};
    int rc = rn_run(&f->p, &f->how, &ui, &f->err);
    rn_ui_release(&ui);
    return rc;
}

void fake_plan(struct fake *f, struct rn_plan *plan)
{
    f->err = (struct rn_err){0};
    if (rn_plan_init(plan, &f->p, &f->how, &f->err) != RN_OK)
        abort();
    for (size_t i = 0; i < FAKE_STAGES; i++)
        if (rn_plan_decide(plan, i, &f->err) != RN_OK)
            abort();
}

char *fake_path(struct fake *f, const char *fmt, ...)
{
    char below[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(below, sizeof below, fmt, ap);
    va_end(ap);
    return rn_arena_printf(&f->scratch, "%s/%s", f->runs, below);
}

/* --- trees --- */

struct tree {
    const char *root;
    struct rn_str text;
};

static int add_file(void *ctx, const char *relative, struct rn_err *err)
{
    (void)err;
    struct tree *t = ctx;
    char hex[RN_HEX], *path = rn_join(t->root, relative);
    bool file = rn_sha256_file(path, hex, NULL, NULL) == RN_OK;
    rn_str_printf(&t->text, "%s %s\n", relative, file ? hex : "(a link)");
    free(path);
    return RN_OK;
}

char *fake_tree(struct fake *f, const char *below)
{
    struct tree t = {.root = fake_path(f, "%s", below)};
    if (rn_exists(t.root) && rn_walk(t.root, add_file, &t, NULL) != RN_OK)
        rn_str_puts(&t.text, "cannot be read");
    char *text = rn_arena_dup(&f->scratch, t.text.p ? t.text.p : "");
    rn_str_release(&t.text);
    return text;
}
