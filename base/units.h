/* units.h - numbers as people write them: 524_288, 2e9, 100M, 10 MiB, 250 steps, 10 min.
 *
 *     int64_t size_bytes;
 *     char why[RN_WHY];
 *     if (!rn_units_int("10 MiB", RN_U_BYTES, &size_bytes, why))
 *         complain(why);
 *
 * A whole number must be exact: 2e9 and 1.5 KiB are, 0.5 and 1e-1 k are not. A '_' may stand
 * between digits, one space before the unit. The whole text must be used up. */
#ifndef RN_UNITS_H
#define RN_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum rn_unit {
    RN_U_NONE,  /* no unit                         */
    RN_U_COUNT, /* k M B (decimal), may be missing */
    RN_U_BYTES, /* KiB MiB GiB, may be missing     */
    RN_U_TIME,  /* s min h, required except on 0   */
    RN_U_STEPS, /* steps, may be missing           */
};
enum { RN_WHY = 128 };

/* False with the reason in `why` ("unit 'MB' is not KiB, MiB or GiB"); *out is then untouched. */
bool rn_units_int(const char *text, enum rn_unit, int64_t *out, char why[RN_WHY]);
bool rn_units_real(const char *text, enum rn_unit, double *out, char why[RN_WHY]);

#endif
