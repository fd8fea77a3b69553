#include "rng_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

enum { N = 200000 };

Test(rng, a_value_is_a_function_of_seed_stream_and_index)
{
    uint64_t a = rn_stream(1, "init"), b = rn_stream(1, "data"), c = rn_stream(2, "init");
    cr_assert(a != b && a != c && b != c);
    cr_assert_eq(rn_stream(1, "init"), a);
    cr_assert_eq(rn_rand_u64(a, 12345), rn_rand_u64(a, 12345));
    cr_assert_neq(rn_rand_u64(a, 0), rn_rand_u64(a, 1));
    cr_assert_neq(rn_rand_u64(a, 0), rn_rand_u64(b, 0));
}

/* Mean of a uniform: 1/2, deviation of the mean sqrt(1/12/N); five of them. */
Test(rng, units_are_uniform)
{
    double sum = 0, square = 0;
    for (uint64_t i = 0; i < N; i++) {
        double x = rn_rand_unit(7, i);
        cr_assert(x >= 0 && x < 1);
        sum += x;
        square += x * x;
    }
    cr_assert(!(fabs(sum / N - 0.5) > 5 * sqrt(1.0 / 12 / N)));
    cr_assert(!(fabs(square / N - 1.0 / 3) > 5 * sqrt(4.0 / 45 / N)));
}

Test(rng, normals_have_mean_0_and_variance_1)
{
    double sum = 0, square = 0;
    for (uint64_t i = 0; i < N; i++) {
        double x = rn_rand_normal(7, i);
        cr_assert(isfinite(x));
        sum += x;
        square += x * x;
    }
    cr_assert(!(fabs(sum / N) > 5 / sqrt((double)N)));
    cr_assert(!(fabs(square / N - 1) > 5 * sqrt(2.0 / N)));
}

/* By every way that this processor has, over the 32 bits of a counter's half. */
Test(rng, many_at_once_are_the_same_numbers)
{
    enum { MANY = 1001 };
    const uint64_t stream = rn_stream(3, "many"), first = UINT32_MAX - 20;
    double units[MANY + 1], normals[MANY + 1];
    for (size_t w = 0; w < rn_rng_way_count; w++) {
        const struct rn_rng_way *way = &rn_rng_ways[w];
        if (!way->runs_here())
            continue;
        units[MANY] = normals[MANY] = -77;
        way->units(stream, first, MANY, units);
        way->normals(stream, first, MANY, normals);
        for (uint64_t i = 0; i < MANY; i++) {
            cr_assert_eq(units[i], rn_rand_unit(stream, first + i), "%s: %d", way->name, (int)i);
            cr_assert_eq(normals[i], rn_rand_normal(stream, first + i), "%s: %d", way->name,
                         (int)i);
        }
        cr_expect(units[MANY] == -77 && normals[MANY] == -77, "%s writes no further", way->name);
    }
}

/* Quantiles as tables have them, from the middle to as far out as 52 bits reach. */
Test(rng, normals_are_quantiles)
{
    const struct {
        double p, x;
    } rows[] = {{0.5, 0},
                {0.75, 0.674489750196081743},
                {0.925, 1.43953147093845663},
                {0.975, 1.95996398454005424},
                {0.001, -3.09023230616781354},
                {1e-6, -4.75342430881708787},
                {1e-12, -7.03448383331152393}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double x = rn_normal_of((uint64_t)(rows[i].p * 0x1p52) << 12);
        cr_expect(fabs(x - rows[i].x) <= 1e-4 * (1 + fabs(x)), "quantile of %g is %.17g", rows[i].p,
                  x);
    }
    cr_expect_eq(rn_normal_of(0), -rn_normal_of(UINT64_MAX), "symmetric to the last bit");
    cr_expect(fabs(rn_normal_of(0) + 8.2) < 0.1);
}

Test(rng, below_covers_its_range)
{
    int seen[6] = {0};
    for (uint64_t i = 0; i < 6000; i++) {
        uint32_t x = rn_rand_below(3, i, 6);
        cr_assert_lt(x, 6);
        seen[x]++;
    }
    for (int i = 0; i < 6; i++)
        cr_assert(seen[i] > 850 && seen[i] < 1150, "%d: %d", i, seen[i]);
    cr_assert_eq(rn_rand_below(3, 9, 1), 0);
}
