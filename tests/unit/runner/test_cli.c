#include "cli.h"

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
