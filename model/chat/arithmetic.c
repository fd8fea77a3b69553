/* Python's arithmetic of whole numbers and doubles: + - * / // ( ) and signs, by descent. */
#include "calculator.h"
#include "err.h"
#include "mem.h"

#include <math.h>
#include <openssl/bn.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 100, DIGITS_MAX = 4300 /* of a whole number that Python prints */ };

struct number { /* whole: n, owned; otherwise x */
    BIGNUM *n;
    double x;
};
struct parser {
    const char *p, *end;
    int depth;
    bool failed; /* nothing is computed any more */
    BN_CTX *ctx;
};

static struct number fail(struct parser *s)
{
    s->failed = true;
    return (struct number){0};
}

static void drop(struct number *a)
{
    BN_free(a->n);
    a->n = NULL;
}

static BIGNUM *fresh(void)
{
    BIGNUM *n = BN_new();
    if (!n)
        rn_no_memory(sizeof(void *));
    return n;
}

/* --- whole numbers as doubles --- */

/* |a| / |b|, rounded once to the nearest double: 64 bits of the quotient, the last of them also
 * standing for all that follow. */
static double quotient(struct parser *s, const BIGNUM *a, const BIGNUM *b)
{
    int shift = 64 - (BN_num_bits(a) - BN_num_bits(b));
    BIGNUM *top = fresh(), *low = fresh(), *q = fresh(), *rest = fresh();
    unsigned char bytes[9] = {0};
    uint64_t bits = 0;
    bool ok = BN_copy(top, a) && BN_copy(low, b);
    BN_set_negative(top, 0);
    BN_set_negative(low, 0);
    ok = ok && BN_lshift(shift > 0 ? top : low, shift > 0 ? top : low, abs(shift)) &&
         BN_div(q, rest, top, low, s->ctx);
    if (ok && BN_num_bits(q) > 64) { /* 65 bits: one goes into the rest */
        ok = (!BN_is_bit_set(q, 0) || BN_one(rest)) && BN_rshift1(q, q);
        shift--;
    }
    if (ok && BN_bn2binpad(q, bytes, 8) == 8)
        for (int i = 0; i < 8; i++)
            bits = bits << 8 | bytes[i];
    bits |= !BN_is_zero(rest);
    BN_free(top);
    BN_free(low);
    BN_free(q);
    BN_free(rest);
    double x = ldexp((double)bits, -shift);
    if (!ok || isinf(x)) /* as in Python: no such double */
        fail(s);
    return x;
}

static double real_of(struct parser *s, const struct number *a)
{
    if (!a->n)
        return a->x;
    if (BN_is_zero(a->n))
        return 0;
    double x = quotient(s, a->n, BN_value_one());
    return BN_is_negative(a->n) ? -x : x;
}

/* --- operations --- */

/* Python's float //. */
static double floor_quotient(double a, double b)
{
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod != 0 && (b < 0) != (mod < 0))
        div -= 1;
    if (div == 0)
        return copysign(0, a / b);
    double whole = floor(div);
    return div - whole > 0.5 ? whole + 1 : whole;
}

static struct number real_op(struct parser *s, char op, double a, double b)
{
    if ((op == '/' || op == 'f') && b == 0)
        return fail(s);
    double x = op == '+'   ? a + b
               : op == '-' ? a - b
               : op == '*' ? a * b
               : op == '/' ? a / b
                           : floor_quotient(a, b);
    return (struct number){.x = x};
}

static bool floor_div(struct parser *s, BIGNUM *r, const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *rest = fresh();
    bool ok = BN_div(r, rest, a, b, s->ctx) == 1;
    if (ok && !BN_is_zero(rest) && BN_is_negative(rest) != BN_is_negative(b))
        ok = BN_sub_word(r, 1) == 1;
    BN_free(rest);
    return ok;
}

static struct number whole_op(struct parser *s, char op, const BIGNUM *a, const BIGNUM *b)
{
    if ((op == '/' || op == 'f') && BN_is_zero(b))
        return fail(s);
    if (op == '/') {
        double x = BN_is_zero(a) ? 0 : quotient(s, a, b);
        return (struct number){.x = BN_is_negative(a) != BN_is_negative(b) ? -x : x};
    }
    struct number r = {.n = fresh()};
    bool ok = op == '+'   ? BN_add(r.n, a, b)
              : op == '-' ? BN_sub(r.n, a, b)
              : op == '*' ? BN_mul(r.n, a, b, s->ctx)
                          : floor_div(s, r.n, a, b);
    if (!ok)
        s->failed = true;
    return r;
}

static struct number apply(struct parser *s, char op, struct number a, struct number b)
{
    struct number r = {0};
    if (!s->failed)
        r = a.n && b.n ? whole_op(s, op, a.n, b.n) : real_op(s, op, real_of(s, &a), real_of(s, &b));
    drop(&a);
    drop(&b);
    return r;
}

/* --- reading --- */

static char next(struct parser *s)
{
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    return s->p < s->end ? *s->p : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 12, 0.5, 3., .5; a whole number begins with 0 only if it is zero. */
static struct number literal(struct parser *s)
{
    char *text = rn_xprintf("%.*s", (int)(s->end - s->p), s->p);
    size_t whole = strspn(text, "0123456789"), dot = text[whole] == '.';
    size_t rest = dot ? strspn(text + whole + 1, "0123456789") : 0, n = whole + dot + rest;
    struct number r = {0};
    text[n] = '\0';
    s->p += n;
    if (whole + rest == 0)
        s->failed = true;
    else if (dot)
        r.x = strtod(text, NULL);
    else if (text[0] == '0' && strspn(text, "0") != whole)
        s->failed = true;
    else if (BN_dec2bn(&r.n, text) == 0)
        s->failed = true;
    free(text);
    return r;
}

static struct number sum(struct parser *s);

static struct number operand(struct parser *s)
{
    char c = next(s);
    if (is_digit(c) || c == '.')
        return literal(s);
    if (c != '(' || ++s->depth > DEPTH_MAX)
        return fail(s);
    s->p++;
    struct number r = sum(s);
    if (next(s) != ')')
        s->failed = true;
    s->p += s->p < s->end;
    s->depth--;
    return r;
}

static struct number signed_operand(struct parser *s)
{
    bool minus = false;
    for (char c; (c = next(s)) == '-' || c == '+'; s->p++)
        minus ^= c == '-';
    struct number r = operand(s);
    if (minus && r.n && !BN_is_zero(r.n))
        BN_set_negative(r.n, !BN_is_negative(r.n));
    else if (minus)
        r.x = -r.x;
    return r;
}

static struct number product(struct parser *s)
{
    struct number a = signed_operand(s);
    for (char c; !s->failed && ((c = next(s)) == '*' || c == '/');) {
        bool twice = s->p + 1 < s->end && s->p[1] == '/' && c == '/';
        s->p += twice ? 2 : 1;
        a = apply(s, twice ? 'f' : c, a, signed_operand(s));
    }
    return a;
}

static struct number sum(struct parser *s)
{
    struct number a = product(s);
    for (char c; !s->failed && ((c = next(s)) == '+' || c == '-');) {
        s->p++;
        a = apply(s, c, a, product(s));
    }
    return a;
}

/* --- printing, as Python's str does --- */

static void show_real(double x, struct rn_str *out)
{
    char digits[40];
    int precision = 0;
    do /* the fewest digits that give the same number */
        snprintf(digits, sizeof digits, "%.*e", precision, x);
    while (strtod(digits, NULL) != x && ++precision < 17 && isfinite(x));
    const char *e = strchr(digits, 'e');
    int exponent = e && isfinite(x) ? (int)strtol(e + 1, NULL, 10) : 0;
    if (!isfinite(x))
        rn_str_puts(out, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
    else if (exponent < -4 || exponent >= 16)
        rn_str_puts(out, digits);
    else
        rn_str_printf(out, "%.*f", precision > exponent ? precision - exponent : 1, x);
}

static bool show(const struct number *a, struct rn_str *out)
{
    if (!a->n) {
        show_real(a->x, out);
        return true;
    }
    char *text = BN_bn2dec(a->n);
    bool ok = text && strlen(text) <= DIGITS_MAX;
    if (ok)
        rn_str_puts(out, text);
    OPENSSL_free(text);
    return ok;
}

bool rn_arithmetic(const char *expression, size_t n, struct rn_str *out)
{
    struct parser s = {.p = expression, .end = expression + n, .ctx = BN_CTX_new()};
    if (!s.ctx)
        rn_no_memory(sizeof(void *));
    struct number r = sum(&s);
    bool ok = !s.failed && next(&s) == '\0' && s.p == s.end && show(&r, out);
    drop(&r);
    BN_CTX_free(s.ctx);
    return ok;
}
