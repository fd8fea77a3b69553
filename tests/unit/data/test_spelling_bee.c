/* Rows that are made: nanochat's own, to the letter. */
#include "../scratch.h"
#include "shared.h"
#include "task.h"

TestSuite(spelling, .init = scratch_up, .fini = scratch_down, .timeout = 300);

/* A conversation as nanochat writes it. */
static json_t *json_of(const struct rn_conversation *c)
{
    static const char *const types[] = {"text", "python", "python_output"};
    json_t *parts = json_array();
    const struct rn_turn *a = &c->turns[1];
    for (size_t i = 0; i < a->n_parts; i++)
        json_array_append_new(parts, json_pack("{s:s, s:s%}", "type", types[a->parts[i].kind],
                                               "text", a->parts[i].text, a->parts[i].n));
    if (a->n_parts == 1) {
        json_t *alone = json_incref(json_object_get(json_array_get(parts, 0), "text"));
        json_decref(parts);
        parts = alone;
    }
    const struct rn_chat_part *q = &c->turns[0].parts[0];
    return json_pack("{s:[{s:s, s:s%}, {s:s, s:o}]}", "messages", "role", "user", "content",
                     q->text, q->n, "role", "assistant", "content", parts);
}

static struct rn_task *open_task(const char *name, const char *split, const char *path)
{
    struct rn_err err = {0};
    struct rn_task *t;
    cr_assert_eq(rn_task_open(&t, name, split, &path, 1, &err), RN_OK, "%s", err.msg);
    return t;
}

static int expect_rows_of(const char *golden, const char *task, const char *name, const char *split,
                          const char *words)
{
    struct rn_err err = {0};
    struct rn_task *t = open_task(name, split, words);
    FILE *f = fopen(golden, "r");
    char line[1 << 14];
    int n = 0;
    while (fgets(line, sizeof line, f)) {
        json_t *row;
        struct rn_conversation c;
        cr_assert_eq(rn_json_parse(line, strlen(line), RN_NOWHERE, &row, &err), RN_OK);
        if (!strcmp(rn_json_str(row, "task", ""), task) &&
            !strcmp(rn_json_str(row, "split", ""), split)) {
            cr_assert_eq(rn_task_get(t, rn_json_int(row, "i", -1), &c, &err), RN_OK);
            json_t *have = json_of(&c);
            cr_expect(json_equal(have, json_object_get(row, "conv")), "%s", line);
            json_decref(have);
            rn_conversation_release(&c);
            n++;
        }
        json_decref(row);
    }
    fclose(f);
    rn_task_free(t);
    return n;
}

Test(spelling, all_rows_are_those_of_nanochat)
{
    const char *golden = shared_file("golden/spellingbee.jsonl");
    const char *words = shared_file("data/words_alpha.txt");
    if (!golden || !words)
        return;
    cr_expect_eq(expect_rows_of(golden, "SpellingBee", "spelling-bee", "train", words), 40);
    cr_expect_eq(expect_rows_of(golden, "SpellingBee", "spelling-bee", "test", words), 40);
    cr_expect_eq(expect_rows_of(golden, "SimpleSpelling", "simple-spelling", "train", words), 40);
    cr_expect_eq(expect_rows_of(golden, "SimpleSpelling", "simple-spelling", "test", words), 40);
}

Test(spelling, every_question_holds_its_word_and_every_answer_the_count)
{
    const char *path = scratch_text("words.txt", "banana\r\nkiwi\r\n\r\nfig\n");
    struct rn_task *t = open_task("spelling-bee", "train", path);
    struct rn_err err = {0};
    for (int64_t i = 0; i < 500; i++) {
        struct rn_conversation c;
        char word[16], call[64];
        cr_assert_eq(rn_task_get(t, i, &c, &err), RN_OK);
        cr_assert_eq(c.n, 2);
        cr_assert_eq(c.turns[1].n_parts, 5);
        snprintf(call, sizeof call, "%.*s", (int)c.turns[1].parts[2].n, c.turns[1].parts[2].text);
        cr_assert_eq(sscanf(call, "'%15[a-z]'.count('", word), 1);
        char letter = call[strlen(call) - 3];
        int count = 0;
        for (const char *p = word; *p; p++)
            count += *p == letter;
        cr_expect(strstr(c.turns[0].parts[0].text, word), "%s", c.turns[0].parts[0].text);
        cr_expect_eq(atoi(c.turns[1].parts[3].text), count);
        rn_conversation_release(&c);
    }
    rn_task_free(t);
}

Test(spelling, splits_share_no_row_and_have_digests_of_their_own)
{
    const char *path = scratch_text("words.txt", "banana\nkiwi\nfig\n");
    struct rn_task *train = open_task("simple-spelling", "train", path);
    struct rn_task *test = open_task("simple-spelling", "test", path);
    cr_expect_eq(rn_task_rows(train), 10000000);
    cr_expect_str_neq(rn_task_digest(train), rn_task_digest(test));
    rn_task_free(train);
    rn_task_free(test);
}

Test(spelling, what_is_no_word_list_is_refused_with_its_line)
{
    static const struct {
        const char *text, *says;
    } bad[] = {{"apple\nPear\n", "a to z"}, {"", "no word"}, {"two words\n", "a to z"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rn_err err = {0};
        struct rn_task *t;
        const char *path = scratch_text("words.txt", bad[i].text);
        cr_expect_eq(rn_task_open(&t, "spelling-bee", "train", &path, 1, &err), RN_ECORRUPT);
        cr_expect(strstr(err.msg, bad[i].says), "%s", err.msg);
        cr_expect(i != 0 || err.line == 2);
    }
}

Test(spelling, an_unknown_split_or_more_than_one_list_is_refused)
{
    struct rn_err err = {0};
    struct rn_task *t;
    const char *path = scratch_text("words.txt", "fig\n"), *two[] = {path, path};
    cr_expect_eq(rn_task_open(&t, "spelling-bee", "tset", &path, 1, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "'tset'"), "%s", err.msg);
    err = (struct rn_err){0};
    cr_expect_eq(rn_task_open(&t, "spelling-bee", "train", two, 2, &err), RN_ECONFIG);
}
