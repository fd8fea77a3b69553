/* consent.h - asks the person at the terminal, and hears signals meanwhile.
 *
 *     if (rn_consent_possible() && rn_consent_ask("delete %zu of them?", n))
 *         ...
 *
 * Who has more to listen to (scheduler.c) asks in its own words between rn_consent_open and the
 * moment stdin can be read, and then takes the answer with rn_consent_read. */
#ifndef RN_CONSENT_H
#define RN_CONSENT_H

#include "err.h"

#include <stdbool.h>

/* stdin and stderr are a terminal, and it listens to us: not to a job in its foreground. */
bool rn_consent_possible(void);
/* Writes the question and waits. False: anything but y, the end of the input, or a signal. */
bool rn_consent_ask(const char *fmt, ...) RN_PRINTF(1, 2);

/* Before so many things are deleted: RN_OK if the person said so, with --yes or now; otherwise
 * RN_EUSAGE with the flag to pass. */
int rn_consent_delete(bool yes, size_t n, double size_bytes, struct rn_err *);

/* Forgets what was typed before there was a question. */
void rn_consent_open(void);
/* The answer, once stdin can be read. */
bool rn_consent_read(void);

#endif
