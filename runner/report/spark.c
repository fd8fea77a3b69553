#include "spark.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>

enum { LEVELS = 8 };

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

static void put_level(struct rn_str *s, int level, bool blocks)
{
    static const char ascii[LEVELS] = {'_', '.', '-', '~', '=', '+', '*', '#'};
    if (blocks)
        rn_str_printf(s, "\xE2\x96%c", 0x81 + level); /* U+2581 to U+2588 */
    else
        rn_str_putc(s, ascii[level]);
}

void rn_spark(struct rn_str *s, const double *values, size_t n, size_t width, bool blocks)
{
    size_t shown = n < width ? n : width;
    double low = INFINITY, high = -INFINITY, *means = rn_xalloc(shown * sizeof *means);
    for (size_t i = 0; i < shown; i++) {
        size_t from = i * n / shown, to = (i + 1) * n / shown;
        means[i] = mean_of(values + from, to - from);
        if (isfinite(means[i])) {
            low = fmin(low, means[i]);
            high = fmax(high, means[i]);
        }
    }
    for (size_t i = 0; i < shown; i++) {
        double share = high > low ? (means[i] - low) / (high - low) : 0;
        if (isfinite(means[i]))
            put_level(s, (int)(share * (LEVELS - 1) + 0.5), blocks);
        else
            rn_str_putc(s, 'x');
    }
    free(means);
}
