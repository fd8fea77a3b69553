/* command.h - a command of the program: one line in commands.def and one file
 * cmd/cmd_<name>.c.
 *
 *     static const struct rn_opt opts[] = {
 *         RN_OPTS_PIPELINE,
 *         {"stage", 0, "STAGE", "this stage only"},
 *         {"to", 0, "csv|json", "format (default: csv)"},
 *         {"all", 'a', NULL, "stages without numbers too"},
 *         {0}};
 *     static const struct rn_example examples[] = {
 *         {"metrics smoke --to csv", "the numbers of every step"}, {0}};
 *     const struct rn_command rn_command_metrics = {
 *         "metrics", "RUN [STAGE]", "the numbers of a run", opts, run, .examples = examples};
 *
 * That is all there is to write: parser, --help, man page, docs/commands.md and the completion of
 * three shells read these tables. Rows that several commands share are in options.h; the parser
 * refuses a value that is not among an option's words. Results go to stdout, talk to stderr. A
 * command returns a code; main() prints the error and exits. --json, --help and --runs exist
 * everywhere. `ninja docs` renews the pages. */
#ifndef RN_COMMAND_H
#define RN_COMMAND_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value is called says what it is: words are what may stand there ("csv|json"), a name of
 * values.def is completed as that table says ("STAGE"), any other name is free text. */
struct rn_opt {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    const char *arg;  /* NULL: a flag; otherwise what its value is called */
    const char *doc;
};

/* A command line without `runnel`; a test parses every one. */
struct rn_example {
    const char *line, *doc; /* line NULL ends the table */
};

struct rn_cli;
/* Value of an option as last given (--name V or --name=V), NULL if not given; flags give "". */
const char *rn_cli_opt(const struct rn_cli *, const char *name);
/* i-th value of an option that may repeat (--force A --force B); NULL past the end. */
const char *rn_cli_opt_at(const struct rn_cli *, const char *name, size_t i);
/* A whole number from min to max; `absent` if it was not given. RN_EUSAGE. */
int rn_cli_int(const struct rn_cli *, const char *name, int64_t absent, int64_t min, int64_t max,
               int64_t *out, struct rn_err *);
/* A number from min to max, with k, M, B behind it if one likes: 0.5, 8.7e14, 10B. RN_EUSAGE. */
int rn_cli_real(const struct rn_cli *, const char *name, double absent, double min, double max,
                double *out, struct rn_err *);
size_t rn_cli_n(const struct rn_cli *);                  /* positional arguments */
const char *rn_cli_arg(const struct rn_cli *, size_t i); /* NULL past the end */
bool rn_cli_json(const struct rn_cli *);
const char *rn_cli_runs(const struct rn_cli *); /* --runs, $RUNNEL_RUNS or "runs" */

struct rn_command {
    const char *name;
    /* Positional arguments as the help shows them: "RUN [STAGE]", "FILE [key=value ...]",
     * "bash|zsh|fish"; [ ] may be left out, ... may repeat. "": the parser refuses any. */
    const char *args;
    const char *doc; /* one line, no capital, no full stop */
    const struct rn_opt *opts;
    int (*run)(const struct rn_cli *, struct rn_err *);
    const char *details;               /* paragraphs, separated by "\n\n"; or NULL */
    const struct rn_example *examples; /* or NULL */
};
extern const struct rn_command *const rn_commands[]; /* NULL-ended, commands.def order */

#endif
