#define _GNU_SOURCE /* sched_getaffinity */
#include "target.h"

#include "file.h"
#include "overrides.h"
#include "runs.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS_MAX = 1024 };

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

int rn_target_cells_of(struct rn_cells **out, const struct rn_cli *cli, const char *profile,
                       struct rn_err *err)
{
    size_t n = 0;
    *out = NULL;
    RN_TRY(need_argument(cli, "pipeline file", err));
    const char **overrides = rn_xalloc((rn_cli_n(cli) + 1) * sizeof *overrides);
    for (size_t i = 1; i < rn_cli_n(cli); i++)
        if (rn_is_override(rn_cli_arg(cli, i)))
            overrides[n++] = rn_cli_arg(cli, i);
    struct rn_pipeline_how how = {.profile = profile, .overrides = overrides};
    int rc = rn_cells_open(out, rn_cli_arg(cli, 0), &how, rn_cli_opt(cli, "cell"), err);
    free(overrides);
    return rc;
}

int rn_target_cells(struct rn_cells **out, const struct rn_cli *cli, struct rn_err *err)
{
    return rn_target_cells_of(out, cli, rn_cli_opt(cli, "profile"), err);
}

int rn_target_pipeline(struct rn_pipeline **out, const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_cells *cells;
    *out = NULL;
    RN_TRY(rn_target_cells(&cells, cli, err));
    if (cells->n == 1) {
        *out = rn_cells_into_pipeline(cells);
        return RN_OK;
    }
    rn_fail(err, RN_EUSAGE, RN_PATH(rn_cli_arg(cli, 0)), "the file has a matrix of %zu cells",
            cells->n);
    rn_hint(err, "choose one: --cell 1 or --cell %.100s; `runnel plan` lists them",
            cells->cells[0].name);
    rn_cells_free(cells);
    return RN_EUSAGE;
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
    RN_TRY(rn_target_pipeline(&p, cli, err));
    int rc = rn_runs_find(rn_cli_runs(cli), p->tag, dir, err);
    rn_pipeline_free(p);
    return rc;
}

int rn_target_verify(enum rn_verify *out, const struct rn_cli *cli, struct rn_err *err)
{
    const char *word = rn_cli_opt(cli, "verify");
    *out = RN_VERIFY_STAT;
    if (word && strcmp(word, "hash") == 0)
        *out = RN_VERIFY_HASH;
    else if (word && strcmp(word, "stat") != 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--verify is stat or hash, not '%s'", word);
    return RN_OK;
}

static int machine_threads(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

int rn_target_jobs(int *out, const struct rn_cli *cli, struct rn_err *err)
{
    enum { JOBS_MAX = 64 };
    const char *given = rn_cli_opt(cli, "jobs");
    char *end;
    long n = given ? strtol(given, &end, 10) : 1;
    *out = (int)n;
    if (!given || (end != given && *end == '\0' && n >= 1 && n <= JOBS_MAX))
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--jobs is a number from 1 to %d, not '%s'",
                   JOBS_MAX, given);
}

int rn_target_threads(int *out, const struct rn_cli *cli, struct rn_err *err)
{
    const char *given = rn_cli_opt(cli, "threads"), *text = given;
    if (!text)
        text = getenv("OMP_NUM_THREADS");
    *out = machine_threads();
    if (!text || !*text)
        return RN_OK;
    char *end;
    long n = strtol(text, &end, 10);
    if (end != text && *end == '\0' && n >= 1 && n <= THREADS_MAX)
        *out = (int)n;
    else if (given)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--threads is a number from 1 to %d, not '%s'",
                       THREADS_MAX, given);
    return RN_OK;
}

const char **rn_target_list(const struct rn_cli *cli, const char *option)
{
    const char **list = NULL, *value;
    size_t n = 0, cap = 0;
    for (size_t i = 0; (value = rn_cli_opt_at(cli, option, i)); i++)
        RN_PUSH(list, n, cap, value);
    RN_PUSH(list, n, cap, NULL);
    return list;
}
