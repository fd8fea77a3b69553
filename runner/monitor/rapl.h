/* rapl.h - energy that the processors used, as the kernel counts it.
 *
 *     struct rn_rapl r;
 *     rn_rapl_open(&r, NULL);                    r.n == 0: r.why says what it would take
 *     double joules = rn_rapl_read(&r);          of all packages, since it was opened
 *     rn_rapl_close(&r);
 *
 * The counters of /sys/class/powercap wrap after some minutes at full load: each is read at least
 * once a minute. Cores and memory inside of a package are part of it or not counted. */
#ifndef RN_RAPL_H
#define RN_RAPL_H

#include <stddef.h>

enum { RN_RAPL_MAX = 16 };
struct rn_rapl {
    struct rn_rapl_zone {
        int fd; /* of its energy_uj */
        double last_uj, range_uj, sum_uj;
    } zones[RN_RAPL_MAX];
    size_t n;
    char why[160]; /* without zones: one line */
};

/* dir NULL: /sys/class/powercap. */
void rn_rapl_open(struct rn_rapl *, const char *dir);
double rn_rapl_read(struct rn_rapl *); /* NaN without zones */
void rn_rapl_close(struct rn_rapl *);

#endif
