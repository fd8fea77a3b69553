/* cli.h - a command line taken apart by the tables of the commands.
 *
 *     struct rn_cli *cli;
 *     int rc = rn_cli_parse(&cli, argc, argv, &err);
 *     if (rc == RN_OK)
 *         rc = rn_cli_run(cli, &err);
 *     rn_cli_free(cli);
 *
 * Options may stand anywhere; "--" ends them. Reading the parsed line: command.h. */
#ifndef RN_CLI_H
#define RN_CLI_H

#include "command.h"

/* RN_EUSAGE for unknown commands and options, with the nearest known one. argv is borrowed. */
int rn_cli_parse(struct rn_cli **, int argc, char **argv, struct rn_err *);
/* Runs the command, or prints the help or version that was asked for. */
int rn_cli_run(const struct rn_cli *, struct rn_err *);
void rn_cli_free(struct rn_cli *); /* takes NULL */

#endif
