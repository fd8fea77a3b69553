/* manual.h - the reference of the command line, written from its tables.
 *
 *     rn_manual_man(stdout);         docs/runnel.1
 *     rn_manual_markdown(stdout);    docs/commands.md
 *
 * Commands, options and examples are those of --help; kinds of values come from values.def, exit
 * codes from base/err.h, the environment from environment.def. No clock, no path: equal programs
 * write equal pages. */
#ifndef RN_MANUAL_H
#define RN_MANUAL_H

#include <stdio.h>

void rn_manual_man(FILE *out);
void rn_manual_markdown(FILE *out);

#endif
