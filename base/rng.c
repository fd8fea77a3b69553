#include "rng_impl.h"

#include <math.h>
#include <string.h>

/* What loops below are made of, so that they become vectors. */
#define INLINE static inline __attribute__((always_inline))

struct block {
    uint32_t v[4];
};

/* Philox 4x32 with 10 rounds; constants from the paper (table 2). */
INLINE struct block philox(uint64_t key, uint64_t counter)
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

INLINE uint64_t bits_at(uint64_t stream, uint64_t index)
{
    struct block b = philox(stream, index);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

uint64_t rn_rand_u64(uint64_t stream, uint64_t index)
{
    return bits_at(stream, index);
}

uint32_t rn_rand_below(uint64_t stream, uint64_t index, uint32_t n)
{
    return (uint32_t)((bits_at(stream, index) >> 32) * n >> 32);
}

INLINE double unit_of(uint64_t bits)
{
    return (double)(int64_t)(bits >> 11) * 0x1p-53;
}

double rn_rand_unit(uint64_t stream, uint64_t index)
{
    return unit_of(bits_at(stream, index));
}

/* --- normal numbers --- */

enum { TERMS = 8 };
/* Wichura 1988 (AS 241): 16 digits in the middle, in the tails, and far out in them. */
static const double middle_top[TERMS] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                         1.9715909503065514427e3, 1.3731693765509461125e4,
                                         4.5921953931549871457e4, 6.7265770927008700853e4,
                                         3.3430575583588128105e4, 2.5090809287301226727e3};
static const double middle_bottom[TERMS] = {1.0,
                                            4.2313330701600911252e1,
                                            6.8718700749205790830e2,
                                            5.3941960214247511077e3,
                                            2.1213794301586595867e4,
                                            3.9307895800092710610e4,
                                            2.8729085735721942674e4,
                                            5.2264952788528545610e3};
static const double tail_top[TERMS] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                       5.76949722146069140550e0,  3.64784832476320460504e0,
                                       1.27045825245236838258e0,  2.41780725177450611770e-1,
                                       2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double tail_bottom[TERMS] = {1.0,
                                          2.05319162663775882187e0,
                                          1.67638483018380384940e0,
                                          6.89767334985100004550e-1,
                                          1.48103976427480074590e-1,
                                          1.51986665636164571966e-2,
                                          5.47593808499534494600e-4,
                                          1.05075007164441684324e-9};
static const double far_top[TERMS] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                      1.78482653991729133580e0,  2.96560571828504891230e-1,
                                      2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                      2.71155556874348757815e-5, 2.01033439929228813265e-7};
static const double far_bottom[TERMS] = {1.0,
                                         5.99832206555887937690e-1,
                                         1.36929880922735805310e-1,
                                         1.48753612908506148525e-2,
                                         7.86869131145613259100e-4,
                                         1.84631831751005468180e-5,
                                         1.42151175831644588870e-7,
                                         2.04426310338993978564e-15};

/* Ratio of two polynomials in x, coefficients from the constant on. */
INLINE double ratio(const double top[TERMS], const double bottom[TERMS], double x)
{
    double a = top[TERMS - 1], b = bottom[TERMS - 1];
    for (int i = TERMS - 2; i >= 0; i--) {
        a = a * x + top[i];
        b = b * x + bottom[i];
    }
    return a / b;
}

/* x = m 2^exponent, 0.5 <= m < 1; of a positive normal number. */
INLINE double split_off_exponent(double x, double *exponent)
{
    uint64_t u;
    double m;
    memcpy(&u, &x, sizeof u);
    *exponent = (double)((int64_t)(u >> 52) - 1022);
    u = (u & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u;
    memcpy(&m, &u, sizeof m);
    return m;
}

/* Natural logarithm of 0 < x < 1: libm's last digit differs between machines. */
INLINE double logarithm(double x)
{
    double exponent, m = split_off_exponent(x, &exponent);
    bool small = m < 0.70710678118654752;
    m = small ? 2 * m : m;
    exponent = small ? exponent - 1 : exponent;
    double z = (m - 1) / (m + 1), square = z * z, sum = 0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * z * sum + exponent * 0.69314718055994531;
}

INLINE double probability_of(uint64_t bits)
{
    return ((double)(int64_t)(bits >> 12) + 0.5) * 0x1p-52;
}

INLINE bool in_tail(double p)
{
    return fabs(p - 0.5) > 0.425;
}

INLINE double middle_quantile(double p)
{
    double q = p - 0.5;
    return q * ratio(middle_top, middle_bottom, 0.180625 - q * q);
}

INLINE double tail_quantile(double p)
{
    double r = sqrt(-logarithm(p < 0.5 ? p : 1 - p));
    double tail = ratio(tail_top, tail_bottom, r - 1.6), far = ratio(far_top, far_bottom, r - 5);
    double x = r <= 5 ? tail : far;
    return p < 0.5 ? -x : x;
}

double rn_normal_of(uint64_t bits)
{
    double p = probability_of(bits);
    return in_tail(p) ? tail_quantile(p) : middle_quantile(p);
}

double rn_rand_normal(uint64_t stream, uint64_t index)
{
    return rn_normal_of(bits_at(stream, index));
}

/* --- many at once --- */

enum { MANY = 256 };

INLINE void many_units(uint64_t stream, uint64_t first, size_t n, double *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = unit_of(bits_at(stream, first + i));
}

/* As if all were in the middle, then those that are in the tails, side by side. */
INLINE void some_normals(uint64_t stream, uint64_t first, int n, double *restrict out)
{
    double p[MANY], tail[MANY];
    int at[MANY], tails = 0;
    for (int i = 0; i < n; i++) {
        p[i] = probability_of(bits_at(stream, first + (uint64_t)i));
        out[i] = middle_quantile(p[i]);
    }
    for (int i = 0; i < n; i++) {
        at[tails] = i;
        tails += in_tail(p[i]);
    }
    for (int i = 0; i < tails; i++)
        tail[i] = p[at[i]];
    for (int i = 0; i < tails; i++)
        tail[i] = tail_quantile(tail[i]);
    for (int i = 0; i < tails; i++)
        out[at[i]] = tail[i];
}

INLINE void many_normals(uint64_t stream, uint64_t first, size_t n, double *out)
{
    for (size_t at = 0; at < n; at += MANY)
        some_normals(stream, first + at, (int)(n - at < MANY ? n - at : MANY), out + at);
}

/* --- on this processor --- */

static bool always(void)
{
    return true;
}

static void units_plain(uint64_t stream, uint64_t first, size_t n, double *out)
{
    many_units(stream, first, n, out);
}

static void normals_plain(uint64_t stream, uint64_t first, size_t n, double *out)
{
    many_normals(stream, first, n, out);
}

#ifdef __x86_64__
#define AVX512 __attribute__((target("avx512f,avx512dq,prefer-vector-width=512")))

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

AVX512 static void units_avx512(uint64_t stream, uint64_t first, size_t n, double *out)
{
    many_units(stream, first, n, out);
}

AVX512 static void normals_avx512(uint64_t stream, uint64_t first, size_t n, double *out)
{
    many_normals(stream, first, n, out);
}
#endif

const struct rn_rng_way rn_rng_ways[] = {
#ifdef __x86_64__
    {"avx512", has_avx512, units_avx512, normals_avx512},
#endif
    {"plain", always, units_plain, normals_plain},
};
const size_t rn_rng_way_count = sizeof rn_rng_ways / sizeof *rn_rng_ways;

static const struct rn_rng_way *best_way(void)
{
    const struct rn_rng_way *way = rn_rng_ways;
    while (!way->runs_here())
        way++;
    return way;
}

void rn_rand_units(uint64_t stream, uint64_t first, size_t n, double *out)
{
    best_way()->units(stream, first, n, out);
}

void rn_rand_normals(uint64_t stream, uint64_t first, size_t n, double *out)
{
    best_way()->normals(stream, first, n, out);
}
