/* runnel metrics - the numbers of a run in other programs' formats. */
#include "exports.h"
#include "file.h"
#include "mem.h"
#include "target.h"

#include <stdlib.h>

static const struct rn_opt opts[] = {
    {"to", 0, "csv|json|prometheus|tensorboard|wandb-offline", "format (default: csv)"},
    {"out", 'o', "DIR", "where folders go (default: below the run)"},
    RN_OPT_STAGE,
    RN_OPTS_PIPELINE,
    {0}};

static int print_run(const struct rn_exporter *e, const struct rn_cli *cli, const char *dir,
                     struct rn_err *err)
{
    struct rn_numbers n;
    const char *given = rn_cli_opt(cli, "out");
    char *folder = given ? rn_xdup(given) : e->folder ? rn_join(dir, e->folder) : NULL;
    int rc = rn_numbers_read(&n, dir, rn_cli_opt(cli, "stage"), err);
    if (rc == RN_OK) {
        rc = e->write(&n, stdout, folder, err);
        rn_numbers_release(&n);
    }
    free(folder);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *to = rn_cli_opt(cli, "to");
    const struct rn_exporter *e = rn_exporter_find(to ? to : rn_cli_json(cli) ? "json" : "csv");
    RN_ASSERT(e); /* the option's own words are checked */
    if (rn_cli_opt(cli, "out") && !e->folder)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "--out is for formats that are folders; %s goes "
                       "to stdout",
                       e->name);
    char *dir;
    RN_TRY(rn_target_run(&dir, cli, err));
    int rc = print_run(e, cli, dir, err);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"metrics smoke-1a2b3c4d --to csv", "every number of every stage"},
    {"metrics smoke-1a2b3c4d --stage base --to json", "one stage, a JSON object a step"},
    {"metrics smoke-1a2b3c4d --to tensorboard", "event files below the run's folder"},
    {0}};
const struct rn_command rn_command_metrics = {
    "metrics", "RUN [key=value ...]", "the numbers of a run", opts, run, .examples = examples};
