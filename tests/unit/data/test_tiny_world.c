/* The tiny world: what is tested is learnable and was never shown. */
#define _GNU_SOURCE /* memmem */
#include "../scratch.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"
#include "str.h"
#include "tiny_world.h"
#include "world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(tiny_world, .init = scratch_up, .fini = scratch_down);

/* The bytes of a generated file; caller frees. Texts lie in a shard as they are, so that searching
 * its bytes is searching its documents; JSONL is unescaped first. */
static char *make(const char *name, size_t *n)
{
    struct rn_err err = {0};
    char *path = rn_join(dir, name), *bytes = NULL;
    cr_assert_eq(rn_tiny_world_write(name, path, &err), RN_OK, "%s: %s", name, err.msg);
    cr_assert_eq(rn_file_read(path, 64 << 20, &bytes, n, &err), RN_OK, "%s", err.msg);
    free(path);
    return bytes;
}

/* All strings of a JSONL file, each followed by a newline. */
static void add_strings(const json_t *doc, struct rn_str *out)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_string(doc)) {
        rn_str_puts(out, json_string_value(doc));
        rn_str_putc(out, '\n');
    }
    json_array_foreach((json_t *)doc, i, item) add_strings(item, out);
    json_object_foreach((json_t *)doc, key, item) add_strings(item, out);
}

typedef void each_line(const json_t *row, void *ctx);

static size_t for_lines(const char *bytes, each_line *each, void *ctx)
{
    size_t rows = 0;
    for (const char *p = bytes; *p; rows++) {
        struct rn_err err = {0};
        json_t *row;
        size_t n = strcspn(p, "\n");
        cr_assert_eq(rn_json_parse(p, n, RN_NOWHERE, &row, &err), RN_OK, "%s", err.msg);
        each(row, ctx);
        json_decref(row);
        p += n + 1;
    }
    return rows;
}

static void gather(const json_t *row, void *ctx)
{
    add_strings(row, ctx);
}

static void *find(const struct rn_str *hay, const char *needle)
{
    return memmem(hay->p, hay->n, needle, strlen(needle));
}

static void training_text(struct rn_str *out)
{
    static const char *const shards[] = {"shard_00000.parquet", "shard_00001.parquet",
                                         "shard_00002.parquet", "shard_00003.parquet",
                                         "shard_val.parquet"};
    static const char *const chats[] = {"conversations.jsonl", "conversations_val.jsonl"};
    size_t n;
    for (size_t i = 0; i < RN_COUNT(shards); i++) {
        char *bytes = make(shards[i], &n);
        rn_str_add(out, bytes, n);
        free(bytes);
    }
    for (size_t i = 0; i < RN_COUNT(chats); i++) {
        char *bytes = make(chats[i], &n);
        for_lines(bytes, gather, out);
        free(bytes);
    }
}

static void not_in_training(const json_t *row, void *ctx)
{
    const struct rn_str *trained = ctx;
    const char *query = rn_json_str(row, "query", NULL);
    json_t *choices = json_object_get(row, "choices");
    int64_t gold = rn_json_int(row, "gold", -1);
    cr_assert(query && json_array_size(choices) == 4 && gold >= 0 && gold < 4);
    cr_assert_null(find(trained, query), "'%s' stands in the training text", query);
    for (size_t i = 0; i < 4; i++) {
        struct rn_str both = {0};
        const char *answer = json_string_value(json_array_get(choices, i));
        rn_str_printf(&both, "%s %s", query, answer);
        cr_assert_null(find(trained, both.p));
        cr_assert_not_null(find(trained, answer), "'%s' is never said in training", answer);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(answer, json_string_value(json_array_get(choices, j)));
        rn_str_release(&both);
    }
}

Test(tiny_world, no_question_of_the_test_stands_in_any_training_text)
{
    struct rn_str trained = {0};
    size_t n;
    training_text(&trained);
    cr_assert_not_null(find(&trained, "Where does Otto live?")); /* the search can find */
    char *choices = make("choices.jsonl", &n);
    size_t rows = for_lines(choices, not_in_training, &trained);
    cr_assert_geq(rows, 200);
    free(choices);
    rn_str_release(&trained);
}

Test(tiny_world, every_tested_fact_is_stated_and_asked_in_other_words)
{
    struct rn_world w;
    struct rn_str trained = {0}, s = {0};
    rn_world_init(&w);
    training_text(&trained);
    for (int p = 0; p < RN_WORLD_PEOPLE; p++) {
        for (int a = 0; a < RN_WORLD_ATTRIBUTES; a++) {
            for (int k = 0; k < RN_WORLD_PHRASINGS; k++) {
                rn_str_clear(&s);
                rn_world_statement(&w, p, a, k, &s);
                cr_assert_not_null(find(&trained, s.p), "never stated: %s", s.p);
                rn_str_clear(&s);
                rn_world_question(&w, p, a, k, &s);
                bool asked = find(&trained, s.p) != NULL;
                cr_assert_eq(asked, k != rn_world_held_out(p, a), "%s", s.p);
            }
        }
    }
    rn_str_release(&trained);
    rn_str_release(&s);
}

/* The bytes were recorded when the world was made; a change makes every tag of it stale. */
Test(tiny_world, files_are_the_same_bytes_everywhere)
{
    static const struct {
        const char *name, *sha256;
    } files[] = {
#include "tiny_world_digests.inc"
    };
    for (size_t i = 0; i < RN_COUNT(files); i++) {
        size_t n;
        char hex[RN_HEX], *bytes = make(files[i].name, &n);
        rn_sha256_hex(bytes, n, hex);
        cr_expect_str_eq(hex, files[i].sha256, "{\"%s\", \"%s\"},", files[i].name, hex);
        free(bytes);
    }
}

Test(tiny_world, gold_answers_are_spread_over_the_four_places)
{
    size_t n;
    char *bytes = make("choices.jsonl", &n);
    int count[4] = {0};
    for (const char *p = bytes; (p = strstr(p, "\"gold\":")); p += 7)
        count[p[7] - '0']++;
    for (int i = 0; i < 4; i++)
        cr_assert(count[i] >= 40 && count[i] <= 80, "place %d: %d", i, count[i]);
    free(bytes);
}

Test(tiny_world, unknown_names_are_refused_with_a_hint)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_tiny_world_write("choises.jsonl", "/nonexistent/x", &err), RN_ECONFIG);
    cr_assert(strstr(err.hint, "choices.jsonl"), "%s", err.hint);
    err = (struct rn_err){0};
    cr_assert_eq(rn_tiny_world_write("shard_0000x.parquet", "/nonexistent/x", &err), RN_ECONFIG);
    err = (struct rn_err){0};
    cr_assert_eq(rn_tiny_world_write("../shard_00000.parquet", "/nonexistent/x", &err), RN_ECONFIG);
}
