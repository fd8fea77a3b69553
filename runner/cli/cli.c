#include "cli.h"

#include "help.h"
#include "mem.h"
#include "nearest.h"
#include "overrides.h"
#include "spec.h"
#include "str.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct given {
    const struct rn_opt *opt;
    const char *value;
};
struct rn_cli {
    const struct rn_command *command; /* NULL: none was named */
    struct given *opts;
    size_t n_opts, cap_opts;
    const char **args;
    size_t n_args, cap_args;
};

/* --- reading --- */

static const char *value_at(const struct rn_cli *cli, const char *name, size_t i)
{
    for (size_t k = 0; k < cli->n_opts; k++)
        if (strcmp(cli->opts[k].opt->name, name) == 0 && i-- == 0)
            return cli->opts[k].value;
    return NULL;
}

const char *rn_cli_opt_at(const struct rn_cli *cli, const char *name, size_t i)
{
    return value_at(cli, name, i);
}

const char *rn_cli_opt(const struct rn_cli *cli, const char *name)
{
    const char *last = NULL, *value;
    for (size_t i = 0; (value = value_at(cli, name, i)); i++)
        last = value;
    return last;
}

int rn_cli_int(const struct rn_cli *cli, const char *name, int64_t absent, int64_t min, int64_t max,
               int64_t *out, struct rn_err *err)
{
    const char *text = rn_cli_opt(cli, name);
    char *end = NULL;
    errno = 0;
    *out = text ? strtoll(text, &end, 10) : absent;
    if (text && (end == text || *end || errno || *out < min || *out > max))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "--%s is a whole number from %" PRId64 " to %" PRId64 ", not '%.64s'", name,
                       min, max, text);
    return RN_OK;
}

int rn_cli_real(const struct rn_cli *cli, const char *name, double absent, double min, double max,
                double *out, struct rn_err *err)
{
    const char *text = rn_cli_opt(cli, name);
    char why[RN_WHY] = "";
    *out = absent;
    if (text && !rn_units_real(text, RN_U_COUNT, out, why))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s: %s", name, why);
    if (text && !(*out >= min && *out <= max))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s is a number from %g to %g, not '%.64s'",
                       name, min, max, text);
    return RN_OK;
}

size_t rn_cli_n(const struct rn_cli *cli)
{
    return cli->n_args;
}

const char *rn_cli_arg(const struct rn_cli *cli, size_t i)
{
    return i < cli->n_args ? cli->args[i] : NULL;
}

bool rn_cli_json(const struct rn_cli *cli)
{
    return rn_cli_opt(cli, "json") != NULL;
}

const char *rn_cli_runs(const struct rn_cli *cli)
{
    const char *given = rn_cli_opt(cli, "runs"), *env = getenv("RUNNEL_RUNS");
    return given ? given : env && *env ? env : "runs";
}

/* --- parsing --- */

static void try_options(struct rn_nearest *near, const struct rn_opt *opts)
{
    for (; opts && opts->name; opts++)
        rn_nearest_try(near, opts->name);
}

/* "csv or json", "bash, zsh or fish" */
static void list_words(struct rn_str *s, const char *spec)
{
    char part[RN_SPEC_BYTES], next[RN_SPEC_BYTES];
    for (size_t i = 0; rn_spec_part(spec, i, part); i++)
        rn_str_printf(s, "%s%s",
                      i == 0                            ? ""
                      : rn_spec_part(spec, i + 1, next) ? ", "
                                                        : " or ",
                      part);
}

static int not_among(const char *what, const char *spec, const char *text, struct rn_err *err)
{
    struct rn_str words = {0};
    list_words(&words, spec);
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "%s is %s, not '%.64s'", what, words.p, text);
    rn_str_release(&words);
    return RN_EUSAGE;
}

static int unknown_option(const struct rn_cli *cli, const char *word, const char *name, size_t n,
                          struct rn_err *err)
{
    char copy[64];
    struct rn_nearest near = {.to = copy};
    snprintf(copy, sizeof copy, "%.*s", (int)n, name);
    try_options(&near, cli->command ? cli->command->opts : NULL);
    try_options(&near, rn_opts_everywhere);
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "unknown option '%.*s%s'%s%s", (int)(name - word), word,
            copy, cli->command ? " of runnel " : "", cli->command ? cli->command->name : "");
    if (near.word)
        rn_hint(err, "did you mean '--%s'?", near.word);
    return RN_EUSAGE;
}

/* argv[*i] is an option; takes its value, which may be the next word. */
static int take_option(struct rn_cli *cli, int argc, char **argv, int *i, struct rn_err *err)
{
    bool is_long = argv[*i][1] == '-';
    const char *name = argv[*i] + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL;
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct rn_opt *opt = is_long == (n == 1) ? NULL : rn_help_option(cli->command, name, n);
    if (!opt)
        return unknown_option(cli, argv[*i], name, n, err);
    const char *value = equals ? equals + 1 : "";
    if (!opt->arg && equals)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "option '--%s' takes no value", opt->name);
    if (opt->arg && !equals) {
        if (*i + 1 >= argc)
            return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "option '--%s' needs a value: %s", opt->name,
                           opt->arg);
        value = argv[++*i];
    }
    if (opt->arg && !rn_spec_takes(opt->arg, value)) {
        char what[64];
        snprintf(what, sizeof what, "--%s", opt->name);
        return not_among(what, opt->arg, value, err);
    }
    RN_PUSH(cli->opts, cli->n_opts, cli->cap_opts, ((struct given){opt, value}));
    return RN_OK;
}

static int take_command(struct rn_cli *cli, const char *name, struct rn_err *err)
{
    if (strcmp(name, "help") == 0) { /* `runnel help run`, as other programs have it */
        RN_PUSH(cli->opts, cli->n_opts, cli->cap_opts,
                ((struct given){rn_help_option(NULL, name, strlen(name)), ""}));
        return RN_OK;
    }
    cli->command = rn_help_find(name);
    if (cli->command)
        return RN_OK;
    struct rn_nearest near = {.to = name};
    for (size_t i = 0; rn_commands[i]; i++)
        rn_nearest_try(&near, rn_commands[i]->name);
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "unknown command '%.64s'", name);
    if (near.word)
        rn_hint(err, "did you mean 'runnel %s'?", near.word);
    else
        rn_hint(err, "'runnel --help' lists the commands");
    return RN_EUSAGE;
}

int rn_cli_parse(struct rn_cli **out, int argc, char **argv, struct rn_err *err)
{
    struct rn_cli *cli = *out = rn_new(struct rn_cli);
    bool options = true;
    for (int i = 1; i < argc; i++) {
        bool option = options && argv[i][0] == '-' && argv[i][1] != '\0';
        if (option && strcmp(argv[i], "--") == 0)
            options = false;
        else if (option)
            RN_TRY(take_option(cli, argc, argv, &i, err));
        else if (!cli->command)
            RN_TRY(take_command(cli, argv[i], err));
        else
            RN_PUSH(cli->args, cli->n_args, cli->cap_args, argv[i]);
    }
    return RN_OK;
}

void rn_cli_free(struct rn_cli *cli)
{
    if (!cli)
        return;
    free(cli->opts);
    free(cli->args);
    free(cli);
}

/* --- running --- */

static int usage(const struct rn_cli *cli, struct rn_err *err)
{
    const struct rn_command *c = cli->command;
    rn_hint(err, "usage: runnel %s%s%s", c->name, *c->args ? " " : "", c->args);
    return RN_EUSAGE;
}

/* Places, words and number of the positional arguments are as the command's table says. */
static int check_args(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_slot slots[RN_SLOTS];
    size_t n = rn_slots_read(cli->command->args, slots);
    for (size_t i = cli->n_args; i < n; i++)
        if (!slots[i].optional) {
            rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no %s given", slots[i].spec);
            return usage(cli, err);
        }
    bool overrides = n > 0 && strcmp(slots[n - 1].spec, "key=value") == 0;
    for (size_t i = 0, word = 0; i < cli->n_args; i++) {
        if (overrides && i > 0 && rn_is_override(cli->args[i]))
            continue;
        const struct rn_slot *slot = rn_slot_of(slots, n, word++);
        if (!slot) {
            rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%.64s' is one argument too many", cli->args[i]);
            return usage(cli, err);
        }
        if (!rn_spec_takes(slot->spec, cli->args[i]))
            return not_among("the argument", slot->spec, cli->args[i], err);
    }
    return RN_OK;
}

int rn_cli_run(const struct rn_cli *cli, struct rn_err *err)
{
    if (rn_cli_opt(cli, "help")) {
        if (cli->command)
            rn_help_command(cli->command, stdout);
        else
            rn_help(stdout);
        return RN_OK;
    }
    if (rn_cli_opt(cli, "version") && !cli->command) {
        printf("runnel %s\n", RUNNEL_VERSION);
        return RN_OK;
    }
    if (!cli->command) {
        rn_help(stderr);
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no command given");
    }
    RN_TRY(check_args(cli, err));
    return cli->command->run(cli, err);
}
