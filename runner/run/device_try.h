/* device_try.h - whether a device can compute, told before hours are spent on data for it.
 *
 *     RN_TRY(rn_device_try("cuda:1", 2, err));      the second card of at least two
 *
 * It is opened and closed in a process of its own: the runner opens none, because it forks. */
#ifndef RN_DEVICE_TRY_H
#define RN_DEVICE_TRY_H

#include "err.h"

/* RN_EDEVICE says what is missing, also if it is cards for all the ranks on this host. After
 * rn_signals_install, while the process has one thread. */
int rn_device_try(const char *device, int cards, struct rn_err *);

#endif
