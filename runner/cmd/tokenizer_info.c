#include "tokenizer_info.h"

#include "cache.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "sample_text.h"
#include "split.h"
#include "split_regex.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX_BYTES = 1 << 28, OTHERS_MAX = 16 };

/* --- what it is --- */

static json_t *facts_of(const struct rn_tokenizer *t)
{
    json_t *special = json_object();
    size_t longest = 0, total = 0;
    for (int32_t id = 0; id < rn_tokenizer_vocab_size(t); id++) {
        size_t n;
        struct rn_str name = {0};
        rn_tokenizer_bytes(t, id, &n);
        longest = n > longest ? n : longest;
        total += n;
        if (n == 0 && rn_tokenizer_decode(t, &id, 1, &name, NULL) == RN_OK)
            json_object_set_new(special, name.p, json_integer(id));
        rn_str_release(&name);
    }
    json_t *facts =
        json_pack("{s:i, s:s, s:i, s:I, s:I, s:s, s:o}", "vocab_size",
                  (int)rn_tokenizer_vocab_size(t), "pattern", rn_tokenizer_pattern(t), "bos",
                  (int)rn_tokenizer_bos(t), "longest_bytes", (json_int_t)longest, "total_bytes",
                  (json_int_t)total, "digest", rn_tokenizer_digest(t), "special", special);
    char version[24];
    bool ours = !rn_starts_with(rn_tokenizer_pattern(t), RN_SPLIT_REGEX);
    json_object_set_new(facts, "unicode", json_string(ours ? "16.0.0" : rn_regex_unicode(version)));
    return facts;
}

static void print_facts(const json_t *facts)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)facts, key, value)
    {
        char *shown = rn_json_canonical(value);
        printf("%-14s %s\n", key, shown);
        free(shown);
    }
    puts("");
}

/* --- the others --- */

struct other {
    const char *name;
    struct rn_tokenizer *t; /* owned */
};
struct others {
    struct other items[OTHERS_MAX];
    size_t n;
};

static int open_gpt2(struct rn_tokenizer **t, const char *path, struct rn_err *err)
{
    return rn_tokenizer_load_gpt2(t, path, NULL, err);
}

static int open_cl100k(struct rn_tokenizer **t, const char *path, struct rn_err *err)
{
    return rn_tokenizer_load_tiktoken(t, path, "cl100k", NULL, err);
}

/* As their makers publish them. */
static const struct {
    const char *name, *sha256;
    int (*open)(struct rn_tokenizer **, const char *path, struct rn_err *);
} known[] = {
    {"gpt2", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5", open_gpt2},
    {"cl100k", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", open_cl100k},
};

static int add_cached(struct others *o, const struct rn_cache *cache, size_t which,
                      struct rn_err *err)
{
    char *path;
    struct other found = {.name = known[which].name};
    RN_TRY(rn_cache_find(cache, known[which].sha256, &path, err));
    int rc = path ? known[which].open(&found.t, path, err) : RN_OK;
    free(path);
    if (found.t)
        o->items[o->n++] = found;
    return rc;
}

static int add_given(struct others *o, const char *path, struct rn_err *err)
{
    struct other given = {.name = path};
    if (o->n == OTHERS_MAX)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "more than %d tokenizers", OTHERS_MAX);
    RN_TRY(rn_tokenizer_open(&given.t, path, "cl100k", rn_special_nanochat, err));
    o->items[o->n++] = given;
    return RN_OK;
}

static int open_others(struct others *o, const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_cache cache;
    const char *path;
    int rc = RN_OK;
    rn_cache_init(&cache, NULL);
    for (size_t i = 0; i < RN_COUNT(known) && rc == RN_OK; i++)
        rc = add_cached(o, &cache, i, err);
    for (size_t i = 0; rc == RN_OK && (path = rn_cli_opt_at(cli, "against", i)); i++)
        rc = add_given(o, path, err);
    rn_cache_release(&cache);
    return rc;
}

static void others_release(struct others *o)
{
    for (size_t i = 0; i < o->n; i++)
        rn_tokenizer_free(o->items[i].t);
}

/* --- how they pack --- */

static size_t count_tokens(const struct rn_tokenizer *t, const char *text, size_t n)
{
    struct rn_ids ids = {0};
    rn_tokenizer_encode(t, text, n, &ids);
    n = ids.n;
    rn_ids_release(&ids);
    return n;
}

static json_t *packing(const char *kind, const char *name, size_t size_bytes, size_t tokens)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:f}", "text", kind, "tokenizer", name, "bytes",
                     (json_int_t)size_bytes, "tokens", (json_int_t)tokens, "bytes_per_token",
                     tokens ? (double)size_bytes / (double)tokens : 0.0);
}

/* A row for this tokenizer and one for each other, with how many tokens fewer this one takes. */
static void add_rows(json_t *rows, const struct rn_tokenizer *t, const struct others *o,
                     const char *kind, const char *text, size_t n)
{
    size_t own = count_tokens(t, text, n);
    json_array_append_new(rows, packing(kind, "this", n, own));
    for (size_t i = 0; i < o->n; i++) {
        size_t theirs = count_tokens(o->items[i].t, text, n);
        json_t *row = packing(kind, o->items[i].name, n, theirs);
        double fewer = theirs ? 100.0 * ((double)theirs - (double)own) / (double)theirs : 0.0;
        json_object_set_new(row, "fewer_percent", json_real(fewer));
        json_array_append_new(rows, row);
    }
}

static int add_file(json_t *rows, const struct rn_tokenizer *t, const struct others *o,
                    const char *path, struct rn_err *err)
{
    char *text;
    size_t n;
    RN_TRY(rn_file_read(path, TEXT_MAX_BYTES, &text, &n, err));
    add_rows(rows, t, o, path, text, n);
    free(text);
    return RN_OK;
}

static void fewer_cell(struct rn_str *s, const json_t *row, const char *key)
{
    if (json_object_get(row, key))
        rn_str_printf(s, "%+.1f %%", rn_json_real(row, key, 0));
}

static const struct rn_column columns[] = {{"text", "text", rn_cell_text},
                                           {"bytes", "bytes", rn_cell_exact},
                                           {"tokenizer", "tokenizer", rn_cell_text},
                                           {"tokens", "tokens", rn_cell_exact},
                                           {"bytes/token", "bytes_per_token", rn_cell_number},
                                           {"this takes fewer", "fewer_percent", fewer_cell},
                                           {0}};

static void print(json_t *facts, json_t *rows, bool json)
{
    if (json) {
        json_object_set(facts, "texts", rows);
        rn_table_object(facts);
    } else {
        print_facts(facts);
        rn_table_print(columns, rows, false);
    }
}

int rn_tokenizer_info(const struct rn_tokenizer *t, const struct rn_cli *cli, struct rn_err *err)
{
    struct others others = {0};
    json_t *facts = facts_of(t), *rows = json_array();
    int rc = open_others(&others, cli, err);
    for (const struct rn_sample_text *s = rn_sample_texts; s->kind && rc == RN_OK; s++)
        add_rows(rows, t, &others, s->kind, s->text, strlen(s->text));
    for (size_t i = 2; i < rn_cli_n(cli) && rc == RN_OK; i++)
        rc = add_file(rows, t, &others, rn_cli_arg(cli, i), err);
    if (rc == RN_OK)
        print(facts, rows, rn_cli_json(cli));
    others_release(&others);
    json_decref(facts);
    json_decref(rows);
    return rc;
}
