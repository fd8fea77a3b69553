#include "nearest.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const words[] = {"steps", "stall", "vocab_size", "lr", NULL};

Test(nearest, is_two_edits_away_at_most)
{
    static const struct {
        const char *to, *word;
    } rows[] = {{"stpes", "steps"},  {"vocabsize", "vocab_size"},
                {"stale", "stall"},  {"lt", "lr"},
                {"x", NULL},         {"xy", NULL},
                {"completely", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *near = rn_nearest_of(rows[i].to, words);
        cr_expect_str_eq(near ? near : "none", rows[i].word ? rows[i].word : "none", "%s",
                         rows[i].to);
    }
}

Test(nearest, of_two_is_the_one_with_fewer_edits_and_of_equals_the_first)
{
    struct rn_nearest near = {.to = "stalk"};
    rn_nearest_try(&near, "steal");
    rn_nearest_try(&near, "stall");
    rn_nearest_try(&near, "stalx");
    cr_expect_str_eq(near.word, "stall");
}

Test(nearest, of_very_many_words_only_the_first_are_looked_at)
{
    struct rn_nearest near = {.to = "steps"};
    for (int i = 0; i < 256; i++)
        rn_nearest_try(&near, "stall");
    rn_nearest_try(&near, "steps");
    cr_expect_null(near.word, "or a file with thousands of mistakes takes the square of them");
}

Test(nearest, no_word_is_near_one_without_end)
{
    char endless[300];
    memset(endless, 'a', 299);
    endless[299] = '\0';
    cr_expect_null(rn_nearest_of(endless, words));
}

Test(nearest, is_hinted_at_if_there_is_one)
{
    struct rn_err err = {0};
    cr_expect_not(rn_hint_near(&err, NULL));
    cr_expect_str_empty(err.hint);
    cr_expect(rn_hint_near(&err, "steps"));
    cr_expect_str_eq(err.hint, "did you mean 'steps'?");
}

Test(nearest, edits_are_counted_up_to_three)
{
    cr_expect_eq(rn_edit_distance("kitten", "sitting"), 3);
    cr_expect_eq(rn_edit_distance("", "abcd"), 4);
    cr_expect_eq(rn_edit_distance("same", "same"), 0);
}
