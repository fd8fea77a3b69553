#include "units.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 48 };

struct unit_row {
    const char *word;
    int64_t factor;
};

static const struct unit_family {
    const char *words; /* for messages */
    const char *example;
    bool required;
    struct unit_row rows[4];
} families[] = {
    [RN_U_NONE] = {"no unit", "12", false, {{0}}},
    [RN_U_COUNT] = {"k, M or B", "100M", false, {{"k", 1000}, {"M", 1000000}, {"B", 1000000000}}},
    [RN_U_BYTES] = {"KiB, MiB or GiB",
                    "10 MiB",
                    false,
                    {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}},
    [RN_U_TIME] = {"s, min or h", "10 min", true, {{"s", 1}, {"min", 60}, {"h", 3600}}},
    [RN_U_STEPS] = {"steps", "250 steps", false, {{"steps", 1}, {"step", 1}}},
};

/* A text taken apart: sign, digits without '_', decimal exponent, factor of the unit. */
struct number {
    bool negative;
    char digits[NUMBER_MAX + 1]; /* whole and fraction, no leading zeros */
    int n_digits;
    int exponent; /* value = digits * 10^exponent * factor */
    int64_t factor;
    char plain[NUMBER_MAX * 2]; /* the number without '_' and unit, for strtod */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_digit(struct number *v, char c, int fraction)
{
    if (v->n_digits > 0 || c != '0')
        v->digits[v->n_digits++] = c;
    v->exponent -= fraction;
}

/* Digits with single '_' between them; returns past them, NULL if malformed or too long. */
static const char *take_digits(struct number *v, const char *p, int fraction, int *count)
{
    while (is_digit(*p)) {
        if (++*count > NUMBER_MAX)
            return NULL;
        add_digit(v, *p++, fraction);
        if (*p == '_' && !is_digit(*++p))
            return NULL;
    }
    return p;
}

static const char *take_exponent(struct number *v, const char *p)
{
    if (*p != 'e' && *p != 'E')
        return p;
    bool down = p[1] == '-';
    p += 1 + (p[1] == '-' || p[1] == '+');
    if (!is_digit(*p))
        return NULL;
    int e = 0;
    for (; is_digit(*p); p++)
        if ((e = e * 10 + (*p - '0')) > 999)
            return NULL;
    v->exponent += down ? -e : e;
    return p;
}

static const char *take_number(struct number *v, const char *p)
{
    int count = 0;
    v->negative = *p == '-';
    p += *p == '-' || *p == '+';
    p = take_digits(v, p, 0, &count);
    if (p && *p == '.')
        p = take_digits(v, p + 1, 1, &count);
    if (!p || !count)
        return NULL;
    return take_exponent(v, p);
}

static void copy_plain(struct number *v, const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to && n + 1 < sizeof v->plain; from++)
        if (*from != '_')
            v->plain[n++] = *from;
    v->plain[n] = '\0';
}

static bool is_zero(const struct number *v)
{
    return v->n_digits == 0;
}

static bool take_unit(struct number *v, const char *p, enum rn_unit unit, char why[RN_WHY])
{
    const struct unit_family *family = &families[unit];
    v->factor = 1;
    if (!*p) {
        if (family->required && !is_zero(v))
            snprintf(why, RN_WHY, "the unit is missing (%s)", family->words);
        return !family->required || is_zero(v);
    }
    const char *word = p + (*p == ' ');
    for (const struct unit_row *row = family->rows; row->word; row++)
        if (strcmp(word, row->word) == 0) {
            v->factor = row->factor;
            return true;
        }
    if (unit == RN_U_NONE)
        snprintf(why, RN_WHY, "a number without a unit is expected");
    else
        snprintf(why, RN_WHY, "the unit '%.20s' is not %s", word, family->words);
    return false;
}

static bool parse(const char *text, enum rn_unit unit, struct number *v, char why[RN_WHY])
{
    *v = (struct number){0};
    if (strlen(text) > NUMBER_MAX) {
        snprintf(why, RN_WHY, "no number has more than %d characters", NUMBER_MAX);
        return false;
    }
    const char *end = take_number(v, text);
    if (!end) {
        snprintf(why, RN_WHY, "a number such as %s is expected", families[unit].example);
        return false;
    }
    copy_plain(v, text, end);
    return take_unit(v, end, unit, why);
}

static bool times(uint64_t *x, uint64_t by)
{
    if (by && *x > (uint64_t)INT64_MAX / by)
        return false;
    *x *= by;
    return true;
}

/* digits * 10^exponent * factor, if that is a whole number of 63 bits. */
static bool exact(const struct number *v, uint64_t *out, const char **why)
{
    int n = v->n_digits, exponent = v->exponent;
    uint64_t x = 0;
    *why = "too large";
    for (; n > 0 && v->digits[n - 1] == '0'; n--)
        exponent++;
    for (int i = 0; i < n; i++)
        if (!times(&x, 10) || (x += (uint64_t)(v->digits[i] - '0')) > (uint64_t)INT64_MAX)
            return false;
    if (x && !times(&x, (uint64_t)v->factor))
        return false;
    for (; x && exponent > 0; exponent--)
        if (!times(&x, 10))
            return false;
    *why = "not a whole number";
    for (; x && exponent < 0; exponent++, x /= 10)
        if (x % 10)
            return false;
    *out = x;
    return true;
}

bool rn_units_int(const char *text, enum rn_unit unit, int64_t *out, char why[RN_WHY])
{
    struct number v;
    uint64_t x;
    const char *reason;
    if (!parse(text, unit, &v, why))
        return false;
    if (!exact(&v, &x, &reason)) {
        snprintf(why, RN_WHY, "%s", reason);
        return false;
    }
    *out = v.negative ? -(int64_t)x : (int64_t)x;
    return true;
}

bool rn_units_real(const char *text, enum rn_unit unit, double *out, char why[RN_WHY])
{
    struct number v;
    if (!parse(text, unit, &v, why))
        return false;
    double x = strtod(v.plain, NULL) * (double)v.factor;
    if (!isfinite(x)) {
        snprintf(why, RN_WHY, "too large");
        return false;
    }
    *out = x;
    return true;
}
