/* What servers write beside a body, and what of it is believed. */
#include "headers.h"

#include <criterion/criterion.h>

TestSuite(headers, .timeout = 300);

Test(headers, content_ranges)
{
    static const struct {
        const char *value;
        bool good;
        int64_t first, last, total;
    } rows[] = {
        {"bytes 0-0/1", true, 0, 0, 1},
        {"bytes 100-199/1000", true, 100, 199, 1000},
        {" \tBytes  100-199/1000 \t", true, 100, 199, 1000},
        {"bytes 100-199/*", true, 100, 199, -1},
        {"bytes */1000", true, -1, -1, 1000},
        {"bytes */*", false},
        {NULL, false},
        {"", false},
        {"bytes", false},
        {"bytes=0-1/2", false},
        {"items 0-1/2", false},
        {"bytes 5-4/10", false},
        {"bytes 0-10/10", false},
        {"bytes -1-4/10", false},
        {"bytes +1-4/10", false},
        {"bytes 0 -4/10", false},
        {"bytes 0-4/10, 5-9/10", false},
        {"bytes 0-4/10 x", false},
        {"bytes 0-9223372036854775807/*", true, 0, INT64_MAX, -1},
        {"bytes 0-9223372036854775808/*", false},
        {"bytes 0-4/99999999999999999999", false},
        {"bytes 0x0-0x4/10", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rn_content_range r;
        cr_assert_eq(rn_content_range_parse(rows[i].value, &r), rows[i].good, "%s", rows[i].value);
        if (rows[i].good)
            cr_assert(r.first == rows[i].first && r.last == rows[i].last &&
                          r.total == rows[i].total,
                      "%s", rows[i].value);
    }
}

Test(headers, content_lengths)
{
    cr_assert_eq(rn_content_length("0"), 0);
    cr_assert_eq(rn_content_length(" 42 "), 42);
    cr_assert_eq(rn_content_length("42, 42,42"), 42);
    cr_assert_eq(rn_content_length("9223372036854775807"), INT64_MAX);
    static const char *const bad[] = {NULL,  "",    "-1",  "+1",  "1.0", "0x10",
                                      "4 2", "4,2", "42,", ",42", "1e3", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(rn_content_length(bad[i]), -1, "%s", bad[i]);
}

Test(headers, retry_after_in_seconds_and_as_a_date)
{
    const double then = 946684799; /* Fri, 31 Dec 1999 23:59:59 GMT */
    cr_assert_eq(rn_retry_after_s("120", 0), 120);
    cr_assert_eq(rn_retry_after_s(" 1 ", 0), 1);
    cr_assert_eq(rn_retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT", then - 30), 30);
    cr_assert_eq(rn_retry_after_s("Friday, 31-Dec-99 23:59:59 GMT", then - 30), 30);
    cr_assert_eq(rn_retry_after_s("Fri Dec 31 23:59:59 1999", then - 30), 30);
    cr_assert_eq(rn_retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT", then + 1), 0, "it has passed");
    cr_assert_eq(rn_retry_after_s("99999999999", 0), 99999999999.0, "the caller caps");
    static const char *const bad[] = {NULL,   "",
                                      "-5",   "5 apples",
                                      "soon", "99999999999999999999",
                                      "1.5",  "Fri, 99 Dec 1999 99:99:99 GMT"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(rn_retry_after_s(bad[i], then), 0, "%s", bad[i]);
}

Test(headers, dates_in_every_form_that_http_knows)
{
    static const struct {
        const char *text;
        int64_t s;
    } dates[] = {{"Thu, 01 Jan 1970 00:00:01 GMT", 1},
                 {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
                 {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
                 {"Sun Nov  6 08:49:37 1994", 784111777},
                 {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
                 {"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
                 {"Thu, 28 Feb 2100 23:59:59 GMT", 4107542399},
                 {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400}, /* no leap year */
                 {NULL, -1},
                 {"", -1},
                 {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
                 {"Sun, 32 Nov 1994 08:49:37 GMT", -1},
                 {"Sun, 06 Nov", -1},
                 {"yesterday", -1}};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
        cr_expect_eq(rn_date_s(dates[i].text), dates[i].s, "%s: %lld", dates[i].text,
                     (long long)rn_date_s(dates[i].text));
}

Test(headers, a_rate_limit_that_is_used_up)
{
    cr_assert_eq(rn_rate_limit_wait_s("\"api\";r=0;t=55"), 55);
    cr_assert_eq(rn_rate_limit_wait_s("\"api\"; r=0; t=55"), 55);
    cr_assert_eq(rn_rate_limit_wait_s("limit=100, remaining=0, reset=7"), 7);
    cr_assert_eq(rn_rate_limit_wait_s("\"api\";r=3;t=55"), 0, "there is quota");
    cr_assert_eq(rn_rate_limit_wait_s("\"api\";r=0"), 0);
    cr_assert_eq(rn_rate_limit_wait_s("bar=0;pt=3"), 0, "other parameters");
    cr_assert_eq(rn_rate_limit_wait_s("r=0;t=-5"), 0);
    cr_assert_eq(rn_rate_limit_wait_s(NULL), 0);
}

Test(headers, only_strong_etags_prove_equal_bytes)
{
    cr_assert(rn_etag_is_strong("\"abc\""));
    cr_assert(rn_etag_is_strong(" \"33a64df5:1,2\" "));
    cr_assert(rn_etag_is_strong("\"\""));
    static const char *const weak[] = {NULL,      "",      "W/\"abc\"", "w/\"abc\"", "abc",
                                       "\"abc",   "abc\"", "\"a\"b\"",  "\"a b\"",   "\"a\x7F\"",
                                       "\"a\n\"", "\"a\\", "'a'"};
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++)
        cr_assert(!rn_etag_is_strong(weak[i]), "%s", weak[i]);
    char longest[300] = "\"";
    for (int i = 1; i < 298; i++)
        longest[i] = 'x';
    longest[298] = '"';
    cr_assert(!rn_etag_is_strong(longest));
}
