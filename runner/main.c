/* runner/main.c - parses, runs, prints the error, exits. Nothing else exits. */
#include "cli.h"

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    struct rn_cli *cli = NULL;
    int rc = rn_cli_parse(&cli, argc, argv, &err);
    if (rc == RN_OK)
        rc = rn_cli_run(cli, &err);
    if (rc == RN_OK && (fflush(stdout) != 0 || ferror(stdout)))
        rc = rn_fail_errno(&err, RN_NOWHERE, "cannot write to stdout");
    if (rc != RN_OK && err.code != RN_OK)
        rn_err_print(&err, stderr);
    rn_cli_free(cli);
    return rn_code_exit((enum rn_code)rc);
}
