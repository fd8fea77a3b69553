/* What is said of many files: the first few by name, the others counted, nothing mixed up. */
#include "alike.h"
#include "str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct rn_str said;

static void hear(void *ctx, enum rn_level level, const char *text)
{
    (void)ctx;
    rn_str_printf(&said, "%s%s\n", level == RN_WARN ? "! " : "", text);
}

static const struct rn_log log_of_test = {.line = hear};
static struct rn_alike alike = {.log = &log_of_test};

static void down(void)
{
    rn_alike_release(&alike);
    rn_str_release(&said);
}
TestSuite(alike, .fini = down);

/* Files first .. first + n - 1, one each second. */
static void tell(const char *kind, const char *words, int first, int n)
{
    for (int i = first; i < first + n; i++) {
        struct rn_saying s = {RN_WARN, kind, words, i};
        rn_alike_tell(&alike, &s, "f%d: %s", i, words);
    }
}

static void expect_said(const char *expected)
{
    cr_expect_str_eq(said.p ? said.p : "", expected);
    rn_str_clear(&said);
}

static size_t count_lines(void)
{
    size_t n = 0;
    for (const char *p = said.p; p && (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

Test(alike, a_few_are_told_by_name_and_the_others_by_their_number)
{
    tell("refused", "gone", 0, 9);
    expect_said("! f0: gone\n! f1: gone\n! f2: gone\n! f3: gone\n");
    rn_alike_release(&alike);
    expect_said("! f4: gone (and 4 more alike)\n");
}

Test(alike, one_that_is_left_is_told_as_it_is)
{
    tell("refused", "gone", 0, RN_ALIKE_NAMED);
    rn_str_clear(&said);
    tell("refused", "gone", 4, 1);
    rn_alike_release(&alike);
    expect_said("! f4: gone\n");
}

Test(alike, a_count_is_told_when_its_first_has_waited_ten_seconds)
{
    tell("refused", "gone", 0, 8);
    rn_str_clear(&said);
    rn_alike_tick(&alike, 13.9);
    expect_said("");
    rn_alike_tick(&alike, 14);
    expect_said("! f4: gone (and 3 more alike)\n");
    rn_alike_tick(&alike, 100);
    expect_said("");
    tell("refused", "gone", 20, 2);
    rn_alike_tick(&alike, 29.9);
    expect_said("");
    rn_alike_release(&alike);
    expect_said("! f20: gone (and 1 more alike)\n");
}

Test(alike, other_words_and_another_kind_are_counted_apart)
{
    tell("refused", "gone", 0, 6);
    tell("refused", "forbidden", 10, 6);
    tell("transient", "gone", 20, 6);
    rn_str_clear(&said);
    rn_alike_release(&alike);
    expect_said("! f4: gone (and 1 more alike)\n! f14: forbidden (and 1 more alike)\n"
                "! f24: gone (and 1 more alike)\n");
}

/* "17 of 99 bytes": no two files say the same. */
Test(alike, a_kind_of_which_each_has_words_of_its_own_is_counted_too)
{
    char words[16];
    for (int i = 0; i < 100; i++) {
        snprintf(words, sizeof words, "%d bytes", i);
        tell("truncated", words, i, 1);
    }
    cr_expect_eq(count_lines(), RN_ALIKE_WORDS + RN_ALIKE_NAMED);
    tell("truncated", "0 bytes", 100, 3);
    cr_expect_eq(count_lines(), RN_ALIKE_WORDS + RN_ALIKE_NAMED + 3, "words of before still count");
    tell("digest", "other", 200, 1);
    cr_expect(strstr(said.p, "f200: other"), "another kind is not theirs");
    rn_str_clear(&said);
    rn_alike_release(&alike);
    expect_said("! f20: 20 bytes (and 79 more, each in its own words)\n");
}

Test(alike, the_teller_learns_how_many_there_were)
{
    struct rn_saying s = {RN_INFO, "again", "", 0};
    for (size_t i = 0; i < 10; i++)
        cr_expect_eq(rn_alike_tell(&alike, &s, "f"), i);
}

Test(alike, more_kinds_than_anybody_foresaw_are_told_line_by_line)
{
    char kind[16];
    for (int i = 0; i < 3 * RN_ALIKE_MAX; i++) {
        snprintf(kind, sizeof kind, "host %d", i);
        tell(kind, "gone", i, 1);
    }
    cr_expect_eq(count_lines(), 3 * RN_ALIKE_MAX);
    cr_expect_eq(alike.n, RN_ALIKE_MAX);
    tell("yet another", "gone", 9000, 5);
    cr_expect_eq(count_lines(), 3 * RN_ALIKE_MAX + 5);
}

Test(alike, a_line_as_long_as_the_log_allows_keeps_its_count)
{
    char words[5000] = "";
    memset(words, 'x', sizeof words - 1);
    tell("refused", words, 0, 6);
    rn_str_clear(&said);
    rn_alike_release(&alike);
    cr_expect(rn_ends_with(said.p, "xx (and 1 more alike)\n"));
}
