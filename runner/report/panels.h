/* panels.h - a run as a picture: loss against steps and time, MFU, throughput.
 *
 *     RN_TRY(rn_panels_write(&account, "run.png", err));
 *
 * Drawn by cairo, which is opened when it is asked for: the program starts and works without it.
 * Whether it was built with cairo's headers decides if it can ask at all. */
#ifndef RN_PANELS_H
#define RN_PANELS_H

#include "account.h"

/* Before anything is written: RN_EUSAGE with what to install if there is no cairo, be it that the
 * program was built without it or that this machine lacks it. */
int rn_panels_need(const char *path, struct rn_err *);
/* The same, and RN_EIO. A metric that the run has not leaves
 * its panel empty, and says so in it. */
int rn_panels_write(const struct rn_account *, const char *path, struct rn_err *);

#endif
