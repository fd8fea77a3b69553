#include "rng.h"

#include <math.h>

struct block {
    uint32_t v[4];
};

/* Philox 4x32 with 10 rounds; constants from the paper (table 2). */
static struct block philox(uint64_t key, uint64_t counter)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    struct block b = {{(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0}};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * b.v[0], p1 = (uint64_t)0xCD9E8D57u * b.v[2];
        b = (struct block){{(uint32_t)(p1 >> 32) ^ b.v[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ b.v[3] ^ k1, (uint32_t)p0}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return b;
}

uint64_t rn_stream(uint64_t seed, const char *name)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a of the name, mixed with the seed by one block */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    struct block b = philox(seed, h);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

uint64_t rn_rand_u64(uint64_t stream, uint64_t index)
{
    struct block b = philox(stream, index);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

/* The same rounds on many counters, side by side for the compiler's vectors. */
enum { LANES = 32 };
static void philox_lanes(uint64_t key, uint64_t first, uint64_t out[LANES])
{
    uint32_t v0[LANES], v1[LANES], v2[LANES] = {0}, v3[LANES] = {0};
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int i = 0; i < LANES; i++) {
        v0[i] = (uint32_t)(first + (uint64_t)i);
        v1[i] = (uint32_t)((first + (uint64_t)i) >> 32);
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * v0[i], p1 = (uint64_t)0xCD9E8D57u * v2[i];
            v0[i] = (uint32_t)(p1 >> 32) ^ v1[i] ^ k0;
            v1[i] = (uint32_t)p1;
            v2[i] = (uint32_t)(p0 >> 32) ^ v3[i] ^ k1;
            v3[i] = (uint32_t)p0;
        }
    for (int i = 0; i < LANES; i++)
        out[i] = (uint64_t)v1[i] << 32 | v0[i];
}

void rn_rand_many(uint64_t stream, uint64_t first, size_t n, uint64_t *out)
{
    for (; n >= LANES; n -= LANES, first += LANES, out += LANES)
        philox_lanes(stream, first, out);
    for (size_t i = 0; i < n; i++)
        out[i] = rn_rand_u64(stream, first + i);
}

/* --- of 64 bits --- */

double rn_unit_of(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double rn_rand_unit(uint64_t stream, uint64_t index)
{
    return rn_unit_of(rn_rand_u64(stream, index));
}

enum { TERMS = 8 };
/* Ratio of two polynomials in x, coefficients from the constant on. */
static double ratio(const double top[TERMS], const double bottom[TERMS], double x)
{
    double a = top[TERMS - 1], b = bottom[TERMS - 1];
    for (int i = TERMS - 2; i >= 0; i--) {
        a = a * x + top[i];
        b = b * x + bottom[i];
    }
    return a / b;
}

/* Natural logarithm of 0 < x < 1: libm's last digit differs between machines. */
static double logarithm(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double z = (m - 1) / (m + 1), square = z * z, sum = 0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * z * sum + exponent * 0.69314718055994531;
}

/* Wichura 1988 (AS 241): 16 digits in the middle, in the tails, and far out in them. */
static double quantile(double p)
{
    static const double a[TERMS] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                    1.9715909503065514427e3, 1.3731693765509461125e4,
                                    4.5921953931549871457e4, 6.7265770927008700853e4,
                                    3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[TERMS] = {1.0,
                                    4.2313330701600911252e1,
                                    6.8718700749205790830e2,
                                    5.3941960214247511077e3,
                                    2.1213794301586595867e4,
                                    3.9307895800092710610e4,
                                    2.8729085735721942674e4,
                                    5.2264952788528545610e3};
    static const double c[TERMS] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                    5.76949722146069140550e0,  3.64784832476320460504e0,
                                    1.27045825245236838258e0,  2.41780725177450611770e-1,
                                    2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[TERMS] = {1.0,
                                    2.05319162663775882187e0,
                                    1.67638483018380384940e0,
                                    6.89767334985100004550e-1,
                                    1.48103976427480074590e-1,
                                    1.51986665636164571966e-2,
                                    5.47593808499534494600e-4,
                                    1.05075007164441684324e-9};
    static const double e[TERMS] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                    1.78482653991729133580e0,  2.96560571828504891230e-1,
                                    2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                    2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[TERMS] = {1.0,
                                    5.99832206555887937690e-1,
                                    1.36929880922735805310e-1,
                                    1.48753612908506148525e-2,
                                    7.86869131145613259100e-4,
                                    1.84631831751005468180e-5,
                                    1.42151175831644588870e-7,
                                    2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * ratio(a, b, 0.180625 - q * q);
    double r = sqrt(-logarithm(q < 0 ? p : 1 - p));
    double x = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
    return q < 0 ? -x : x;
}

double rn_normal_of(uint64_t bits)
{
    return quantile(((double)(bits >> 12) + 0.5) * 0x1p-52);
}

double rn_rand_normal(uint64_t stream, uint64_t index)
{
    return rn_normal_of(rn_rand_u64(stream, index));
}

uint32_t rn_rand_below(uint64_t stream, uint64_t index, uint32_t n)
{
    return (uint32_t)((rn_rand_u64(stream, index) >> 32) * n >> 32);
}
