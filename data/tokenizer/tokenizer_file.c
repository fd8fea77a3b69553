/* Tokenizers on disk: our directory and .tiktoken. All of it is outside input: files are capped,
 * every line is checked, and a refusal names the line. */
#include "bpe.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "split.h"
#include "vocab_lines.h"

#include <stdlib.h>
#include <string.h>

enum { SIDECAR_MAX_BYTES = 1 << 20 };
static const char ranks_name[] = "tokenizer.tiktoken", sidecar_name[] = "tokenizer.json";

/* --- base64 --- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_add(struct rn_str *out, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        unsigned have = n - i < 3 ? (unsigned)(n - i) : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        bits |= have > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        bits |= have > 2 ? p[i + 2] : 0;
        char four[4] = "====";
        for (unsigned k = 0; k <= have; k++)
            four[k] = base64_digits[bits >> (18 - 6 * k) & 63];
        rn_str_add(out, four, 4);
    }
}

static int base64_digit(char c)
{
    const char *p = c ? strchr(base64_digits, c) : NULL;
    return p ? (int)(p - base64_digits) : -1;
}

/* Appends the bytes of one group of four. False: not base64 in its one canonical form. */
static bool base64_group(const char *four, bool last, struct rn_str *out)
{
    int pad = !last || four[3] != '=' ? 0 : four[2] != '=' ? 1 : 2;
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++) {
        int digit = k < 4 - pad ? base64_digit(four[k]) : 0;
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
    }
    char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    rn_str_add(out, bytes, (size_t)(3 - pad));
    return pad == 0 || (bits & (pad == 1 ? 0xFFu : 0xFFFFu)) == 0;
}

static bool base64_decode(const char *p, size_t n, struct rn_str *out)
{
    if (n == 0 || n % 4)
        return false;
    for (size_t i = 0; i < n; i += 4)
        if (!base64_group(p + i, i + 4 == n, out))
            return false;
    return true;
}

void rn_vocab_print(const struct rn_vocab *v, struct rn_str *out)
{
    for (size_t rank = 0; rank < v->n; rank++) {
        size_t n;
        const unsigned char *p = rn_vocab_bytes(v, rank, &n);
        base64_add(out, p, n);
        rn_str_printf(out, " %zu\n", rank);
    }
}

/* --- .tiktoken --- */

/* A decimal number without sign or leading zeros, all of p[0..n); -1 if it is not. */
static int64_t decimal(const char *p, size_t n)
{
    int64_t value = 0;
    if (n == 0 || n > 9 || (n > 1 && p[0] == '0'))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

struct ranks {
    struct rn_vocab *v;
    struct rn_str token; /* of the line */
};

static int add_rank_line(void *ctx, const char *line, size_t n, struct rn_place at,
                         struct rn_err *err)
{
    struct ranks *r = ctx;
    struct rn_vocab *v = r->v;
    struct rn_str *token = &r->token;
    const char *space = memchr(line, ' ', n);
    rn_str_clear(token);
    if (!space || !base64_decode(line, (size_t)(space - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected a token in base64, a space and its rank");
    const char *digits = space + 1;
    size_t digits_n = n - (size_t)(digits - line);
    if (decimal(digits, digits_n) != (int64_t)v->n)
        return rn_fail(err, RN_ECORRUPT, at, "rank '%.*s', expected %zu: ranks count up from 0",
                       (int)(digits_n > 20 ? 20 : digits_n), digits, v->n);
    return rn_vocab_add(v, token->p, token->n, at, err);
}

static int read_ranks(struct rn_vocab *v, const char *path, struct rn_err *err)
{
    struct ranks r = {.v = v};
    int rc = rn_vocab_lines_read(path, add_rank_line, &r, err);
    rn_str_release(&r.token);
    return rc == RN_OK ? rn_vocab_seal(v, RN_PATH(path), err) : rc;
}

/* Takes the split over, success or not. */
static int load_ranks(struct rn_tokenizer **out, const char *path, struct rn_split *split,
                      const char *const *specials, struct rn_err *err)
{
    struct rn_vocab v = {0};
    int rc = read_ranks(&v, path, err);
    if (rc == RN_OK)
        rc = rn_tokenizer_make(out, &v, split, specials, RN_PATH(path), err);
    else
        rn_split_free(split);
    rn_vocab_release(&v);
    return rc;
}

int rn_tokenizer_load_tiktoken(struct rn_tokenizer **out, const char *path, const char *pattern,
                               const char *const *specials, struct rn_err *err)
{
    struct rn_split *split;
    *out = NULL;
    RN_TRY(rn_split_open(&split, pattern, RN_NOWHERE, err));
    return load_ranks(out, path, split, specials, err);
}

/* --- our directory --- */

/* The strings of the sidecar's "special", NULL-ended: borrowed from doc, the array is owned. */
static int read_specials(const json_t *doc, const char *path, const char ***out, struct rn_err *err)
{
    const json_t *list = json_object_get(doc, "special");
    if (!json_is_array(list))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no list 'special'");
    const char **names = rn_xrealloc(NULL, json_array_size(list) + 1, sizeof *names);
    *out = names;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        names[i] = json_string_value(name);
        if (!names[i] || strlen(names[i]) != json_string_length(name))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "special[%zu] is not a plain string",
                           i);
    }
    names[json_array_size(list)] = NULL;
    return RN_OK;
}

/* What the sidecar says about the whole must be what the loaded tokenizer is. */
static int check_sidecar(const struct rn_tokenizer *t, const json_t *doc, const char *path,
                         struct rn_err *err)
{
    int64_t size = rn_json_int(doc, "vocab_size", -1);
    if (size != rn_tokenizer_vocab_size(t))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "vocab_size %lld, but the files hold %d tokens", (long long)size,
                       rn_tokenizer_vocab_size(t));
    const char *digest = rn_json_str(doc, "digest", "");
    if (strcmp(digest, rn_tokenizer_digest(t)) != 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "digest %.16s.., but the files give %.16s..", digest,
                       rn_tokenizer_digest(t));
    return RN_OK;
}

static int load_with_sidecar(struct rn_tokenizer **out, const char *ranks, const char *sidecar,
                             const json_t *doc, struct rn_err *err)
{
    const char **specials = NULL;
    struct rn_split *split;
    RN_TRY(rn_split_open(&split, rn_json_str(doc, "pattern", ""), RN_PATH(sidecar), err));
    int rc = read_specials(doc, sidecar, &specials, err);
    if (rc == RN_OK)
        rc = load_ranks(out, ranks, split, specials, err);
    else
        rn_split_free(split);
    if (rc == RN_OK)
        rc = check_sidecar(*out, doc, sidecar, err);
    free(specials);
    return rc;
}

int rn_tokenizer_load(struct rn_tokenizer **out, const char *dir, struct rn_err *err)
{
    char *ranks = rn_join(dir, ranks_name), *sidecar = rn_join(dir, sidecar_name);
    json_t *doc = NULL;
    *out = NULL;
    int rc = rn_json_read(sidecar, SIDECAR_MAX_BYTES, &doc, err);
    if (rc == RN_OK)
        rc = load_with_sidecar(out, ranks, sidecar, doc, err);
    if (rc != RN_OK) {
        rn_tokenizer_free(*out);
        *out = NULL;
    }
    json_decref(doc);
    free(ranks);
    free(sidecar);
    return rc;
}

static json_t *sidecar_of(const struct rn_tokenizer *t, int32_t ranks_n)
{
    json_t *special = json_array();
    struct rn_str name = {0};
    for (int32_t id = ranks_n; id < rn_tokenizer_vocab_size(t); id++) {
        rn_str_clear(&name);
        RN_ASSERT(rn_tokenizer_decode(t, &id, 1, &name, NULL) == RN_OK);
        json_array_append_new(special, json_string(name.p));
    }
    rn_str_release(&name);
    return json_pack("{s:s, s:o, s:i, s:s}", "pattern", rn_tokenizer_pattern(t), "special", special,
                     "vocab_size", (int)rn_tokenizer_vocab_size(t), "digest",
                     rn_tokenizer_digest(t));
}

int rn_tokenizer_save_tiktoken(const struct rn_tokenizer *t, const char *path, struct rn_err *err)
{
    struct rn_str text = {0};
    rn_vocab_print(rn_tokenizer_vocab(t), &text);
    int rc = rn_file_write(path, text.p, text.n, err);
    rn_str_release(&text);
    return rc;
}

int rn_tokenizer_save(const struct rn_tokenizer *t, const char *dir, struct rn_err *err)
{
    char *ranks = rn_join(dir, ranks_name), *sidecar = rn_join(dir, sidecar_name);
    json_t *doc = sidecar_of(t, (int32_t)rn_tokenizer_vocab(t)->n);
    int rc;
    RN_CHECK(rc = rn_mkdirs(dir, err));
    RN_CHECK(rc = rn_tokenizer_save_tiktoken(t, ranks, err));
    rc = rn_json_write(sidecar, doc, err);
done:
    json_decref(doc);
    free(ranks);
    free(sidecar);
    return rc;
}
