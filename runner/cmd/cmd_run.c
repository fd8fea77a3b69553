/* runnel run - makes what is not up to date. */
#include "engine.h"
#include "signals.h"
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rn_opt opts[] = {
    RN_OPT_PROFILE,
    RN_OPTS_SLICE,
    {"resume-from", 0, "CHECKPOINT", "continue from this checkpoint, not from the newest"},
    {"jobs", 'j', "N", "so many stages at the same time; each gets its part of the threads (1)"},
    {"keep-going", 'k', NULL, "a stage that fails stops only what needs it"},
    RN_OPT_DEVICE,
    RN_OPT_THREADS,
    RN_OPT_OFFLINE,
    RN_OPT_LOCKED,
    RN_OPT_VERIFY,
    {0}};

static void add_word(struct rn_str *s, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=:,+%@";
    if (*word && strspn(word, plain) == strlen(word)) {
        rn_str_printf(s, " %s", word);
        return;
    }
    rn_str_puts(s, " '");
    for (; *word; word++)
        if (*word == '\'')
            rn_str_puts(s, "'\\''");
        else
            rn_str_putc(s, *word);
    rn_str_putc(s, '\'');
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
    static const char *const kept[] = {"profile", "runs", "until", "jobs", "device", "threads"};
    struct rn_str s = {0};
    rn_str_puts(&s, "runnel run");
    for (size_t i = 0; i < rn_cli_n(cli); i++)
        add_word(&s, rn_cli_arg(cli, i));
    for (size_t i = 0; i < RN_COUNT(kept); i++)
        add_option(&s, cli, kept[i], false);
    add_option(&s, cli, "keep-going", true);
    add_option(&s, cli, "offline", true);
    add_option(&s, cli, "locked", true);
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
                        struct rn_run_how *how, struct rn_err *err)
{
    struct rn_ui ui;
    char *yaml = rn_pipeline_resolved_yaml(p), *command = command_to_continue(cli);
    how->resolved_yaml = yaml;
    how->command = command;
    rn_ui_init(&ui, rn_cli_json(cli), name_width(p));
    rn_signals_install();
    int rc = rn_run(p, how, &ui, err);
    rn_ui_release(&ui);
    free(command);
    free(yaml);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_run_how how = {.runs = rn_cli_runs(cli),
                             .from = rn_cli_opt(cli, "from"),
                             .until = rn_cli_opt(cli, "until"),
                             .only = rn_cli_opt(cli, "only"),
                             .resume_from = rn_cli_opt(cli, "resume-from"),
                             .device = rn_cli_opt(cli, "device"),
                             .accept_stale = rn_cli_opt(cli, "accept-stale"),
                             .offline = rn_cli_opt(cli, "offline"),
                             .locked = rn_cli_opt(cli, "locked"),
                             .ask = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) &&
                                    !rn_cli_json(cli)};
    if (!how.device)
        how.device = "cpu";
    RN_TRY(rn_target_verify(&how.verify, cli, err));
    how.keep_going = rn_cli_opt(cli, "keep-going");
    RN_TRY(rn_target_jobs(&how.jobs, cli, err));
    RN_TRY(rn_target_threads(&how.threads, cli, err));
    struct rn_pipeline *p;
    RN_TRY(rn_target_pipeline(&p, cli, err));
    const char **force = rn_target_list(cli, "force"), **yes = rn_target_list(cli, "yes");
    how.force = force;
    how.yes = yes;
    int rc = run_pipeline(cli, p, &how, err);
    free(force);
    free(yes);
    rn_pipeline_free(p);
    return rc;
}

const struct rn_command rn_command_run = {"run", RN_ARGS_PIPELINE,
                                          "run a pipeline; what is up to date is kept", opts, run};
