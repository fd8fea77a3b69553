#include "units.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *text;
    enum rn_unit unit;
    int64_t value;
} whole[] = {
    {"12", RN_U_NONE, 12},
    {"-3", RN_U_NONE, -3},
    {"+3", RN_U_NONE, 3},
    {"007", RN_U_NONE, 7},
    {"524_288", RN_U_NONE, 524288},
    {"2e9", RN_U_NONE, 2000000000},
    {"1.5e3", RN_U_NONE, 1500},
    {"120e-1", RN_U_NONE, 12},
    {"9223372036854775807", RN_U_NONE, INT64_MAX},
    {"0e999", RN_U_NONE, 0},
    {"100M", RN_U_COUNT, 100000000},
    {"100 M", RN_U_COUNT, 100000000},
    {"1.5k", RN_U_COUNT, 1500},
    {"2B", RN_U_COUNT, 2000000000},
    {"4096", RN_U_BYTES, 4096},
    {"10 MiB", RN_U_BYTES, 10485760},
    {"0.5KiB", RN_U_BYTES, 512},
    {"2GiB", RN_U_BYTES, 2147483648},
    {"250 steps", RN_U_STEPS, 250},
    {"1 step", RN_U_STEPS, 1},
    {"250", RN_U_STEPS, 250},
};

Test(units, whole_numbers)
{
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        int64_t value = -1;
        char why[RN_WHY] = "";
        cr_assert(rn_units_int(whole[i].text, whole[i].unit, &value, why), "%s: %s", whole[i].text,
                  why);
        cr_assert_eq(value, whole[i].value, "%s", whole[i].text);
    }
}

static const struct {
    const char *text;
    enum rn_unit unit;
    const char *why;
} refused[] = {
    {"", RN_U_NONE, "a number such as 12 is expected"},
    {"abc", RN_U_NONE, "a number such as 12 is expected"},
    {"-", RN_U_NONE, "a number such as 12 is expected"},
    {".", RN_U_NONE, "a number such as 12 is expected"},
    {"_1", RN_U_NONE, "a number such as 12 is expected"},
    {"1__2", RN_U_NONE, "a number such as 12 is expected"},
    {"1_", RN_U_NONE, "a number such as 12 is expected"},
    {"1e", RN_U_NONE, "a number such as 12 is expected"},
    {"1e9999", RN_U_NONE, "a number such as 12 is expected"},
    {"0x1F", RN_U_NONE, "a number without a unit is expected"},
    {"nan", RN_U_NONE, "a number such as 12 is expected"},
    {"12 ", RN_U_NONE, "a number without a unit is expected"},
    {"12 k", RN_U_NONE, "a number without a unit is expected"},
    {"1.5", RN_U_NONE, "not a whole number"},
    {"1e-1", RN_U_NONE, "not a whole number"},
    {"9223372036854775808", RN_U_NONE, "too large"},
    {"1e30", RN_U_NONE, "too large"},
    {"10000000000B", RN_U_COUNT, "too large"},
    {"10 MB", RN_U_BYTES, "the unit 'MB' is not KiB, MiB or GiB"},
    {"10  MiB", RN_U_BYTES, "the unit ' MiB' is not KiB, MiB or GiB"},
    {"10 m", RN_U_COUNT, "the unit 'm' is not k, M or B"},
    {"250 stps", RN_U_STEPS, "the unit 'stps' is not steps"},
};

Test(units, refused_with_the_reason)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int64_t value = 77;
        char why[RN_WHY] = "";
        cr_assert_not(rn_units_int(refused[i].text, refused[i].unit, &value, why), "%s",
                      refused[i].text);
        cr_assert_str_eq(why, refused[i].why, "%s: %s", refused[i].text, why);
        cr_assert_eq(value, 77);
    }
}

Test(units, durations_need_their_unit)
{
    double s;
    char why[RN_WHY];
    cr_assert(rn_units_real("10 min", RN_U_TIME, &s, why) && s == 600);
    cr_assert(rn_units_real("1.5h", RN_U_TIME, &s, why) && s == 5400);
    cr_assert(rn_units_real("0", RN_U_TIME, &s, why) && s == 0);
    cr_assert_not(rn_units_real("10", RN_U_TIME, &s, why));
    cr_assert_str_eq(why, "the unit is missing (s, min or h)");
}

Test(units, reals_stay_finite)
{
    double x;
    char why[RN_WHY];
    cr_assert(rn_units_real("-1e-3", RN_U_NONE, &x, why) && x == -1e-3);
    cr_assert(rn_units_real("1_000.5", RN_U_NONE, &x, why) && x == 1000.5);
    cr_assert_not(rn_units_real("1e999", RN_U_NONE, &x, why));
    cr_assert_not(rn_units_real(".inf", RN_U_NONE, &x, why));
}
