/* GPT-2's pair of files: merges (vocab.bpe) and the ids that follow from them (encoder.json). */
#include "bpe_parts.h"
#include "byte_alphabet.h"
#include "file.h"
#include "json.h"
#include "path.h"
#include "split.h"
#include "tokenizer_parts.h"
#include "vocab_lines.h"

#include <stdlib.h>
#include <string.h>

struct merges {
    struct rn_vocab *v;
    const struct rn_byte_alphabet *a;
    struct rn_str token; /* of the line */
};

/* "left right" of vocab.bpe: both are tokens already, together they are the next. */
static int add_merge_line(void *ctx, const char *line, size_t n, struct rn_place at,
                          struct rn_err *err)
{
    struct merges *m = ctx;
    struct rn_str *token = &m->token;
    const char *space = memchr(line, ' ', n);
    if (at.line == 1 && n >= 8 && memcmp(line, "#version", 8) == 0)
        return RN_OK;
    rn_str_clear(token);
    if (!space || !rn_byte_alphabet_read(m->a, line, (size_t)(space - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected two tokens in GPT-2's byte alphabet");
    size_t left_n = token->n;
    if (!rn_byte_alphabet_read(m->a, space + 1, n - (size_t)(space + 1 - line), token))
        return rn_fail(err, RN_ECORRUPT, at, "expected two tokens in GPT-2's byte alphabet");
    if (rn_vocab_rank(m->v, token->p, left_n) < 0 ||
        rn_vocab_rank(m->v, token->p + left_n, token->n - left_n) < 0)
        return rn_fail(err, RN_ECORRUPT, at, "merges a token that no line before it makes");
    return rn_vocab_add(m->v, token->p, token->n, at, err);
}

static int read_merges(struct rn_vocab *v, const struct rn_byte_alphabet *a, const char *path,
                       struct rn_err *err)
{
    struct merges m = {.v = v, .a = a};
    for (int i = 0; i < 256; i++)
        RN_TRY(rn_vocab_add(v, &a->order[i], 1, RN_PATH(path), err));
    int rc = rn_vocab_lines_read(path, add_merge_line, &m, err);
    rn_str_release(&m.token);
    return rc == RN_OK ? rn_vocab_seal(v, RN_PATH(path), err) : rc;
}

static const char *const gpt2_specials[] = {"<|endoftext|>", NULL};

/* encoder.json repeats what follows from vocab.bpe; it must say the same. */
static int check_encoder(const struct rn_vocab *v, const struct rn_byte_alphabet *a,
                         const json_t *doc, const char *path, struct rn_err *err)
{
    struct rn_str name = {0};
    int rc = RN_OK;
    for (size_t rank = 0; rank <= v->n && rc == RN_OK; rank++) {
        rn_str_clear(&name);
        if (rank < v->n) {
            size_t n;
            const unsigned char *p = rn_vocab_bytes(v, rank, &n);
            rn_byte_alphabet_write(a, p, n, &name);
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
    struct rn_byte_alphabet a;
    struct rn_split *split;
    json_t *doc = NULL;
    int rc;
    *out = NULL;
    rn_byte_alphabet_init(&a);
    RN_CHECK(rc = read_merges(&v, &a, vocab_bpe, err));
    if (encoder_json) {
        RN_CHECK(rc = rn_json_read(encoder_json, RN_VOCAB_FILE_MAX, &doc, err));
        RN_CHECK(rc = check_encoder(&v, &a, doc, encoder_json, err));
    }
    RN_CHECK(rc = rn_split_open(&split, "gpt2", RN_NOWHERE, err));
    rc = rn_tokenizer_make(out, &v, split, gpt2_specials, RN_PATH(vocab_bpe), err);
done:
    json_decref(doc);
    rn_vocab_release(&v);
    return rc;
}

/* --- out --- */

/* Only what these two files can say: GPT-2's pattern, its order of bytes, its one special token. */
static int check_writable(const struct rn_tokenizer *t, const struct rn_byte_alphabet *a,
                          const char *path, struct rn_err *err)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    bool same = strcmp(rn_tokenizer_pattern(t), "gpt2") == 0 &&
                rn_tokenizer_vocab_size(t) == (int32_t)v->n + 1 &&
                rn_tokenizer_special(t, gpt2_specials[0]) == (int32_t)v->n;
    for (int i = 0; i < 256 && same; i++)
        same = v->byte_rank[a->order[i]] == i;
    return same ? RN_OK
                : rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                          "vocab.bpe cannot hold this tokenizer: it implies GPT-2's pattern, ids "
                          "of bytes and %s as the only special token",
                          gpt2_specials[0]);
}

static void add_shown(const struct rn_byte_alphabet *a, const struct rn_vocab *v, int32_t rank,
                      struct rn_str *out)
{
    size_t n;
    const unsigned char *p = rn_vocab_bytes(v, (size_t)rank, &n);
    rn_byte_alphabet_write(a, p, n, out);
}

static int print_merges(const struct rn_vocab *v, const struct rn_byte_alphabet *a,
                        const char *path, struct rn_str *out, struct rn_err *err)
{
    rn_str_puts(out, "#version: 0.2\n");
    for (int32_t rank = 256; rank < (int32_t)v->n; rank++) {
        int32_t left, right;
        if (!rn_vocab_parts(v, rank, &left, &right))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                           "vocab.bpe cannot hold token %d: no merge of two tokens makes it", rank);
        add_shown(a, v, left, out);
        rn_str_putc(out, ' ');
        add_shown(a, v, right, out);
        rn_str_putc(out, '\n');
    }
    return RN_OK;
}

static int write_encoder(const struct rn_vocab *v, const struct rn_byte_alphabet *a,
                         const char *path, struct rn_err *err)
{
    json_t *doc = json_object();
    struct rn_str name = {0};
    for (int32_t rank = 0; rank < (int32_t)v->n; rank++) {
        rn_str_clear(&name);
        add_shown(a, v, rank, &name);
        json_object_set_new(doc, name.p, json_integer(rank));
    }
    json_object_set_new(doc, gpt2_specials[0], json_integer((json_int_t)v->n));
    char *text = json_dumps(doc, JSON_ENSURE_ASCII);
    int rc = rn_file_write(path, text, strlen(text), err);
    free(text);
    json_decref(doc);
    rn_str_release(&name);
    return rc;
}

int rn_tokenizer_save_gpt2(const struct rn_tokenizer *t, const char *vocab_bpe, struct rn_err *err)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    struct rn_byte_alphabet a;
    struct rn_str merges = {0};
    char *dir = rn_dirname(vocab_bpe), *encoder = rn_join(dir, "encoder.json");
    int rc;
    rn_byte_alphabet_init(&a);
    RN_CHECK(rc = check_writable(t, &a, vocab_bpe, err));
    RN_CHECK(rc = print_merges(v, &a, vocab_bpe, &merges, err));
    RN_CHECK(rc = rn_file_write(vocab_bpe, merges.p, merges.n, err));
    rc = write_encoder(v, &a, encoder, err);
done:
    rn_str_release(&merges);
    free(encoder);
    free(dir);
    return rc;
}
