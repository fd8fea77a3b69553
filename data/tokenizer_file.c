/* Tokenizers on disk: our directory, .tiktoken, and GPT-2's pair of files. All of it is outside
 * input: files are capped, every line is checked, and a refusal names the line. */
#include "bpe.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "split.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX_BYTES = 1 << 26,
    SIDECAR_MAX_BYTES = 1 << 20,
    /* Longest line that can hold a token of RN_TOKEN_MAX_BYTES. */
    LINE_MAX_BYTES = RN_TOKEN_MAX_BYTES / 3 * 4 + 64,
};
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

/* --- lines --- */

struct lines {
    const char *path, *p, *end;
    int line; /* number of the line last taken */
};

/* Takes the next line, without its newline. *line is NULL at the end. */
static int next_line(struct lines *in, const char **line, size_t *n, struct rn_err *err)
{
    *line = NULL;
    if (in->p == in->end)
        return RN_OK;
    const char *newline = memchr(in->p, '\n', (size_t)(in->end - in->p));
    *line = in->p;
    *n = (size_t)((newline ? newline : in->end) - in->p);
    in->p = newline ? newline + 1 : in->end;
    in->line++;
    if (*n > LINE_MAX_BYTES)
        return rn_fail(err, RN_ECORRUPT, RN_LINE(in->path, in->line),
                       "line of %zu bytes, expected at most %d", *n, LINE_MAX_BYTES);
    return RN_OK;
}

/* Reads a whole file as lines; *text is owned by the caller. */
static int open_lines(struct lines *in, const char *path, char **text, struct rn_err *err)
{
    size_t n;
    RN_TRY(rn_file_read(path, FILE_MAX_BYTES, text, &n, err));
    *in = (struct lines){.path = path, .p = *text, .end = *text + n};
    return RN_OK;
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

static int add_rank_line(struct rn_vocab *v, const char *line, size_t n, struct rn_place at,
                         struct rn_str *token, struct rn_err *err)
{
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
    struct lines in;
    struct rn_str token = {0};
    char *text = NULL;
    const char *line;
    size_t n;
    int rc;
    RN_CHECK(rc = open_lines(&in, path, &text, err));
    while ((rc = next_line(&in, &line, &n, err)) == RN_OK && line)
        RN_CHECK(rc = add_rank_line(v, line, n, RN_LINE(path, in.line), &token, err));
    if (rc == RN_OK)
        rc = rn_vocab_seal(v, RN_PATH(path), err);
done:
    rn_str_release(&token);
    free(text);
    return rc;
}

static int find_split(const struct rn_split **out, const char *pattern, struct rn_place at,
                      struct rn_err *err)
{
    *out = rn_split_find(pattern);
    if (*out)
        return RN_OK;
    int rc = rn_fail(err, RN_ECORRUPT, at, "unknown pattern '%.60s'", pattern);
    const char *nearest = rn_nearest(pattern, rn_split_names);
    rn_hint(err, nearest ? "did you mean '%s'?" : "known: nanochat, gpt2, cl100k", nearest);
    return rc;
}

int rn_tokenizer_load_tiktoken(struct rn_tokenizer **out, const char *path, const char *pattern,
                               const char *const *specials, struct rn_err *err)
{
    struct rn_vocab v = {0};
    const struct rn_split *split;
    *out = NULL;
    RN_TRY(find_split(&split, pattern, RN_NOWHERE, err));
    int rc = read_ranks(&v, path, err);
    if (rc == RN_OK)
        rc = rn_tokenizer_make(out, &v, split, specials, RN_PATH(path), err);
    rn_vocab_release(&v);
    return rc;
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
    int rc;
    const char *pattern = rn_json_str(doc, "pattern", "");
    const struct rn_split *split;
    RN_CHECK(rc = find_split(&split, pattern, RN_PATH(sidecar), err));
    RN_CHECK(rc = read_specials(doc, sidecar, &specials, err));
    RN_CHECK(rc = rn_tokenizer_load_tiktoken(out, ranks, pattern, specials, err));
    rc = check_sidecar(*out, doc, sidecar, err);
done:
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

int rn_tokenizer_save(const struct rn_tokenizer *t, const char *dir, struct rn_err *err)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    char *ranks = rn_join(dir, ranks_name), *sidecar = rn_join(dir, sidecar_name);
    json_t *doc = sidecar_of(t, (int32_t)v->n);
    struct rn_str text = {0};
    rn_vocab_print(v, &text);
    int rc;
    RN_CHECK(rc = rn_mkdirs(dir, err));
    RN_CHECK(rc = rn_file_write(ranks, text.p, text.n, err));
    rc = rn_json_write(sidecar, doc, err);
done:
    rn_str_release(&text);
    json_decref(doc);
    free(ranks);
    free(sidecar);
    return rc;
}

/* --- GPT-2 --- */

/* GPT-2 writes bytes as characters: the printable ones of Latin-1 as themselves, the others as
 * U+0100 and following. Its ids of single bytes go by that order: printable first. */
struct byte_alphabet {
    int byte_of[512];      /* code point -> byte, -1: none */
    uint32_t char_of[256]; /* byte -> code point */
    unsigned char order[256];
};

static bool shown_as_itself(int b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b != 173);
}

static void alphabet_init(struct byte_alphabet *a)
{
    int n = 0;
    memset(a->byte_of, -1, sizeof a->byte_of);
    for (int shown = 1; shown >= 0; shown--) {
        for (int b = 0, next = 256; b < 256; b++) {
            if (shown_as_itself(b) != (shown == 1))
                continue;
            a->char_of[b] = (uint32_t)(shown ? b : next++);
            a->byte_of[a->char_of[b]] = b;
            a->order[n++] = (unsigned char)b;
        }
    }
}

/* Appends the bytes that the characters stand for. False: another character, or none. */
static bool from_alphabet(const struct byte_alphabet *a, const char *text, size_t n,
                          struct rn_str *out)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    while (p < end) {
        int len;
        uint32_t cp = rn_utf8_next(p, end, &len);
        if (cp >= RN_COUNT(a->byte_of) || a->byte_of[cp] < 0)
            return false;
        rn_str_putc(out, (char)a->byte_of[cp]);
        p += len;
    }
    return n > 0;
}

static void to_alphabet(const struct byte_alphabet *a, const unsigned char *p, size_t n,
                        struct rn_str *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t cp = a->char_of[p[i]];
        if (cp >= 0x80)
            rn_str_putc(out, (char)(0xC0 | cp >> 6));
        rn_str_putc(out, (char)(cp < 0x80 ? cp : (0x80 | (cp & 63))));
    }
}

/* "left right" of vocab.bpe: both are tokens already, together they are the next. */
static int add_merge_line(struct rn_vocab *v, const struct byte_alphabet *a, const char *line,
                          size_t n, struct rn_place at, struct rn_str *token, struct rn_err *err)
{
    const char *space = memchr(line, ' ', n);
    rn_str_clear(token);
    if (!space || !from_alphabet(a, line, (size_t)(space - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected two tokens in GPT-2's byte alphabet");
    size_t left_n = token->n;
    if (!from_alphabet(a, space + 1, n - (size_t)(space + 1 - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected two tokens in GPT-2's byte alphabet");
    if (rn_vocab_rank(v, token->p, left_n) < 0 ||
        rn_vocab_rank(v, token->p + left_n, token->n - left_n) < 0)
        return rn_fail(err, RN_ECORRUPT, at, "merges a token that no line before it makes");
    return rn_vocab_add(v, token->p, token->n, at, err);
}

static int read_merges(struct rn_vocab *v, const struct byte_alphabet *a, const char *path,
                       struct rn_err *err)
{
    struct lines in;
    struct rn_str token = {0};
    char *text = NULL;
    const char *line;
    size_t n;
    int rc;
    for (int i = 0; i < 256; i++)
        RN_TRY(rn_vocab_add(v, &a->order[i], 1, RN_PATH(path), err));
    RN_CHECK(rc = open_lines(&in, path, &text, err));
    while ((rc = next_line(&in, &line, &n, err)) == RN_OK && line) {
        bool version = in.line == 1 && n >= 8 && memcmp(line, "#version", 8) == 0;
        if (!version)
            RN_CHECK(rc = add_merge_line(v, a, line, n, RN_LINE(path, in.line), &token, err));
    }
    if (rc == RN_OK)
        rc = rn_vocab_seal(v, RN_PATH(path), err);
done:
    rn_str_release(&token);
    free(text);
    return rc;
}

static const char *const gpt2_specials[] = {"<|endoftext|>", NULL};

/* encoder.json repeats what follows from vocab.bpe; it must say the same. */
static int check_encoder(const struct rn_vocab *v, const struct byte_alphabet *a, const json_t *doc,
                         const char *path, struct rn_err *err)
{
    struct rn_str name = {0};
    int rc = RN_OK;
    for (size_t rank = 0; rank <= v->n && rc == RN_OK; rank++) {
        rn_str_clear(&name);
        if (rank < v->n) {
            size_t n;
            const unsigned char *p = rn_vocab_bytes(v, rank, &n);
            to_alphabet(a, p, n, &name);
        } else {
            rn_str_puts(&name, gpt2_specials[0]);
        }
        int64_t id = rn_json_int(doc, name.p, -1);
        if (id != (int64_t)rank)
            rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                         "token '%.60s' has id %lld, expected %zu by the merges", name.p,
                         (long long)id, rank);
    }
    rn_str_release(&name);
    if (rc == RN_OK && json_object_size(doc) != v->n + 1)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%zu tokens, expected %zu by the merges",
                     json_object_size(doc), v->n + 1);
    return rc;
}

int rn_tokenizer_load_gpt2(struct rn_tokenizer **out, const char *vocab_bpe,
                           const char *encoder_json, struct rn_err *err)
{
    struct rn_vocab v = {0};
    struct byte_alphabet a;
    json_t *doc = NULL;
    int rc;
    *out = NULL;
    alphabet_init(&a);
    RN_CHECK(rc = read_merges(&v, &a, vocab_bpe, err));
    if (encoder_json) {
        RN_CHECK(rc = rn_json_read(encoder_json, FILE_MAX_BYTES, &doc, err));
        RN_CHECK(rc = check_encoder(&v, &a, doc, encoder_json, err));
    }
    rc = rn_tokenizer_make(out, &v, rn_split_find("gpt2"), gpt2_specials, RN_PATH(vocab_bpe), err);
done:
    json_decref(doc);
    rn_vocab_release(&v);
    return rc;
}
