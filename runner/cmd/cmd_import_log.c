/* runnel import-log - other programs' training logs as a run, for report, compare and metrics. */
#include "command.h"
#include "import_log.h"
#include "mem.h"
#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"tag", 0, "TAG", "name of the run (default: the first file's, without its ending)"}, {0}};

static void tell(const struct rn_import *in, const char *dir)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct rn_import_stage *s = &in->stages[i];
        printf("%-7s %zu steps, %lld to %lld", s->name, s->n_steps, (long long)s->first,
               (long long)s->last);
        if (s->total)
            printf(" of %lld%s", (long long)s->total,
                   s->last + 1 >= s->total ? "" : ", incomplete");
        if (s->n_resumed)
            printf(", went back %zu time%s", s->n_resumed, s->n_resumed == 1 ? "" : "s");
        putchar('\n');
    }
    printf("%zu lines, %zu broken\n%s\n", in->n_lines, in->n_broken, dir);
}

static char *tag_of(const struct rn_cli *cli)
{
    const char *given = rn_cli_opt(cli, "tag");
    char *tag = rn_xdup(given ? given : rn_basename(rn_cli_arg(cli, 0)));
    char *dot = given ? NULL : strrchr(tag, '.');
    if (dot && dot > tag)
        *dot = '\0';
    return tag;
}

static int import_all(const struct rn_cli *cli, const char *dir, struct rn_err *err)
{
    size_t n = (size_t)rn_cli_n(cli);
    const char **paths = rn_xalloc(n * sizeof *paths);
    struct rn_import in;
    for (size_t i = 0; i < n; i++)
        paths[i] = rn_cli_arg(cli, i);
    int rc = rn_import_read(&in, paths, n, err);
    free(paths);
    RN_TRY(rc);
    rc = rn_import_write(&in, dir, err);
    if (rc == RN_OK)
        tell(&in, dir);
    rn_import_release(&in);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    if (rn_cli_n(cli) == 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "which log?");
    char *tag = tag_of(cli), *dir = rn_join(rn_cli_runs(cli), tag);
    int rc = strchr(tag, '/') || *tag == '.' || !*tag
                 ? rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--tag names a folder, not '%.100s'", tag)
                 : import_all(cli, dir, err);
    free(dir);
    free(tag);
    return rc;
}

static const struct rn_example examples[] = {
    {"import-log speedrun.log", "nanochat's base, mid and SFT as a run"},
    {"import-log main.log main2.log --tag gpt2-124m", "a training that was resumed"},
    {0}};
const struct rn_command rn_command_import_log = {
    "import-log", "FILE...", "training logs of nanochat, llm.c and build-nanogpt as a run",
    opts,         run,       .examples = examples};
