/* The chat's calculator: what nanochat's finds for 30 expressions (tests/golden/calculator.json),
 * the edges of Python's arithmetic, and what must find nothing. */
#include "calculator.h"
#include "json.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* "" stands for no result. */
static void expect(const char *expression, const char *want)
{
    struct rn_str got = {0};
    bool found = rn_calculator(expression, strlen(expression), &got);
    cr_expect_eq(found, *want != '\0', "%s: %s", expression, found ? got.p : "nothing");
    cr_expect_str_eq(found ? got.p : "", want, "%s", expression);
    rn_str_release(&got);
}

Test(calculator, finds_what_nanochats_finds)
{
    struct rn_err err = {0};
    json_t *doc, *row;
    size_t i;
    const char *path = RUNNEL_SOURCE_DIR "/tests/golden/calculator.json";
    cr_assert_eq(rn_json_read(path, 1 << 16, &doc, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(json_array_size(doc), 30);
    json_array_foreach(doc, i, row)
        expect(rn_json_str(row, "expr", NULL), rn_json_str(row, "result", ""));
    json_decref(doc);
}

Test(calculator, computes_as_python_does)
{
    static const char *const rows[][2] = {
        {"-7//2", "-4"},
        {"7//-2", "-4"},
        {"-7//-2", "3"},
        {"7.5//2", "3.0"},
        {"-7.5//2", "-4.0"},
        {"1/3*3", "1.0"},
        {"2/4", "0.5"},
        {"--3", "3"},
        {"+-+3", "-3"},
        {"-0", "0"},
        {"-0.0", "-0.0"},
        {".5+.25", "0.75"},
        {"00", "0"},
        {"01.5", "1.5"},
        {"1 + 2 * 3 - 4", "3"},
        {"1000000*1000000.0*10000", "1e+16"},
        {"0.00001*1", "1e-05"},
        {"123456789.125", "123456789.125"},
        {"9007199254740993/1", "9007199254740992.0"},
        {"9007199254740995/1", "9007199254740996.0"},
        {"100000000000000000000000/3", "3.333333333333333e+22"},
        {"99999999999999999999//7", "14285714285714285714"},
        {"-99999999999999999999//7", "-14285714285714285715"},
        {"(((((1)))))", "1"},
        {"1-1-1", "-1"},
        {"8/4/2", "1.0"},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++)
        expect(rows[i][0], rows[i][1]);
}

Test(calculator, counts_in_texts)
{
    expect("('mis' 'sis').count(\"s\")", "3");
    expect("'Mississippi'.lower().count('m')", "1");
    expect("'banana'.count('ana')", "1");
    expect(" 'a b a' . count('a')", "");
    expect("'a,b,a'.count('a')", "2");
    expect("'abc'.upper().count('B')", "1");
}

Test(calculator, finds_nothing_in_anything_else)
{
    static const char *const rows[] = {"",
                                       " ",
                                       "()",
                                       "1 2",
                                       "1..2",
                                       ".",
                                       "1.2.3",
                                       "2*",
                                       "*2",
                                       "(1",
                                       "1)",
                                       "1///2",
                                       "1//0",
                                       "0.0/0",
                                       "1/0.0",
                                       "010",
                                       "3(4)",
                                       "'a'.count('b'",
                                       "'a'.count(b)",
                                       "'a.count('a')",
                                       "'a'.count('a').real",
                                       "'import'.count('i')",
                                       "'x'.__class__.count('')",
                                       "open('x').count('a')",
                                       "'\xc3\xa4'.count('a')",
                                       "1+1\n"};
    for (size_t i = 0; i < RN_COUNT(rows); i++)
        expect(rows[i], "");
}

Test(calculator, survives_what_is_deep_or_long)
{
    struct rn_str s = {0}, out = {0};
    for (int i = 0; i < 4000; i++)
        rn_str_putc(&s, '(');
    cr_expect(!rn_calculator(s.p, s.n, &out));
    rn_str_clear(&s);
    for (int i = 0; i < 4000; i++)
        rn_str_putc(&s, '-');
    rn_str_putc(&s, '1');
    cr_expect(rn_calculator(s.p, s.n, &out));
    cr_expect_str_eq(out.p, "1");
    rn_str_clear(&s);
    for (int i = 0; i < 2000; i++) /* a double cannot hold it: Python refuses, too */
        rn_str_putc(&s, '9');
    rn_str_puts(&s, "/3");
    cr_expect(!rn_calculator(s.p, s.n, &out));
    rn_str_clear(&s);
    for (int i = 0; i < 5000; i++)
        rn_str_putc(&s, '9');
    cr_expect(!rn_calculator(s.p, s.n, &out));
    rn_str_release(&s);
    rn_str_release(&out);
}
