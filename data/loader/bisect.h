/* bisect.h - which of several stretches, laid end to end, a place lies in. */
#ifndef RN_BISECT_H
#define RN_BISECT_H

#include <stdint.h>

/* The last of n stretches, n >= 1, whose start is not behind `place`; starts do not fall. */
static inline int64_t rn_bisect(const int64_t *starts, int64_t n, int64_t place)
{
    int64_t low = 0, high = n;
    while (high - low > 1) {
        int64_t mid = (low + high) / 2;
        if (starts[mid] <= place)
            low = mid;
        else
            high = mid;
    }
    return low;
}

#endif
