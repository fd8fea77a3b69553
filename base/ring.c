#include "ring.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>

void rn_ring_init(struct rn_ring *r, size_t size)
{
    *r = (struct rn_ring){.values = rn_xalloc(size * sizeof *r->values), .size = size};
}

void rn_ring_release(struct rn_ring *r)
{
    free(r->values);
    *r = (struct rn_ring){0};
}

void rn_ring_add(struct rn_ring *r, double value)
{
    r->values[r->n_seen++ % r->size] = value;
}

void rn_ring_clear(struct rn_ring *r)
{
    r->n_seen = 0;
}

bool rn_ring_is_full(const struct rn_ring *r)
{
    return r->n_seen >= r->size;
}

size_t rn_ring_n(const struct rn_ring *r)
{
    return rn_ring_is_full(r) ? r->size : r->n_seen;
}

double rn_ring_nth(const struct rn_ring *r, size_t i)
{
    return r->values[(r->n_seen - rn_ring_n(r) + i) % r->size];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rn_ring_median(const struct rn_ring *r, size_t newest)
{
    size_t held = rn_ring_n(r), n = newest < held ? newest : held;
    if (n == 0)
        return NAN;
    double *sorted = rn_xalloc(n * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = rn_ring_nth(r, held - n + i);
    qsort(sorted, n, sizeof *sorted, by_value);
    double middle = sorted[n / 2];
    free(sorted);
    return middle;
}

double rn_ring_z(const struct rn_ring *r, double value)
{
    double sum = 0, squares = 0, n = (double)r->size;
    if (!rn_ring_is_full(r))
        return NAN;
    for (size_t i = 0; i < r->size; i++)
        sum += rn_ring_nth(r, i);
    double mean = sum / n;
    for (size_t i = 0; i < r->size; i++)
        squares += (rn_ring_nth(r, i) - mean) * (rn_ring_nth(r, i) - mean);
    double deviation = sqrt(squares / n);
    return deviation > 0 ? (value - mean) / deviation : NAN;
}
