/* signals.h - INT, TERM, USR1 and USR2: the first asks to stop, the second stops. HUP, unless it is
 * ignored (nohup), asks.
 *
 *     rn_signals_install();
 *     poll() on rn_signals_fd() too            readable once a signal came or a child ended
 *     rn_signals_drain();
 *     if (rn_signals_stopping()) ...
 */
#ifndef RN_SIGNALS_H
#define RN_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on the first of the four sets the flag; the second kills the guarded process groups and
 * ends this process at once with 130. The end of a child wakes whoever polls. SIGPIPE and
 * SIGXFSZ are ignored: a closed pipe and a file too large are errors of the write. May be called
 * again. */
void rn_signals_install(void);
bool rn_signals_stopping(void);
void rn_signals_stop(void); /* sets the flag, for tests and for whoever decides to stop */
void rn_signals_reset(void);

int rn_signals_fd(void);
void rn_signals_drain(void);

/* Groups that the second signal takes along. Of the thread that gets the signals. */
void rn_signals_guard(pid_t group);
void rn_signals_unguard(pid_t group);

/* In a forked child: any of them only sets the flag, however often; its parent ends it. */
void rn_signals_in_child(void);

#endif
