/* spark.h - a curve as one line of text.
 *
 *     struct rn_str s = {0};
 *     rn_spark(&s, loss, n, 60, true);             "▇▆▅▅▃▃▂▂▁"
 *
 * Each character stands for the mean of a stretch, between the least and the greatest of them; 'x'
 * for a stretch that holds a value which is none. */
#ifndef RN_SPARK_H
#define RN_SPARK_H

#include "str.h"

/* n values on `width` characters at most; `blocks`: Unicode's, otherwise ASCII. */
void rn_spark(struct rn_str *, const double *values, size_t n, size_t width, bool blocks);

#endif
