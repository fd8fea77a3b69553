/* meter.h - energy used, from what a device says of itself at some moments.
 *
 *     struct rn_meter m = {0};
 *     rn_meter_add(&m, now_s, watt, counter_j);       NaN: it did not say
 *     rn_meter_joules(&m)
 *
 * The counter's difference where the device counts: that is exact however seldom it is asked. Power
 * times time where it does not count, while it does not answer, where the counter went back (it
 * began again), and as long as the whole is shorter than half a second, in which a counter may not
 * have moved. */
#ifndef RN_METER_H
#define RN_METER_H

#include <stdbool.h>

struct rn_meter {
    bool known;                /* it said anything so far */
    double first_s, last_s;    /* moments at which it did */
    double power_w, counter_j; /* power at the last one; what the counter said last */
    double counted_j;          /* up to that */
    double since_j;            /* by power, since that */
    double by_power_j;         /* all of it by power */
    double power_max_w;        /* NaN: power was never known */
};

void rn_meter_add(struct rn_meter *, double now_s, double power_w, double counter_j);
double rn_meter_joules(const struct rn_meter *); /* NaN: nothing was ever known */
double rn_meter_watts(const struct rn_meter *);  /* mean between first and last; NaN as above */

#endif
