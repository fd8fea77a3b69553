#include "cli.h"
#include "help.h"
#include "spec.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct rn_cli *cli;
static struct rn_err err;

static int parse(const char *const *words)
{
    char *argv[16] = {0};
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = (char *)words[argc];
    err = (struct rn_err){0};
    return rn_cli_parse(&cli, argc, argv, &err);
}
#define PARSE(...) parse((const char *const[]){"runnel", __VA_ARGS__, NULL})

Test(cli, options_stand_anywhere)
{
    cr_assert_eq(PARSE("--json", "check", "-p", "a", "f.yaml", "--profile=b", "x=1", "--", "--y"),
                 RN_OK);
    cr_assert(rn_cli_json(cli));
    cr_assert_str_eq(rn_cli_opt(cli, "profile"), "b");
    cr_assert_str_eq(rn_cli_opt_at(cli, "profile", 0), "a");
    cr_assert_str_eq(rn_cli_opt_at(cli, "profile", 1), "b");
    cr_assert_null(rn_cli_opt_at(cli, "profile", 2));
    cr_assert_eq(rn_cli_n(cli), 3);
    cr_assert_str_eq(rn_cli_arg(cli, 2), "--y");
    cr_assert_null(rn_cli_arg(cli, 3));
    rn_cli_free(cli);
}

Test(cli, help_is_a_word_as_well)
{
    cr_assert_eq(PARSE("help", "run"), RN_OK);
    cr_assert_not_null(rn_cli_opt(cli, "help"));
    cr_assert_eq(rn_cli_n(cli), 0);
    rn_cli_free(cli);
    cr_assert_eq(PARSE("run", "help"), RN_OK);
    cr_assert_null(rn_cli_opt(cli, "help"), "a file may have that name");
    rn_cli_free(cli);
}

Test(cli, runs_lie_where_option_environment_or_habit_say)
{
    unsetenv("RUNNEL_RUNS");
    PARSE("check");
    cr_assert_str_eq(rn_cli_runs(cli), "runs");
    setenv("RUNNEL_RUNS", "elsewhere", 1);
    cr_assert_str_eq(rn_cli_runs(cli), "elsewhere");
    rn_cli_free(cli);
    PARSE("check", "--runs", "here");
    cr_assert_str_eq(rn_cli_runs(cli), "here");
    rn_cli_free(cli);
}

static void refuses(int rc, const char *msg, const char *hint)
{
    cr_assert_eq(rc, RN_EUSAGE);
    cr_assert_str_eq(err.msg, msg);
    cr_assert_str_eq(err.hint, hint);
    rn_cli_free(cli);
}

Test(cli, usage_errors)
{
    refuses(PARSE("chekc"), "unknown command 'chekc'", "did you mean 'runnel check'?");
    refuses(PARSE("zzz"), "unknown command 'zzz'", "'runnel --help' lists the commands");
    refuses(PARSE("check", "--porfile", "x"), "unknown option '--porfile' of runnel check",
            "did you mean '--profile'?");
    refuses(PARSE("check", "-x"), "unknown option '-x' of runnel check", "");
    refuses(PARSE("check", "--p", "x"), "unknown option '--p' of runnel check", "");
    refuses(PARSE("check", "-p"), "option '--profile' needs a value: PROFILE", "");
    refuses(PARSE("check", "--json=1"), "option '--json' takes no value", "");
}

Test(cli, a_closed_set_of_words_is_checked)
{
    refuses(PARSE("metrics", "--to", "xml"),
            "--to is csv, json, prometheus, tensorboard or wandb-offline, not 'xml'", "");
}

static int run_parsed(int rc)
{
    return rc == RN_OK ? rn_cli_run(cli, &err) : rc;
}

Test(cli, number_and_words_of_arguments_come_from_the_table)
{
    refuses(run_parsed(PARSE("plan")), "no FILE given", "usage: runnel plan FILE [key=value ...]");
    refuses(run_parsed(PARSE("version", "x")), "'x' is one argument too many",
            "usage: runnel version");
    refuses(run_parsed(PARSE("completion", "tcsh")),
            "the argument is bash, zsh, fish or words, not 'tcsh'", "");
}

Test(cli, every_example_is_a_line_that_the_parser_takes)
{
    for (const struct rn_command *const *c = rn_commands; *c; c++) {
        cr_expect((*c)->examples && (*c)->examples->line, "%s has no example", (*c)->name);
        for (const struct rn_example *e = (*c)->examples; e && e->line; e++) {
            char line[256], *words[32] = {"runnel"};
            int n = 1;
            snprintf(line, sizeof line, "%s", e->line);
            for (char *w = strtok(line, " "); w && n < 31; w = strtok(NULL, " "))
                words[n++] = w;
            err = (struct rn_err){0};
            cr_assert_eq(rn_cli_parse(&cli, n, words, &err), RN_OK, "%s: %s", e->line, err.msg);
            cr_assert_str_eq(words[1], (*c)->name, "%s", e->line);
            rn_cli_free(cli);
        }
    }
}

Test(cli, no_option_is_listed_twice)
{
    for (const struct rn_command *const *c = rn_commands; *c; c++)
        for (const struct rn_opt *o = (*c)->opts; o && o->name; o++)
            cr_assert_eq(rn_help_option(*c, o->name, strlen(o->name)), o, "%s --%s", (*c)->name,
                         o->name);
}

Test(spec, arguments_are_taken_apart)
{
    struct rn_slot s[RN_SLOTS];
    cr_assert_eq(rn_slots_read("", s), 0);
    cr_assert_eq(rn_slots_read("train|info [FILE ...]", s), 2);
    cr_assert(!s[0].optional && !s[0].repeats && s[1].optional && s[1].repeats);
    cr_assert_str_eq(s[0].spec, "train|info");
    cr_assert_eq(rn_slot_of(s, 2, 9), &s[1]);
    cr_assert_eq(rn_slots_read("[RUN [STAGE]]", s), 2);
    cr_assert(s[0].optional && s[1].optional);
    cr_assert_null(rn_slot_of(s, 2, 2));
    cr_assert_eq(rn_slots_read("RUN RUN", s), 2);
    cr_assert(!s[0].optional && !s[1].optional);
}

Test(spec, words_close_a_set_and_values_open_it)
{
    cr_assert(rn_spec_takes("csv|json", "json"));
    cr_assert(!rn_spec_takes("csv|json", "jso"));
    cr_assert(!rn_spec_takes("csv|json", ""));
    cr_assert(rn_spec_takes("all|STAGE", "base"));
    cr_assert(rn_spec_takes("STAGE", ""));
    cr_assert(rn_spec_takes("key=value", "a=b"));
}
