#define _GNU_SOURCE /* sched_getaffinity */
#include "target.h"

#include "file.h"
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

/* Arguments from `first` on are overrides. */
static int load(struct rn_pipeline **out, const struct rn_cli *cli, size_t first,
                struct rn_err *err)
{
    const char **overrides = rn_xalloc((rn_cli_n(cli) + 1) * sizeof *overrides);
    for (size_t i = first; i < rn_cli_n(cli); i++)
        overrides[i - first] = rn_cli_arg(cli, i);
    struct rn_pipeline_how how = {rn_cli_opt(cli, "profile"), overrides};
    int rc = rn_pipeline_load(out, rn_cli_arg(cli, 0), &how, err);
    free(overrides);
    return rc;
}

int rn_target_pipeline(struct rn_pipeline **out, const struct rn_cli *cli, struct rn_err *err)
{
    *out = NULL;
    RN_TRY(need_argument(cli, "pipeline file", err));
    return load(out, cli, 1, err);
}

int rn_target_stage(struct rn_pipeline **out, const char **stage, const struct rn_cli *cli,
                    struct rn_err *err)
{
    *out = NULL;
    RN_TRY(need_argument(cli, "pipeline file", err));
    *stage = rn_cli_arg(cli, 1);
    if (!*stage)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no stage given");
    return load(out, cli, 2, err);
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int rn_target_run(char **dir, const struct rn_cli *cli, struct rn_err *err)
{
    *dir = NULL;
    RN_TRY(need_argument(cli, "run", err));
    if (!is_file(rn_cli_arg(cli, 0))) {
        if (rn_cli_n(cli) > 1)
            return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%s' is one argument too many",
                           rn_cli_arg(cli, 1));
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
