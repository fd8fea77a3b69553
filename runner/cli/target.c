#define _GNU_SOURCE /* sched_getaffinity */
#include "target.h"

#include "comm.h"
#include "overrides.h"
#include "runs.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS_MAX = 1024 };

const char *rn_target_device(const struct rn_cli *cli)
{
    const char *device = rn_cli_opt(cli, "device");
    return device || !rn_cli_opt(cli, "gpus") ? device : "cuda";
}

int rn_target_gpus(int *out, const struct rn_cli *cli, struct rn_err *err)
{
    int64_t n = 0;
    *out = 0;
    if (!rn_cli_opt(cli, "gpus"))
        return RN_OK;
    RN_TRY(rn_cli_int(cli, "gpus", 1, 1, RN_RANKS_MAX, &n, err));
    if (strcmp(rn_target_device(cli), "cpu") == 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--gpus is for GPUs, and --device says cpu");
    *out = (int)n;
    return RN_OK;
}

static int need_argument(const struct rn_cli *cli, const char *what, struct rn_err *err)
{
    if (rn_cli_n(cli) > 0)
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no %s given", what);
}

const char *rn_target_word(const struct rn_cli *cli, size_t i)
{
    for (size_t k = 1; k < rn_cli_n(cli); k++)
        if (!rn_is_override(rn_cli_arg(cli, k)) && i-- == 0)
            return rn_cli_arg(cli, k);
    return NULL;
}

int rn_target_words(const struct rn_cli *cli, size_t n, struct rn_err *err)
{
    const char *word = rn_target_word(cli, n);
    if (!word)
        return RN_OK;
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "unexpected argument '%.100s'", word);
    rn_hint(err, "behind FILE stand overrides: key.path=value, +key.path=value, ~key.path");
    return RN_EUSAGE;
}

/* What the command line says about the pipeline; free the list of overrides. */
static struct rn_pipeline_how how_of(const struct rn_cli *cli, const char *profile)
{
    size_t n = 0;
    const char **overrides = rn_xalloc((rn_cli_n(cli) + 1) * sizeof *overrides);
    for (size_t i = 1; i < rn_cli_n(cli); i++)
        if (rn_is_override(rn_cli_arg(cli, i)))
            overrides[n++] = rn_cli_arg(cli, i);
    return (struct rn_pipeline_how){
        .profile = profile, .overrides = overrides, .device = rn_target_device(cli)};
}

int rn_target_cells_of(struct rn_cells **out, const struct rn_cli *cli, const char *profile,
                       struct rn_err *err)
{
    *out = NULL;
    RN_TRY(need_argument(cli, "pipeline file", err));
    struct rn_pipeline_how how = how_of(cli, profile);
    int rc = rn_cells_open(out, rn_cli_arg(cli, 0), &how, rn_cli_opt(cli, "cell"), err);
    free((void *)how.overrides);
    return rc;
}

int rn_target_cells(struct rn_cells **out, const struct rn_cli *cli, struct rn_err *err)
{
    return rn_target_cells_of(out, cli, rn_cli_opt(cli, "profile"), err);
}

static int one_pipeline(struct rn_pipeline **out, const char *path,
                        const struct rn_pipeline_how *how, const char *cell, struct rn_err *err)
{
    struct rn_cells *cells;
    *out = NULL;
    RN_TRY(rn_cells_open(&cells, path, how, cell, err));
    if (cells->n == 1) {
        *out = rn_cells_into_pipeline(cells);
        return RN_OK;
    }
    rn_fail(err, RN_EUSAGE, RN_PATH(path), "the file has a matrix of %zu cells", cells->n);
    rn_hint(err, "choose one: --cell 1 or --cell %.100s; `runnel plan` lists them",
            cells->cells[0].name);
    rn_cells_free(cells);
    return RN_EUSAGE;
}

int rn_target_pipeline(struct rn_pipeline **out, const struct rn_cli *cli, struct rn_err *err)
{
    *out = NULL;
    RN_TRY(need_argument(cli, "pipeline file", err));
    struct rn_pipeline_how how = how_of(cli, rn_cli_opt(cli, "profile"));
    int rc = one_pipeline(out, rn_cli_arg(cli, 0), &how, rn_cli_opt(cli, "cell"), err);
    free((void *)how.overrides);
    return rc;
}

/* A tag holds what a device makes of `precision`, and who looks at a run does not say where it ran:
 * of the processor's and the GPUs' the newer run is meant. `how` becomes that device's. */
static int pipeline_that_ran(struct rn_pipeline **out, const char *runs, const char *path,
                             struct rn_pipeline_how *how, const char *cell, struct rn_err *err)
{
    struct rn_pipeline *on_gpu;
    struct rn_pipeline_how gpu = *how;
    RN_TRY(one_pipeline(out, path, how, cell, err));
    gpu.device = "cuda";
    if (how->device || one_pipeline(&on_gpu, path, &gpu, cell, NULL) != RN_OK)
        return RN_OK;
    bool newer = rn_runs_is_newer(runs, on_gpu->tag, (*out)->tag);
    rn_pipeline_free(newer ? *out : on_gpu);
    if (newer) {
        *out = on_gpu;
        how->device = gpu.device;
    }
    return RN_OK;
}

int rn_target_that_ran(struct rn_pipeline **out, const char **device, const struct rn_cli *cli,
                       struct rn_err *err)
{
    *out = NULL;
    RN_TRY(need_argument(cli, "run", err));
    struct rn_pipeline_how how = how_of(cli, rn_cli_opt(cli, "profile"));
    int rc = pipeline_that_ran(out, rn_cli_runs(cli), rn_cli_arg(cli, 0), &how,
                               rn_cli_opt(cli, "cell"), err);
    *device = how.device ? how.device : "cpu";
    free((void *)how.overrides);
    return rc;
}

int rn_target_stage(struct rn_pipeline **out, const char **stage, const struct rn_cli *cli,
                    struct rn_err *err)
{
    *out = NULL;
    RN_TRY(rn_target_words(cli, 1, err));
    *stage = rn_target_word(cli, 0);
    if (!*stage)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no stage given");
    return rn_target_pipeline(out, cli, err);
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool rn_target_is_file(const struct rn_cli *cli)
{
    return rn_cli_n(cli) > 0 && is_file(rn_cli_arg(cli, 0));
}

int rn_target_run(char **dir, const struct rn_cli *cli, struct rn_err *err)
{
    *dir = NULL;
    RN_TRY(need_argument(cli, "run", err));
    if (!rn_target_is_file(cli)) {
        if (rn_cli_n(cli) > 1 && rn_is_override(rn_cli_arg(cli, rn_cli_n(cli) - 1)))
            return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                           "a finished run takes no '%s': it goes with a pipeline file",
                           rn_cli_arg(cli, rn_cli_n(cli) - 1));
        return rn_runs_find(rn_cli_runs(cli), rn_cli_arg(cli, 0), dir, err);
    }
    struct rn_pipeline *p;
    const char *device;
    RN_TRY(rn_target_that_ran(&p, &device, cli, err));
    int rc = rn_runs_find(rn_cli_runs(cli), p->tag, dir, err);
    rn_pipeline_free(p);
    return rc;
}

int rn_target_run_named(char **dir, const char *runs, const char *name, struct rn_err *err)
{
    struct rn_pipeline *p;
    struct rn_pipeline_how how = {0};
    *dir = NULL;
    if (!is_file(name))
        return rn_runs_find(runs, name, dir, err);
    RN_TRY(pipeline_that_ran(&p, runs, name, &how, NULL, err));
    int rc = rn_runs_find(runs, p->tag, dir, err);
    rn_pipeline_free(p);
    return rc;
}

static int machine_threads(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

/* What OMP_NUM_THREADS says, if that is a number that makes sense. */
static int default_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    return n >= 1 && n <= THREADS_MAX && *end == '\0' ? (int)n : machine_threads();
}

int rn_target_threads(int *out, const struct rn_cli *cli, struct rn_err *err)
{
    int64_t n = 0;
    int rc = rn_cli_int(cli, "threads", default_threads(), 1, THREADS_MAX, &n, err);
    *out = (int)n;
    return rc;
}

/* Values of an option that may repeat: NULL-ended, caller frees the array. */
static const char **list_of(const struct rn_cli *cli, const char *option)
{
    const char **list = NULL, *value;
    size_t n = 0, cap = 0;
    for (size_t i = 0; (value = rn_cli_opt_at(cli, option, i)); i++)
        RN_PUSH(list, n, cap, value);
    RN_PUSH(list, n, cap, NULL);
    return list;
}

int rn_target_how(struct rn_run_how *how, const struct rn_cli *cli, struct rn_err *err)
{
    enum { JOBS_MAX = 64 };
    const char *device = rn_target_device(cli), *verify = rn_cli_opt(cli, "verify");
    int64_t jobs;
    *how = (struct rn_run_how){.runs = rn_cli_runs(cli),
                               .from = rn_cli_opt(cli, "from"),
                               .until = rn_cli_opt(cli, "until"),
                               .only = rn_cli_opt(cli, "only"),
                               .resume_from = rn_cli_opt(cli, "resume-from"),
                               .device = device ? device : "cpu",
                               .accept_stale = rn_cli_opt(cli, "accept-stale"),
                               .offline = rn_cli_opt(cli, "offline"),
                               .locked = rn_cli_opt(cli, "locked"),
                               .allow_exec = rn_cli_opt(cli, "allow-exec"),
                               .op_times = rn_cli_opt(cli, "op-times"),
                               .keep_going = rn_cli_opt(cli, "keep-going"),
                               .verify = verify && strcmp(verify, "hash") == 0 ? RN_VERIFY_HASH
                                                                               : RN_VERIFY_STAT};
    RN_TRY(rn_cli_int(cli, "jobs", 1, 1, JOBS_MAX, &jobs, err));
    RN_TRY(rn_target_threads(&how->threads, cli, err));
    RN_TRY(rn_target_gpus(&how->gpus, cli, err));
    how->jobs = (int)jobs;
    how->force = list_of(cli, "force");
    how->yes = list_of(cli, "yes");
    return RN_OK;
}

void rn_target_how_release(struct rn_run_how *how)
{
    free((void *)how->force);
    free((void *)how->yes);
    how->force = how->yes = NULL;
}
