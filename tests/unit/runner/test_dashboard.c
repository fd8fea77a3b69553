/* One screen of a run: what fits is shown, whatever names, numbers and samples hold. */
#include "dashboard.h"
#include "spark.h"
#include "terminal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rn_str drawn;

static const char *spark(const double *values, size_t n, size_t width, bool blocks)
{
    rn_str_release(&drawn);
    rn_spark(&drawn, values, n, width, blocks);
    return drawn.p ? drawn.p : "";
}

Test(dashboard, a_spark_line_spans_from_the_least_to_the_greatest)
{
    const double falling[] = {4, 3, 2, 1, 0}, flat[] = {2, 2};
    cr_assert_str_eq(spark(falling, 5, 10, false), "#+=-_");
    cr_assert_str_eq(spark(falling, 5, 10, true), "█▆▅▃▁");
    cr_assert_str_eq(spark(flat, 2, 10, false), "__");
    cr_assert_str_eq(spark(falling, 0, 10, false), "");
}

Test(dashboard, a_spark_line_is_as_wide_as_asked_and_marks_what_is_no_number)
{
    double values[1000];
    for (int i = 0; i < 1000; i++)
        values[i] = i;
    cr_assert_str_eq(spark(values, 1000, 8, false), "_.-~=+*#");
    values[1] = NAN;
    values[999] = INFINITY;
    cr_assert_str_eq(spark(values, 1000, 8, false), "x_.~=*#x");
    const double none[] = {NAN, NAN};
    cr_assert_str_eq(spark(none, 2, 8, true), "xx");
}

Test(dashboard, characters_are_as_wide_as_the_terminal_shows_them)
{
    cr_assert_eq(rn_terminal_fit("abcdef", 4), 4);
    cr_assert_eq(rn_terminal_fit("abc", 80), 3);
    cr_assert_eq(rn_terminal_fit("█▆▅▃▁", 3), 9);  /* narrow, three bytes each */
    cr_assert_eq(rn_terminal_fit("日本語", 5), 6); /* wide: two and a half fit */
    cr_assert_eq(rn_terminal_fit("e\xCC\x81"
                                 "e\xCC\x81",
                                 1),
                 3); /* an accent takes no room */
}

/* A stage at work whose every text is as bad as it can be. */
static struct rn_runstate hostile_run(json_t *lines, json_t *numbers)
{
    static struct rn_stage_state stages[40];
    struct rn_runstate r = {
        .dir = "nowhere", .tag = "\033[2Jtag", .word = "running", .stages = stages, .n_stages = 40};
    for (size_t i = 0; i < 40; i++)
        stages[i] = (struct rn_stage_state){.name = "stage\n\033]0;title\a",
                                            .word = i == 30 ? "running" : "never run",
                                            .numbers = numbers,
                                            .lines = i == 30 ? lines : NULL,
                                            .step = 1,
                                            .steps = 10,
                                            .eta_s = 1e9,
                                            .said = "\xff\xfe says \xC2\x9B"
                                                    "31m"};
    return r;
}

Test(dashboard, nothing_but_text_that_fits_comes_out)
{
    const int sizes[][2] = {{100, 30}, {80, 24}, {20, 5}, {1, 1}, {400, 100}};
    json_t *numbers = json_pack("{s:f, s:f, s:n}", "loss\033[m", 3.0, "tok_per_sec", 1e300, "nan");
    json_t *lines = json_pack("[{s:i, s:f}, {s:i, s:f}, {s:i, s:s}]", "step", 0, "loss", 3.0,
                              "step", 1, "loss", 2.0, "step", 1, "sample",
                              "one\r\033[31m\ntwo\n\xE2\x80\xAEthree\x7f\n\n\n\n\n\n\n\n\n");
    struct rn_runstate r = hostile_run(lines, numbers);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rn_view view = {sizes[i][0], sizes[i][1], true, 1e9};
        struct rn_str s = {0};
        int n = 1;
        rn_dashboard(&s, &r, &view);
        for (char *line = s.p, *end; line; line = end ? end + 1 : NULL, n += line != NULL) {
            end = strchr(line, '\n');
            if (end)
                *end = '\0';
            cr_assert_eq(rn_terminal_fit(line, view.columns), (int)strlen(line), "%s", line);
            for (const char *p = line; *p; p++)
                cr_assert(!((unsigned char)*p < 0x20 || *p == 0x7f), "control in '%s'", line);
            cr_assert(!strstr(line, "\xC2\x9B") && !strstr(line, "\xE2\x80\xAE"));
        }
        cr_assert_leq(n, view.lines);
        rn_str_release(&s);
    }
    json_decref(lines);
    json_decref(numbers);
}

Test(dashboard, alerts_since_the_start_are_told_and_earlier_ones_are_not)
{
    json_t *numbers = json_object(), *lines = json_array();
    json_t *records =
        json_pack("[{s:s, s:f, s:s, s:s, s:s}, {s:s, s:f}, {s:s, s:f, s:s, s:s, s:s}]", "event",
                  "alert", "time", 10.0, "stage", "base", "alert", "stall", "text", "long ago",
                  "event", "run", "time", 20.0, "event", "alert", "time", 30.0, "stage", "base",
                  "alert", "spike", "text", "loss \033[31m9");
    struct rn_runstate r = hostile_run(lines, numbers);
    struct rn_view view = {100, 60, false, 40};
    struct rn_str s = {0};
    r.records = records;
    r.run = json_array_get(records, 1);
    rn_dashboard(&s, &r, &view);
    cr_assert(strstr(s.p, "base  spike: loss ?[31m9"), "%s", s.p);
    cr_assert(!strstr(s.p, "long ago"));
    rn_str_release(&s);
    json_decref(records);
    json_decref(lines);
    json_decref(numbers);
}

Test(dashboard, the_stage_at_work_is_among_the_rows_that_fit)
{
    json_t *numbers = json_object(), *lines = json_array();
    struct rn_runstate r = hostile_run(lines, numbers);
    struct rn_view view = {80, 12, false, 1e9};
    struct rn_str s = {0};
    rn_dashboard(&s, &r, &view);
    cr_assert(strstr(s.p, "running    "), "%s", s.p);
    cr_assert(strstr(s.p, "of 40 stages)"), "%s", s.p);
    rn_str_release(&s);
    json_decref(lines);
    json_decref(numbers);
}
