/* The vectorisable exp and tanh against libm in double precision. */
#include "cpu/vmath.h"

#include <criterion/criterion.h>

/* Distance from the exact value in units of the last place of a float of its size. */
static double ulps(float got, double want)
{
    int e;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, e - 24);
}

/* The larger one, and NaN for good if either is: fmax would forget it. */
static double larger(double a, double b)
{
    return isnan(a) || a >= b ? a : b;
}

Test(vmath, exp_is_good_to_one_and_a_half_ulp)
{
    double worst = 0;
    for (int i = 0; i <= 2000000; i++) {
        float x = (float)(-87.3 + 176.0 * i / 2000000);
        double off = ulps(rn_expf(x), exp((double)x));
        worst = larger(worst, off);
    }
    cr_expect(worst <= 1.5, "%g", worst);
}

Test(vmath, exp_below_1_gives_the_same)
{
    for (int i = 0; i <= 1000000; i++) {
        float x = 1.0f - 100.0f * (float)i / 1000000;
        cr_assert(rn_exp_below_1(x) == rn_expf(x), "%g", (double)x);
    }
    cr_expect(rn_exp_below_1(-INFINITY) == 0 && isnan(rn_exp_below_1(NAN)));
}

Test(vmath, tanh_is_good_to_two_and_a_half_ulp)
{
    double worst = 0;
    for (int i = -1000000; i <= 1000000; i++) {
        float x = (float)(i * 1e-5);
        double off = i ? ulps(rn_tanhf(x), tanh((double)x)) : 0;
        worst = larger(worst, off);
    }
    cr_expect(worst <= 2.5, "%g", worst);
}

Test(vmath, the_ends_and_nan)
{
    cr_expect(rn_expf(0) == 1 && rn_expf(-INFINITY) == 0 && rn_expf(-200) == 0);
    cr_expect(isinf(rn_expf(89)) && isinf(rn_expf(INFINITY)) && isnan(rn_expf(NAN)));
    cr_expect(rn_tanhf(0) == 0 && rn_tanhf(50) == 1 && rn_tanhf(-INFINITY) == -1);
    cr_expect(isnan(rn_tanhf(NAN)) && isnan(rn_sigmoidf(NAN)));
    cr_expect(rn_sigmoidf(0) == 0.5f && rn_sigmoidf(-200) == 0 && rn_sigmoidf(200) == 1);
}

Test(vmath, row_sums_see_every_element)
{
    float x[37], y[37];
    double sum = 0;
    for (int i = 0; i < 37; i++) {
        x[i] = (float)i * 0.25f;
        sum += exp((double)x[i] - 9);
    }
    cr_expect(rn_largest(x, 37) == 9);
    cr_expect(fabs((double)rn_exp_row(y, x, 9, 37) - sum) <= 1e-6 * sum);
    cr_expect(fabs((double)rn_exp_sum(x, 9, 37) - sum) <= 1e-6 * sum);
    cr_expect(rn_sum(x, 37) == 37 * 36 / 2 * 0.25f);
    cr_expect(y[36] == 1);
}
