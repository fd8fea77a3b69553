#include "tokenizer.h"

#include "hash.h"
#include "mem.h"
#include "split.h"
#include "tokenizer_parts.h"
#include "unicode.h"
#include "vocab_tiktoken.h"

#include <stdlib.h>
#include <string.h>

enum { SPECIALS_MAX = 1024, SPECIAL_MAX_BYTES = 128, BATCH = 256 };

struct rn_tokenizer {
    struct rn_vocab vocab;
    struct rn_split *split;
    char **specials; /* id vocab.n + i */
    size_t specials_n, specials_cap;
    char digest[RN_HEX];
};

const char *const rn_special_nanochat[] = {"<|bos|>",           "<|user_start|>",
                                           "<|user_end|>",      "<|assistant_start|>",
                                           "<|assistant_end|>", "<|python_start|>",
                                           "<|python_end|>",    "<|output_start|>",
                                           "<|output_end|>",    NULL};

static int add_special(struct rn_tokenizer *t, const char *name, struct rn_place at,
                       struct rn_err *err)
{
    size_t n = strlen(name);
    if (n == 0 || n > SPECIAL_MAX_BYTES || !rn_utf8_valid(name, n) || strchr(name, '\n'))
        return rn_fail(err, RN_ECORRUPT, at,
                       "special token of %zu bytes, expected 1 to %d bytes of UTF-8 on one line", n,
                       SPECIAL_MAX_BYTES);
    if (rn_tokenizer_special(t, name) >= 0)
        return rn_fail(err, RN_ECORRUPT, at, "special token '%s' is listed twice", name);
    if (t->specials_n == SPECIALS_MAX)
        return rn_fail(err, RN_ECORRUPT, at, "more than %d special tokens", SPECIALS_MAX);
    RN_PUSH(t->specials, t->specials_n, t->specials_cap, rn_xdup(name));
    return RN_OK;
}

static void set_digest(struct rn_tokenizer *t)
{
    struct rn_str text = {0};
    rn_vocab_print(&t->vocab, &text);
    rn_str_printf(&text, "pattern %s\n", rn_split_name(t->split));
    for (size_t i = 0; i < t->specials_n; i++)
        rn_str_printf(&text, "special %s\n", t->specials[i]);
    rn_sha256_hex(text.p, text.n, t->digest);
    rn_str_release(&text);
}

int rn_tokenizer_make(struct rn_tokenizer **out, struct rn_vocab *vocab, struct rn_split *split,
                      const char *const *specials, struct rn_place at, struct rn_err *err)
{
    struct rn_tokenizer *t = rn_new(struct rn_tokenizer);
    int rc = RN_OK;
    *out = NULL;
    t->vocab = *vocab;
    *vocab = (struct rn_vocab){0};
    t->split = split;
    for (size_t i = 0; specials && specials[i]; i++)
        RN_CHECK(rc = add_special(t, specials[i], at, err));
    set_digest(t);
    *out = t;
    t = NULL;
done:
    rn_tokenizer_free(t);
    return rc;
}

const struct rn_vocab *rn_tokenizer_vocab(const struct rn_tokenizer *t)
{
    return &t->vocab;
}

const struct rn_split *rn_tokenizer_split(const struct rn_tokenizer *t)
{
    return t->split;
}

void rn_tokenizer_free(struct rn_tokenizer *t)
{
    if (!t)
        return;
    rn_vocab_release(&t->vocab);
    rn_split_free(t->split);
    for (size_t i = 0; i < t->specials_n; i++)
        free(t->specials[i]);
    free(t->specials);
    free(t);
}

void rn_tokenizer_encode(const struct rn_tokenizer *t, const char *text, size_t n,
                         struct rn_ids *out)
{
    struct rn_str clean = {0};
    if (!rn_utf8_valid(text, n)) {
        rn_utf8_repair(text, n, &clean);
        text = clean.p;
        n = clean.n;
    }
    size_t ends[BATCH];
    for (size_t at = 0; at < n;) {
        size_t count = rn_split_ends(t->split, text, n, at, ends, BATCH);
        for (size_t i = 0; i < count; at = ends[i++])
            rn_bpe_encode(&t->vocab, (const unsigned char *)text + at, ends[i] - at, out);
    }
    rn_str_release(&clean);
}

int rn_tokenizer_decode(const struct rn_tokenizer *t, const int32_t *ids, size_t n,
                        struct rn_str *out, struct rn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= rn_tokenizer_vocab_size(t))
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                           "token id %d at position %zu, expected 0 to %d", ids[i], i,
                           rn_tokenizer_vocab_size(t) - 1);
        size_t id = (size_t)ids[i], len;
        if (id >= t->vocab.n) {
            rn_str_puts(out, t->specials[id - t->vocab.n]);
        } else {
            const unsigned char *p = rn_vocab_bytes(&t->vocab, id, &len);
            rn_str_add(out, p, len);
        }
    }
    return RN_OK;
}

int32_t rn_tokenizer_vocab_size(const struct rn_tokenizer *t)
{
    return (int32_t)(t->vocab.n + t->specials_n);
}

int32_t rn_tokenizer_special(const struct rn_tokenizer *t, const char *name)
{
    for (size_t i = 0; i < t->specials_n; i++)
        if (strcmp(t->specials[i], name) == 0)
            return (int32_t)(t->vocab.n + i);
    return -1;
}

int32_t rn_tokenizer_bos(const struct rn_tokenizer *t)
{
    int32_t bos = rn_tokenizer_special(t, "<|bos|>");
    return bos >= 0 ? bos : rn_tokenizer_special(t, "<|endoftext|>");
}

const char *rn_tokenizer_bytes(const struct rn_tokenizer *t, int32_t id, size_t *n)
{
    RN_ASSERT(id >= 0 && id < rn_tokenizer_vocab_size(t));
    *n = 0;
    return (size_t)id < t->vocab.n ? (const char *)rn_vocab_bytes(&t->vocab, (size_t)id, n) : "";
}

static size_t repaired_bytes(const char *p, size_t n)
{
    if (rn_utf8_valid(p, n))
        return n;
    struct rn_str s = {0};
    rn_utf8_repair(p, n, &s);
    n = s.n;
    rn_str_release(&s);
    return n;
}

void rn_tokenizer_byte_counts(const struct rn_tokenizer *t, bool old_rule, int32_t *counts)
{
    for (int32_t id = 0; id < rn_tokenizer_vocab_size(t); id++) {
        size_t n;
        const char *p = rn_tokenizer_bytes(t, id, &n);
        counts[id] = (int32_t)(old_rule ? repaired_bytes(p, n) : n);
    }
}

const char *rn_tokenizer_pattern(const struct rn_tokenizer *t)
{
    return rn_split_name(t->split);
}

const char *rn_tokenizer_digest(const struct rn_tokenizer *t)
{
    return t->digest;
}
