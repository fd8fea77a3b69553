/* runner/signals.h - INT, TERM, USR1 and USR2: the first asks to stop, the second stops. */
#ifndef RN_SIGNALS_H
#define RN_SIGNALS_H

#include <stdbool.h>

/* From now on the first of the four sets the flag; the second ends the process at once with 130.
 * SIGPIPE is ignored: a closed pipe is an error of the write. */
void rn_signals_install(void);
bool rn_signals_stopping(void);
void rn_signals_stop(void); /* sets the flag, for tests and for whoever decides to stop */
void rn_signals_reset(void);

#endif
