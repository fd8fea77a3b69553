/* model/peak.h - how fast this device multiplies matrices: the yardstick of MFU.
 *
 *     double peak = rn_peak_flops(device);
 *
 * The best of a few fp32 products of 1024 x 1024 matrices filled with random numbers, through the
 * same op that the model uses. Takes well under a second. 0 if the device cannot. */
#ifndef RN_PEAK_H
#define RN_PEAK_H

#include "device.h"

double rn_peak_flops(struct rn_device *);

#endif
