/* help.h - the help texts, and the tables behind them in the order of the help.
 *
 *     rn_help(stdout);                        all commands
 *     rn_help_command(command, stdout);       one */
#ifndef RN_HELP_H
#define RN_HELP_H

#include "command.h"

/* The options that every command has. */
extern const struct rn_opt rn_opts_everywhere[];

/* commands.def in order: a heading, or a command below it. Ends with both NULL. */
struct rn_shelf {
    const char *title;
    const struct rn_command *command;
};
extern const struct rn_shelf rn_shelves[];

/* By name; NULL if there is none. An option by its first n characters, name or letter, of the
 * command (may be NULL) or of every command. */
const struct rn_command *rn_help_find(const char *command);
const struct rn_opt *rn_help_option(const struct rn_command *, const char *name, size_t n);

void rn_help(FILE *out);
void rn_help_command(const struct rn_command *, FILE *out);

#endif
