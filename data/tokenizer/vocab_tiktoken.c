#include "vocab_tiktoken.h"

#include "vocab_lines.h"

#include <string.h>

/* --- base64 --- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_add(struct rn_str *out, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        unsigned have = n - i < 3 ? (unsigned)(n - i) : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        bits |= have > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        bits |= have > 2 ? p[i + 2] : 0;
        char four[4] = "====";
        for (unsigned k = 0; k <= have; k++)
            four[k] = base64_digits[bits >> (18 - 6 * k) & 63];
        rn_str_add(out, four, 4);
    }
}

static int base64_digit(char c)
{
    const char *p = c ? strchr(base64_digits, c) : NULL;
    return p ? (int)(p - base64_digits) : -1;
}

/* Appends the bytes of one group of four. False: not base64 in its one canonical form. */
static bool base64_group(const char *four, bool last, struct rn_str *out)
{
    int pad = !last || four[3] != '=' ? 0 : four[2] != '=' ? 1 : 2;
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++) {
        int digit = k < 4 - pad ? base64_digit(four[k]) : 0;
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
    }
    char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    rn_str_add(out, bytes, (size_t)(3 - pad));
    return pad == 0 || (bits & (pad == 1 ? 0xFFu : 0xFFFFu)) == 0;
}

static bool base64_decode(const char *p, size_t n, struct rn_str *out)
{
    if (n == 0 || n % 4)
        return false;
    for (size_t i = 0; i < n; i += 4)
        if (!base64_group(p + i, i + 4 == n, out))
            return false;
    return true;
}

/* --- lines --- */

void rn_vocab_print(const struct rn_vocab *v, struct rn_str *out)
{
    for (size_t rank = 0; rank < v->n; rank++) {
        size_t n;
        const unsigned char *p = rn_vocab_bytes(v, rank, &n);
        base64_add(out, p, n);
        rn_str_printf(out, " %zu\n", rank);
    }
}

/* A decimal number without sign or leading zeros, all of p[0..n); -1 if it is not. */
static int64_t decimal(const char *p, size_t n)
{
    int64_t value = 0;
    if (n == 0 || n > 9 || (n > 1 && p[0] == '0'))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

struct ranks {
    struct rn_vocab *v;
    struct rn_str token; /* of the line */
};

static int add_rank_line(void *ctx, const char *line, size_t n, struct rn_place at,
                         struct rn_err *err)
{
    struct ranks *r = ctx;
    struct rn_vocab *v = r->v;
    struct rn_str *token = &r->token;
    const char *space = memchr(line, ' ', n);
    rn_str_clear(token);
    if (!space || !base64_decode(line, (size_t)(space - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected a token in base64, a space and its rank");
    const char *digits = space + 1;
    size_t digits_n = n - (size_t)(digits - line);
    if (decimal(digits, digits_n) != (int64_t)v->n)
        return rn_fail(err, RN_ECORRUPT, at, "rank '%.*s', expected %zu: ranks count up from 0",
                       (int)(digits_n > 20 ? 20 : digits_n), digits, v->n);
    return rn_vocab_add(v, token->p, token->n, at, err);
}

int rn_vocab_read(struct rn_vocab *v, const char *path, struct rn_err *err)
{
    struct ranks r = {.v = v};
    int rc = rn_vocab_lines_read(path, add_rank_line, &r, err);
    rn_str_release(&r.token);
    return rc == RN_OK ? rn_vocab_seal(v, RN_PATH(path), err) : rc;
}
