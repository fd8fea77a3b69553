#include "command.h"

#include <stdio.h>

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    if (rn_cli_n(cli) > 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "version takes no arguments");
    if (rn_cli_json(cli))
        printf("{\"version\":\"%s\"}\n", RUNNEL_VERSION);
    else
        printf("runnel %s\n", RUNNEL_VERSION);
    return RN_OK;
}

const struct rn_command rn_command_version = {"version", "", "version of the program", NULL, run};
