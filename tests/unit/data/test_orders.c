/* Orders that CPython and numpy drew: tests/golden/python_mt19937.json, core_orders.json,
 * numpy_pcg64_permutation_seed42.json (origin in tests/golden/README.md). */
#include "json.h"
#include "mem.h"
#include "mt19937.h"
#include "pcg64.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static json_t *golden(const char *name)
{
    struct rn_err err = {0};
    json_t *doc = NULL;
    char *path = rn_xprintf(RUNNEL_SOURCE_DIR "/tests/golden/%s", name);
    cr_assert_eq(rn_json_read(path, 1 << 24, &doc, &err), RN_OK, "%s", err.msg);
    free(path);
    return doc;
}

/* json.dumps of a list of integers, as the golden digests were taken. */
static void digest_of_list(const int64_t *items, size_t n, char hex[RN_HEX])
{
    struct rn_str s = {0};
    rn_str_putc(&s, '[');
    for (size_t i = 0; i < n; i++)
        rn_str_printf(&s, "%s%lld", i ? ", " : "", (long long)items[i]);
    rn_str_putc(&s, ']');
    rn_sha256_hex(s.p, s.n, hex);
    rn_str_release(&s);
}

static void check_python(uint64_t seed, const json_t *want)
{
    struct rn_mt r;
    rn_mt_seed(&r, seed);
    json_t *below = json_array_get(json_object_get(want, "randrange100"), 0);
    json_t *seq = json_object_get(want, "seq");
    struct rn_mt other;
    rn_mt_seed(&other, seed);
    cr_assert_eq((long long)rn_mt_below(&other, 100), json_integer_value(below));
    size_t at = 0;
    for (int i = 0; i < 5; i++)
        cr_assert_eq(rn_mt_unit(&r), json_real_value(json_array_get(seq, at++)));
    for (int i = 0; i < 5; i++)
        cr_assert_eq((long long)rn_mt_below(&r, 1000000),
                     json_integer_value(json_array_get(seq, at++)));
    for (int i = 0; i < 5; i++)
        cr_assert_eq("abcdefghij"[rn_mt_below(&r, 10)],
                     json_string_value(json_array_get(seq, at++))[0]);
    static const size_t samples[][2] = {{50, 5}, {5000, 10}};
    for (int s = 0; s < 2; s++) {
        int64_t picked[10];
        rn_mt_sample(&r, samples[s][0], samples[s][1], picked);
        json_t *list = json_array_get(seq, at++);
        for (size_t i = 0; i < samples[s][1]; i++)
            cr_assert_eq(picked[i], json_integer_value(json_array_get(list, i)), "sample %d", s);
    }
}

Test(orders, cpython_random_gives_the_same_numbers_for_every_kind_of_draw)
{
    json_t *doc = golden("python_mt19937.json");
    const char *seed;
    json_t *want;
    json_object_foreach(doc, seed, want)
    {
        check_python(strtoull(seed, NULL, 10), want);
    }
    json_decref(doc);
}

Test(orders, core_rows_are_shuffled_as_by_random_1337)
{
    json_t *doc = golden("core_orders.json"), *want;
    const char *task;
    json_object_foreach(json_object_get(doc, "orders"), task, want)
    {
        size_t n = (size_t)rn_json_int(want, "n", 0);
        int64_t *order = rn_xrealloc(NULL, n, sizeof *order);
        for (size_t i = 0; i < n; i++)
            order[i] = (int64_t)i;
        struct rn_mt r;
        rn_mt_seed(&r, 1337);
        rn_mt_shuffle(&r, order, n);
        json_t *first = json_object_get(want, "first"), *last = json_object_get(want, "last");
        for (size_t i = 0; i < json_array_size(first); i++)
            cr_assert_eq(order[i], json_integer_value(json_array_get(first, i)), "%s", task);
        size_t tail = json_array_size(last);
        for (size_t i = 0; i < tail; i++)
            cr_assert_eq(order[n - tail + i], json_integer_value(json_array_get(last, i)));
        char hex[RN_HEX];
        digest_of_list(order, n, hex);
        cr_assert_str_eq(hex, rn_json_str(want, "sha256_of_order_json", ""), "%s", task);
        free(order);
    }
    json_decref(doc);
}

Test(orders, numpy_permutations_of_seed_42_match)
{
    json_t *doc = golden("numpy_pcg64_permutation_seed42.json"), *want;
    const char *key;
    json_object_foreach(doc, key, want)
    {
        size_t n = strtoull(key, NULL, 10);
        int64_t *order = rn_numpy_permutation(42, n);
        json_t *first = json_object_get(want, "first");
        for (size_t i = 0; i < json_array_size(first); i++)
            cr_assert_eq(order[i], json_integer_value(json_array_get(first, i)), "n = %s", key);
        char hex[RN_HEX];
        digest_of_list(order, n, hex);
        cr_assert_str_eq(hex, rn_json_str(want, "sha256", ""), "n = %s", key);
        free(order);
    }
    json_decref(doc);
}
