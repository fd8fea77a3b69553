/* The last values of a number, and what is usual among them. */
#include "ring.h"

#include <criterion/criterion.h>
#include <math.h>

static struct rn_ring r;

static void setup(void)
{
    rn_ring_init(&r, 4);
}
static void teardown(void)
{
    rn_ring_release(&r);
}
TestSuite(ring, .init = setup, .fini = teardown);

static void add(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rn_ring_add(&r, values[i]);
}

Test(ring, holds_the_newest_from_the_oldest_on)
{
    add((const double[]){1, 2, 3, 4, 5, 6}, 6);
    cr_expect_eq(rn_ring_n(&r), 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(rn_ring_nth(&r, i), 3.0 + (double)i);
}

Test(ring, before_it_is_full_the_first_is_the_oldest)
{
    add((const double[]){7, 8}, 2);
    cr_expect_eq(rn_ring_n(&r), 2);
    cr_expect(!rn_ring_is_full(&r));
    cr_expect_eq(rn_ring_nth(&r, 0), 7);
}

Test(ring, a_spike_does_not_move_the_median)
{
    add((const double[]){1, 1000, 2, 1}, 4);
    cr_expect_eq(rn_ring_median(&r, 4), 2);
    cr_expect_eq(rn_ring_median(&r, 2), 2, "of the newest two: 1 and 2");
    cr_expect_eq(rn_ring_median(&r, 99), 2, "there are no more than it holds");
}

Test(ring, nothing_has_no_median)
{
    cr_expect(isnan(rn_ring_median(&r, 4)));
}

Test(ring, deviations_are_known_once_it_is_full_and_values_differ)
{
    add((const double[]){1, 1, 3}, 3);
    cr_expect(isnan(rn_ring_z(&r, 100)));
    rn_ring_add(&r, 3);
    cr_expect_eq(rn_ring_z(&r, 8), 6, "mean 2, deviation 1");
    rn_ring_clear(&r);
    add((const double[]){5, 5, 5, 5}, 4);
    cr_expect(isnan(rn_ring_z(&r, 6)), "where nothing ever changed nothing is usual");
}
