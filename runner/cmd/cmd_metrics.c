/* runnel metrics - the numbers of a run in other programs' formats. */
#include "clock.h"
#include "exports.h"
#include "locks.h"
#include "mem.h"
#include "path.h"
#include "sampler.h"
#include "scrape.h"
#include "signals.h"
#include "target.h"
#include "units.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"to", 0, "csv|json|prometheus|tensorboard|wandb-offline", "format (default: csv)"},
    {"out", 'o', "PATH", "where folders go (default: below the run); prometheus: this file"},
    {"every", 0, "TIME", "prometheus: write --out again so often, until the run ends or Ctrl-C"},
    {"serve", 0, "ADDRESS:PORT", "prometheus: answer GET /metrics there until Ctrl-C; loopback"},
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

/* --- for Prometheus: read again and again --- */

static bool is_running(const char *dir)
{
    return rn_lock_held_run(dir, NULL, 0);
}

/* Once, and as long as the run lives if it is to be renewed: the last time after its end. */
static int write_file(const struct rn_cli *cli, const char *dir, struct rn_err *err)
{
    const char *path = rn_cli_opt(cli, "out"), *stage = rn_cli_opt(cli, "stage");
    const char *every = rn_cli_opt(cli, "every");
    char why[RN_WHY] = "at least 1 s";
    double every_s = 1;
    if (every && (!rn_units_real(every, RN_U_TIME, &every_s, why) || every_s < 1))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--every: %s", why);
    rn_signals_install();
    struct rn_pace pace = rn_pace_from(rn_clock_s(), 1 / every_s);
    for (bool more = true; more;) {
        more = every && is_running(dir) && !rn_signals_stopping();
        RN_TRY(rn_scrape_file(dir, stage, path, err));
        rn_pace_step(&pace, rn_clock_s());
        if (more)
            rn_pace_wait(&pace);
    }
    return RN_OK;
}

static int serve(const struct rn_cli *cli, const char *dir, struct rn_err *err)
{
    struct rn_scrape *s;
    rn_signals_install();
    RN_TRY(rn_scrape_start(&s, dir, rn_cli_opt(cli, "stage"), rn_cli_opt(cli, "serve"), err));
    printf("%s\n", rn_scrape_url(s));
    fflush(stdout);
    while (!rn_signals_stopping())
        poll(&(struct pollfd){.fd = rn_signals_fd(), .events = POLLIN}, 1, -1);
    rn_scrape_stop(s);
    return RN_OK;
}

/* --- the command --- */

/* Which way out, and that nothing was asked for which another way has. */
static int check_options(const struct rn_cli *cli, const struct rn_exporter *e, struct rn_err *err)
{
    bool out = rn_cli_opt(cli, "out"), every = rn_cli_opt(cli, "every");
    bool serves = rn_cli_opt(cli, "serve"), prometheus = strcmp(e->name, "prometheus") == 0;
    if ((every || serves) && !prometheus)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--every and --serve are for --to prometheus");
    if (serves && (out || every))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--serve answers, --out and --every write");
    if (every && !out)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--every writes a file: --out PATH");
    if (out && !e->folder && !prometheus)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "--out is for formats that are folders; %s goes to stdout", e->name);
    return RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *to = rn_cli_opt(cli, "to");
    const struct rn_exporter *e = rn_exporter_find(to ? to : rn_cli_json(cli) ? "json" : "csv");
    RN_ASSERT(e); /* the option's own words are checked */
    RN_TRY(check_options(cli, e, err));
    char *dir;
    RN_TRY(rn_target_run(&dir, cli, err));
    int rc = rn_cli_opt(cli, "serve")               ? serve(cli, dir, err)
             : rn_cli_opt(cli, "out") && !e->folder ? write_file(cli, dir, err)
                                                    : print_run(e, cli, dir, err);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"metrics smoke-1a2b3c4d --to csv", "every number of every stage"},
    {"metrics smoke-1a2b3c4d --stage base --to json", "one stage, a JSON object a step"},
    {"metrics smoke-1a2b3c4d --to prometheus --out /var/lib/node_exporter/smoke.prom --every 15s",
     "for node_exporter's textfile collector, while the run lives"},
    {"metrics smoke-1a2b3c4d --to prometheus --serve 127.0.0.1:9464", "for Prometheus itself"},
    {"metrics smoke-1a2b3c4d --to tensorboard", "event files below the run's folder"},
    {0}};
const struct rn_command rn_command_metrics = {
    "metrics", "RUN [key=value ...]", "the numbers of a run", opts, run, .examples = examples};
