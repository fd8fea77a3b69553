#include "command.h"

#include <stdio.h>

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    (void)err;
    if (rn_cli_json(cli))
        printf("{\"version\":\"%s\"}\n", RUNNEL_VERSION);
    else
        printf("runnel %s\n", RUNNEL_VERSION);
    return RN_OK;
}

static const struct rn_example examples[] = {{"version --json", "for programs"}, {0}};
const struct rn_command rn_command_version = {"version", "",  "version of the program",
                                              NULL,      run, .examples = examples};
