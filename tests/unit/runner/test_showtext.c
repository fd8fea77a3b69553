/* What a model says reaches a terminal in whole characters, and never as a command to it. */
#include "mem.h"
#include "showtext.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BAD "\xEF\xBF\xBD"

/* What is shown of the bytes, given `step` at a time; caller frees. */
static char *show(const char *bytes, size_t n, size_t step)
{
    char *text;
    size_t size;
    struct rn_showtext s = {.out = open_memstream(&text, &size)};
    for (size_t i = 0; i < n; i += step)
        rn_showtext_add(&s, bytes + i, n - i < step ? n - i : step);
    rn_showtext_end(&s);
    fclose(s.out);
    return text;
}

Test(showtext, bytes_cut_anywhere_come_out_whole_and_harmless)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"In Corvik.\n", "In Corvik.\n"},
                {"na\xC3\xAFve \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x90\x9A",
                 "na\xC3\xAFve \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x90\x9A"},
                {"\x1b[31mred", BAD "[31mred"}, /* an escape code */
                {"\x07\x08\x7F", BAD BAD BAD},  /* bell, backspace, delete */
                {"a\xC2\x9B"
                 "31m",
                 "a" BAD "31m"},                         /* C1's form of an escape */
                {"x\xFFy\xC0\xAF", "x" BAD "y" BAD BAD}, /* no UTF-8, too long a form */
                {"\xE6\x97", BAD BAD},                   /* ends in the middle */
                {"\xE6"
                 "a\xE6\x97"
                 "b",
                 BAD "a" BAD BAD "b"}}; /* broken off by a letter */
    for (size_t i = 0; i < RN_COUNT(rows); i++)
        for (size_t step = 1; step <= 5; step++) {
            char *text = show(rows[i].bytes, strlen(rows[i].bytes), step);
            cr_expect_str_eq(text, rows[i].text, "row %zu, %zu bytes at a time", i, step);
            free(text);
        }
}

Test(showtext, a_character_is_held_back_until_it_is_whole)
{
    char *text;
    size_t size;
    struct rn_showtext s = {.out = open_memstream(&text, &size)};
    rn_showtext_add(&s, "a\xF0\x9F", 3);
    cr_expect_eq(size, 1);
    rn_showtext_add(&s, "\x90", 1);
    cr_expect_eq(size, 1);
    rn_showtext_add(&s, "\x9A", 1);
    cr_expect_eq(size, 5);
    rn_showtext_end(&s);
    fclose(s.out);
    free(text);
}
