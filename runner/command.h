/* runner/command.h - a command of the program: one line in commands.def and one file cmd_<name>.c.
 *
 *     static const struct rn_opt opts[] = {
 *         {"tokenizer", 0, "FILE", "tokenizer directory or .tiktoken file"},
 *         {"json-lines", 0, NULL, "read one JSON string a line"},
 *         {0}};
 *     const struct rn_command rn_command_tokenizer = {
 *         "tokenizer", "train|encode|decode|info ...", "train and use tokenizers", opts, run};
 *
 * Results go to stdout, talk to stderr. A command returns a code; main() prints the error and
 * exits. Help, completion and 'did you mean' read these tables. --json, --help and --runs exist
 * everywhere. */
#ifndef RN_COMMAND_H
#define RN_COMMAND_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct rn_opt {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    const char *arg;  /* NULL: a flag; otherwise what its value is called */
    const char *doc;
};

struct rn_cli;
/* Value of an option as last given (--name V or --name=V), NULL if not given; flags give "". */
const char *rn_cli_opt(const struct rn_cli *, const char *name);
/* i-th value of an option that may repeat (--force A --force B); NULL past the end. */
const char *rn_cli_opt_at(const struct rn_cli *, const char *name, size_t i);
size_t rn_cli_n(const struct rn_cli *);                  /* positional arguments */
const char *rn_cli_arg(const struct rn_cli *, size_t i); /* NULL past the end */
bool rn_cli_json(const struct rn_cli *);
const char *rn_cli_runs(const struct rn_cli *); /* --runs, $RUNNEL_RUNS or "runs" */

struct rn_command {
    const char *name, *args, *doc;
    const struct rn_opt *opts;
    int (*run)(const struct rn_cli *, struct rn_err *);
};
extern const struct rn_command *const rn_commands[]; /* NULL-ended, commands.def order */

#endif
