#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(str, grows_and_stays_terminated)
{
    struct rn_str s = {0};
    for (int i = 0; i < 1000; i++)
        rn_str_printf(&s, "%d,", i);
    cr_assert_eq(s.n, strlen(s.p));
    cr_assert(rn_ends_with(s.p, "998,999,"));
    rn_str_clear(&s);
    cr_assert_str_eq(s.p, "");
    rn_str_add(&s, "a\0b", 3);
    rn_str_putc(&s, 'c');
    cr_assert(s.n == 4 && memcmp(s.p, "a\0bc", 5) == 0);
    rn_str_release(&s);
    cr_assert(!s.p && !s.n);
}

Test(str, a_word_for_the_shell_is_quoted_where_it_must_be)
{
    static const char *const words[][2] = {
        {"a/b-1.yaml", "a/b-1.yaml"}, {"", "''"},     {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},       {"$x", "'$x'"}, {"-n;", "'-n;'"}};
    struct rn_str s = {0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        rn_str_clear(&s);
        rn_str_shell(&s, words[i][0]);
        cr_expect_str_eq(s.p, words[i][1]);
    }
    rn_str_release(&s);
}

Test(str, prefixes_and_suffixes)
{
    cr_assert(rn_starts_with("abc", "ab") && rn_starts_with("abc", ""));
    cr_assert_not(rn_starts_with("ab", "abc"));
    cr_assert(rn_ends_with("a.json", ".json") && !rn_ends_with("json", "a.json"));
}

Test(str, utf8)
{
    static const char *const good[] = {
        "", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\xff", "\xc0\x80",         "\xed\xa0\x80", "\xe2\x82",
        "\x80", "\xf4\x90\x80\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(rn_utf8_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(rn_utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
    int len;
    const unsigned char *smile = (const unsigned char *)"\xf0\x9f\x98\x80";
    cr_assert_eq(rn_utf8_next(smile, smile + 4, &len), 0x1F600);
    cr_assert_eq(len, 4);
    cr_assert_eq(rn_utf8_next(smile, smile + 3, &len), 0xFFFD);
    cr_assert_eq(len, 1);
}

Test(str, what_would_command_a_terminal_or_turn_a_line_is_control)
{
    static const uint32_t bad[] = {0,    7,      0x1b,  0x7f,
                                   0x9b, 0x202e, 0x2066}, /* "red" turned: "der" */
        good[] = {'\n', '\t', ' ', 'a', 0xe9, 0x200f, 0x5d0, 0x1f600};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(rn_is_control(bad[i]), "U+%04X", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert_not(rn_is_control(good[i]), "U+%04X", good[i]);
}

Test(str, moments_are_as_short_as_they_may_be)
{
    char buf[32];
    setenv("TZ", "UTC", 1);
    double now_s = 1763720000; /* Friday 2025-11-21 10:13:20 */
    cr_assert_str_eq(rn_show_moment(buf, now_s + 3600, now_s), "11:13");
    cr_assert_str_eq(rn_show_moment(buf, now_s + 86400, now_s), "Sat 10:13");
    cr_assert_str_eq(rn_show_moment(buf, now_s + 20 * 86400, now_s), "2025-12-11 10:13");
    cr_assert_str_eq(rn_show_moment(buf, 1e300, now_s), "1970-01-01 00:00");
}

Test(str, numbers_are_short_and_exact)
{
    char buf[32];
    cr_assert_str_eq(rn_show_real(buf, 0.1), "0.1");
    cr_assert_str_eq(rn_show_real(buf, 12), "12");
    cr_assert_str_eq(rn_show_real(buf, 0.1 + 0.2), "0.30000000000000004");
}

Test(str, sizes_for_people)
{
    char buf[32];
    cr_assert_str_eq(rn_show_bytes(buf, 512), "512 B");
    cr_assert_str_eq(rn_show_bytes(buf, 3.2 * 1024 * 1024), "3.2 MiB");
    cr_assert_str_eq(rn_show_count(buf, 12.5e6), "12.5 M");
    cr_assert_str_eq(rn_show_time(buf, 3780), "1 h 03 min");
    cr_assert_str_eq(rn_show_time(buf, 100 * 3600 - 1), "99 h 59 min");
    cr_assert_str_eq(rn_show_time(buf, 100 * 3600), "4 d 04 h");
}
