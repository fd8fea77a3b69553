/* runnel run - makes what is not up to date. */
#include "device_try.h"
#include "engine.h"
#include "file.h"
#include "follow.h"
#include "mates.h"
#include "signals.h"
#include "str.h"
#include "target.h"
#include "team.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE,
    RN_OPTS_SLICE,
    {"resume-from", 0, "CHECKPOINT", "continue from this checkpoint, not from the newest"},
    {"jobs", 'j', "N", "so many stages at the same time; each gets its part of the threads (1)"},
    {"allow-exec", 0, NULL, "commands of the file's exec stages may run"},
    {"keep-going", 'k', NULL, "a stage that fails stops only what needs it"},
    RN_OPT_DEVICE,
    RN_OPT_GPUS,
    RN_OPT_THREADS,
    RN_OPT_OFFLINE,
    RN_OPT_LOCKED,
    RN_OPT_VERIFY,
    {"op-times", 0, NULL, "trainings tell at their end where the time went, by kind of op"},
    {"progress", 0, "auto|plain|tty|json|none", "how to show what happens (default: auto)"},
    {0}};

static void add_word(struct rn_str *s, const char *word)
{
    rn_str_putc(s, ' ');
    rn_str_shell(s, word);
}

static void add_option(struct rn_str *s, const struct rn_cli *cli, const char *name, bool flag)
{
    const char *value = rn_cli_opt(cli, name);
    if (!value)
        return;
    rn_str_printf(s, " --%s", name);
    if (!flag)
        add_word(s, value);
}

/* The command that goes on where this one stops: what was forced or agreed to is done by then. */
static char *command_to_continue(const struct rn_cli *cli)
{
    static const char *const kept[] = {"profile", "cell",   "runs", "until",
                                       "jobs",    "device", "gpus", "threads"};
    struct rn_str s = {0};
    rn_str_puts(&s, "runnel run");
    for (size_t i = 0; i < rn_cli_n(cli); i++)
        add_word(&s, rn_cli_arg(cli, i));
    for (size_t i = 0; i < RN_COUNT(kept); i++)
        add_option(&s, cli, kept[i], false);
    add_option(&s, cli, "keep-going", true);
    add_option(&s, cli, "allow-exec", true);
    add_option(&s, cli, "offline", true);
    add_option(&s, cli, "locked", true);
    add_option(&s, cli, "op-times", true);
    return s.p;
}

static int name_width(const struct rn_pipeline *p)
{
    size_t width = 4;
    for (size_t i = 0; i < p->n_stages; i++)
        width = strlen(p->stages[i].name) > width ? strlen(p->stages[i].name) : width;
    return (int)width;
}

static int run_pipeline(const struct rn_cli *cli, const struct rn_pipeline *p,
                        struct rn_run_how *how, struct rn_ui *ui, struct rn_err *err)
{
    char *yaml = rn_pipeline_resolved_yaml(p), *command = command_to_continue(cli);
    how->resolved_yaml = yaml;
    how->command = command;
    ui->width = name_width(p);
    int rc = rn_run(p, how, ui, err);
    free(command);
    free(yaml);
    return rc;
}

/* --- the cells of a matrix --- */

static bool stops_all(int rc)
{
    return rc == RN_ESTOPPED || rc == RN_EQUIT;
}

/* One cell after another: what two have in common is made once. With `fail_fast: false` a failure
 * is told at once and the others run; the first one's code is the end. */
static int run_cells(const struct rn_cli *cli, const struct rn_cells *cells, struct rn_run_how *how,
                     struct rn_ui *ui, struct rn_err *err)
{
    size_t n_failed = 0;
    int first = RN_OK, rc = RN_OK;
    for (size_t i = 0; i < cells->n && !stops_all(rc); i++) {
        struct rn_pipeline *p = rn_cells_compose(cells, i);
        struct rn_err one = {0};
        if (p->cell)
            rn_ui_say(ui, "cell %zu of %zu: %s  (%s)", i + 1, cells->n, p->cell, p->tag);
        rc = run_pipeline(cli, p, how, ui, &one);
        rn_pipeline_free(p);
        if (rc == RN_OK)
            continue;
        if (cells->n == 1 || cells->matrix.fail_fast || stops_all(rc))
            return rn_fail_as(err, &one);
        rn_ui_error(ui, &one);
        rn_err_print(&one, stderr);
        first = n_failed++ ? first : rc;
    }
    if (!n_failed)
        return RN_OK;
    return rn_fail(err, (enum rn_code)first, RN_PATH(cells->document->path),
                   "%zu of %zu cells failed", n_failed, cells->n);
}

/* --- several ranks --- */

/* Version, pipeline, values and what they talk through: ranks that differ do not train together. */
static void digest_config(const struct rn_pipeline *p, const struct rn_run_how *how,
                          const char *comm, char hex[RN_HEX])
{
    char *yaml = rn_pipeline_resolved_yaml(p);
    char *all = rn_xprintf("%s\n%s\n%s\n%s\n%s", RUNNEL_VERSION, p->tag, how->device, comm, yaml);
    rn_sha256_hex(all, strlen(all), hex);
    free(all);
    free(yaml);
}

/* Which rank this is, and the others where it starts them. */
struct start {
    struct rn_ranks ranks;
    struct rn_mates mates;
};

/* Rank 0 runs as one alone does, and the others do what it says. */
static int lead(const struct rn_cli *cli, const struct rn_pipeline *p, struct start *s,
                const char *config, struct rn_run_how *how, struct rn_ui *ui, struct rn_err *err)
{
    const double finish_s = 30;
    RN_TRY(rn_mates_start(&s->mates, err));
    int rc = rn_team_open(&how->team, &s->ranks, how->runs, config, err);
    bool met = rc == RN_OK;
    how->world = rn_team_world(how->team);
    if (met)
        rc = run_pipeline(cli, p, how, ui, err);
    rn_team_close(how->team, rc);
    rn_mates_end(&s->mates, met ? finish_s : 0);
    return rc;
}

/* Open MPI knows its own processes alone. */
static int check_mates(const struct start *s, const char *comm, struct rn_err *err)
{
    if (s->mates.world == 0 || strcmp(comm, "mpi") != 0)
        return RN_OK;
    return rn_fail(
        err, RN_EDEVICE, RN_NOWHERE,
        "--gpus needs NCCL; ranks that talk through Open MPI are started by mpirun -np %d",
        s->mates.world);
}

static int run_ranks(const struct rn_cli *cli, const struct rn_cells *cells, struct start *s,
                     struct rn_run_how *how, struct rn_ui *ui, struct rn_err *err)
{
    const struct rn_ranks *ranks = &s->ranks;
    char config[RN_HEX];
    const char *comm;
    if (cells->n > 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "ranks run one cell of a matrix at a time: --cell NAME");
    RN_TRY(rn_comm_find(&comm, how->device, ranks->seat.local_rank == 0 ? err : NULL)); /* once */
    RN_TRY(check_mates(s, comm, err));
    RN_TRY(rn_mkdirs(how->runs, err));
    struct rn_pipeline *p = rn_cells_compose(cells, 0);
    digest_config(p, how, comm, config);
    int rc = ranks->seat.rank > 0 ? rn_follow(p, how, ranks, config, err)
                                  : lead(cli, p, s, config, how, ui, err);
    rn_pipeline_free(p);
    return rc;
}

/* Ranks on one host share its processors, unless the launcher has dealt them out. */
static void share_threads(const struct rn_cli *cli, const struct rn_ranks *ranks,
                          struct rn_run_how *how)
{
    int here = ranks->seat.local_world;
    if (here <= 1 || rn_cli_opt(cli, "threads") || getenv("OMP_NUM_THREADS") ||
        how->threads < sysconf(_SC_NPROCESSORS_ONLN))
        return;
    how->threads = how->threads > here ? how->threads / here : 1;
}

/* A device asked for by name is missed now, not after hours of fetching. */
static int try_device(const struct rn_run_how *how, const struct rn_ranks *ranks,
                      struct rn_err *err)
{
    char *own;
    RN_TRY(rn_ranks_device(ranks, how->device, &own, err));
    int rc = rn_device_try(own, rn_ranks_cards(ranks), err);
    free(own);
    return rc;
}

static int run_loaded(const struct rn_cli *cli, const struct rn_cells *cells, struct start *s,
                      struct rn_run_how *how, struct rn_ui *ui, struct rn_err *err)
{
    const struct rn_ranks *ranks = &s->ranks;
    rn_signals_install();
    if (rn_target_device(cli))
        RN_TRY(try_device(how, ranks, err));
    share_threads(cli, ranks, how);
    return ranks->seat.world > 1 || s->mates.world > 0 ? run_ranks(cli, cells, s, how, ui, err)
                                                       : run_cells(cli, cells, how, ui, err);
}

static int load_and_run(const struct rn_cli *cli, struct start *s, struct rn_ui *ui,
                        struct rn_err *err)
{
    struct rn_run_how how;
    struct rn_cells *cells;
    RN_TRY(rn_target_words(cli, 0, err));
    RN_TRY(rn_target_how(&how, cli, err));
    how.ask = ui->mode != RN_UI_SILENT;
    int rc = rn_target_cells(&cells, cli, err);
    if (rc == RN_OK) {
        rc = run_loaded(cli, cells, s, &how, ui, err);
        rn_cells_free(cells);
    }
    rn_target_how_release(&how);
    return rc;
}

static int find_seat(const struct rn_cli *cli, struct start *s, struct rn_err *err)
{
    int gpus;
    s->mates.world = 0;
    RN_TRY(rn_ranks_detect(&s->ranks, err));
    RN_TRY(rn_target_gpus(&gpus, cli, err));
    return gpus > 0 ? rn_mates_seat(&s->mates, &s->ranks, gpus, err) : RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_ui ui;
    struct start start;
    RN_TRY(find_seat(cli, &start, err));
    int rank = start.ranks.seat.rank;
    rn_ui_init(&ui, rn_cli_json(cli) && rank == 0, 4);
    rn_ui_choose(&ui, rank == 0 ? rn_cli_opt(cli, "progress") : "none");
    int rc = load_and_run(cli, &start, &ui, err);
    if (rc != RN_OK && rank > 0)
        rn_while(err, "rank %d", rank);
    if (rc != RN_OK)
        rn_ui_error(&ui, err);
    rn_ui_release(&ui);
    return rc;
}

static const struct rn_example examples[] = {
    {"run pipelines/smoke.yaml", "a whole pipeline in a minute, offline, on any processor"},
    {"run pipelines/smoke.yaml base.horizon.steps=400", "lay a value over the file's"},
    {"run pipelines/smoke.yaml --from sft", "what comes before sft stays as it is"},
    {"run pipelines/smoke.yaml --json --progress=plain", "events on stdout, talk on stderr"},
    {0}};

const struct rn_command rn_command_run = {
    "run", RN_ARGS_PIPELINE,    "run a pipeline; what is up to date is kept", opts,
    run,   .examples = examples};
