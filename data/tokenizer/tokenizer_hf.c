/* Hugging Face's tokenizer.json, in and out: byte-level BPE without a normalizer, cut by one of our
 * patterns. What would give other ids than theirs is refused by its name: other normalizers, other
 * pre-tokenizers, merges that are not those the ids imply. */
#include "bpe_parts.h"
#include "byte_alphabet.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "split_spelling.h"
#include "token_list.h"
#include "tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

enum { HF_MAX_BYTES = 1 << 28 };

#define BAD(...) rn_fail(err, RN_ECORRUPT, RN_PATH(path), __VA_ARGS__)

/* --- in: what must be so --- */

/* Members of `model` that change ids where they are set. */
static int check_model(const json_t *model, const char *path, struct rn_err *err)
{
    static const char *const unset[] = {"dropout", "continuing_subword_prefix",
                                        "end_of_word_suffix"};
    const char *type = rn_json_str(model, "type", "BPE");
    if (!json_is_object(model) || strcmp(type, "BPE") != 0)
        return BAD("its model is %.40s, expected BPE", json_is_object(model) ? type : "missing");
    for (size_t i = 0; i < RN_COUNT(unset); i++) {
        const json_t *value = json_object_get(model, unset[i]);
        if (value && !json_is_null(value) && json_string_length(value) + !json_is_string(value))
            return BAD("its model has '%s', which is not read", unset[i]);
    }
    return json_is_true(json_object_get(model, "byte_fallback"))
               ? BAD("its model has 'byte_fallback', which is not read")
               : RN_OK;
}

static bool is_true(const json_t *object, const char *key, bool absent)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : absent;
}

static bool is_byte_level(const json_t *step, bool use_regex)
{
    return strcmp(rn_json_str(step, "type", ""), "ByteLevel") == 0 &&
           !is_true(step, "add_prefix_space", true) &&
           is_true(step, "use_regex", true) == use_regex;
}

/* Each match a piece: what lies between matches is one as well, or there is nothing. */
static bool keeps_matches(const json_t *split)
{
    const char *behavior = rn_json_str(split, "behavior", "");
    return strcmp(behavior, is_true(split, "invert", false) ? "Removed" : "Isolated") == 0;
}

/* The pattern's name out of `pre_tokenizer`. */
static int find_pattern(const json_t *pre, const char *path, const char **name, struct rn_err *err)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    const json_t *split = json_array_get(steps, 0);
    if (is_byte_level(pre, true)) {
        *name = "gpt2";
        return RN_OK;
    }
    if (json_array_size(steps) != 2 || strcmp(rn_json_str(split, "type", ""), "Split") != 0 ||
        !keeps_matches(split) || !is_byte_level(json_array_get(steps, 1), false))
        return BAD("its pre_tokenizer is '%.40s', expected ByteLevel, or Split then ByteLevel, "
                   "without a prefix space",
                   rn_json_str(pre, "type", "missing"));
    const char *regex = rn_json_str(json_object_get(split, "pattern"), "Regex", "");
    *name = rn_split_spelled(regex);
    return *name ? RN_OK : BAD("it cuts text by an unknown pattern: %.200s", regex);
}

/* --- in: tokens --- */

struct hf {
    const char *path;
    const json_t *vocab, *merges;
    struct rn_byte_alphabet alphabet;
    struct rn_token_list list;
    json_t *special; /* name -> true */
};

static int add_specials(struct hf *h, const json_t *added, struct rn_err *err)
{
    const char *path = h->path;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i), *name = json_object_get(token, "content");
        int64_t id = rn_json_int(token, "id", -1);
        if (!json_is_string(name))
            return BAD("added_tokens[%zu] has no 'content'", i);
        const json_t *again = json_object_get(h->vocab, json_string_value(name));
        if (again && json_integer_value(again) != id)
            return BAD("the added token '%.60s' has two ids", json_string_value(name));
        RN_TRY(rn_token_list_special(&h->list, id, json_string_value(name),
                                     json_string_length(name), err));
        json_object_set_new(h->special, json_string_value(name), json_true());
    }
    return RN_OK;
}

static int add_vocab(struct hf *h, struct rn_err *err)
{
    struct rn_str bytes = {0};
    const char *path = h->path, *name;
    json_t *id;
    int rc = RN_OK;
    json_object_foreach((json_t *)h->vocab, name, id)
    {
        if (json_object_get(h->special, name))
            continue;
        rn_str_clear(&bytes);
        if (!rn_byte_alphabet_read(&h->alphabet, name, strlen(name), &bytes))
            rc = BAD("token '%.60s' is not in the byte-level alphabet", name);
        else if (!json_is_integer(id))
            rc = BAD("token '%.60s' has no id", name);
        else
            rc = rn_token_list_add(&h->list, json_integer_value(id), bytes.p, bytes.n, err);
        if (rc != RN_OK)
            break;
    }
    rn_str_release(&bytes);
    return rc;
}

/* --- in: merges --- */

/* "left right", or [left, right]: both as bytes, left_n of them the left's. */
static bool merge_bytes(const struct hf *h, const json_t *merge, struct rn_str *out, size_t *left_n)
{
    const char *text = json_string_value(merge), *space = text ? strchr(text, ' ') : NULL;
    const char *left = space ? text : json_string_value(json_array_get(merge, 0));
    const char *right = space ? space + 1 : json_string_value(json_array_get(merge, 1));
    rn_str_clear(out);
    if (!left || !right || (!space && json_array_size(merge) != 2))
        return false;
    if (!rn_byte_alphabet_read(&h->alphabet, left, space ? (size_t)(space - left) : strlen(left),
                               out))
        return false;
    *left_n = out->n;
    return rn_byte_alphabet_read(&h->alphabet, right, strlen(right), out);
}

/* The rank that the merge makes; *own: it is the merge that lower ranks imply. -1: no merge of two
 * tokens into one. */
static int32_t merge_rank(const struct rn_vocab *v, const struct rn_str *bytes, size_t left_n,
                          bool *own)
{
    int32_t left = rn_vocab_rank(v, bytes->p, left_n), a, b;
    int32_t right = rn_vocab_rank(v, bytes->p + left_n, bytes->n - left_n);
    int32_t made = rn_vocab_rank(v, bytes->p, bytes->n);
    *own = made >= 0 && rn_vocab_parts(v, made, &a, &b) && a == left && b == right;
    return left < 0 || right < 0 ? -1 : made;
}

/* Merges run in the order of their list there and in the order of ids here: both are the same if
 * the list makes its tokens in the order of their ids, each by the merge that we would do. */
static int check_merges(const struct hf *h, const struct rn_vocab *v, bool *made,
                        struct rn_err *err)
{
    struct rn_str bytes = {0};
    const char *path = h->path;
    int32_t before = 0;
    int rc = RN_OK;
    for (size_t i = 0; i < json_array_size(h->merges) && rc == RN_OK; i++) {
        size_t left_n;
        bool own = false, read = merge_bytes(h, json_array_get(h->merges, i), &bytes, &left_n);
        int32_t rank = read ? merge_rank(v, &bytes, left_n, &own) : -1;
        if (rank < before)
            rc = rank < 0 ? BAD("merges[%zu] does not make a token of two", i)
                          : BAD("merges[%zu] makes token %d after token %d", i, rank, before);
        else
            made[before = rank] |= own;
    }
    rn_str_release(&bytes);
    for (size_t rank = 0; rank < v->n && rc == RN_OK; rank++)
        if (!made[rank] && v->start[rank + 1] - v->start[rank] > 1)
            rc = BAD("its merges do not make token %zu in the way that its ids imply", rank);
    return rc;
}

static int compare_merges(const struct hf *h, const struct rn_tokenizer *t, struct rn_err *err)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    bool *made = rn_xalloc(v->n * sizeof *made);
    int rc = check_merges(h, v, made, err);
    free(made);
    return rc;
}

/* --- in --- */

static int load_doc(struct rn_tokenizer **out, struct hf *h, const json_t *doc, struct rn_err *err)
{
    const json_t *model = json_object_get(doc, "model");
    const json_t *normalizer = json_object_get(doc, "normalizer");
    const char *path = h->path, *pattern;
    RN_TRY(check_model(model, path, err));
    if (normalizer && !json_is_null(normalizer))
        return BAD("it has a normalizer, '%.40s', which is not read",
                   rn_json_str(normalizer, "type", "unnamed"));
    RN_TRY(find_pattern(json_object_get(doc, "pre_tokenizer"), path, &pattern, err));
    h->vocab = json_object_get(model, "vocab");
    h->merges = json_object_get(model, "merges");
    if (!json_is_object(h->vocab) || !json_is_array(h->merges))
        return BAD("its model lacks 'vocab' or 'merges'");
    RN_TRY(add_specials(h, json_object_get(doc, "added_tokens"), err));
    RN_TRY(add_vocab(h, err));
    RN_TRY(rn_token_list_finish(&h->list, pattern, out, err));
    int rc = compare_merges(h, *out, err);
    if (rc != RN_OK) {
        rn_tokenizer_free(*out);
        *out = NULL;
    }
    return rc;
}

int rn_tokenizer_load_hf(struct rn_tokenizer **out, const char *path, struct rn_err *err)
{
    struct hf h = {.path = path, .list.at = RN_PATH(path), .special = json_object()};
    json_t *doc = NULL;
    *out = NULL;
    rn_byte_alphabet_init(&h.alphabet);
    int rc = rn_json_read(path, HF_MAX_BYTES, &doc, err);
    if (rc == RN_OK)
        rc = load_doc(out, &h, doc, err);
    rn_token_list_release(&h.list);
    json_decref(h.special);
    json_decref(doc);
    return rc;
}

/* --- out --- */

static json_t *byte_level(void)
{
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", 1, "use_regex", 0);
}

static json_t *added_tokens(const struct rn_tokenizer *t, int32_t first)
{
    json_t *list = json_array();
    struct rn_str name = {0};
    for (int32_t id = first; id < rn_tokenizer_vocab_size(t); id++) {
        rn_str_clear(&name);
        RN_ASSERT(rn_tokenizer_decode(t, &id, 1, &name, NULL) == RN_OK);
        json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (int)id,
                                              "content", name.p, "single_word", 0, "lstrip", 0,
                                              "rstrip", 0, "normalized", 0, "special", 1));
    }
    rn_str_release(&name);
    return list;
}

static json_t *shown(const struct rn_byte_alphabet *a, const struct rn_vocab *v, int32_t rank)
{
    struct rn_str text = {0};
    size_t n;
    const unsigned char *p = rn_vocab_bytes(v, (size_t)rank, &n);
    rn_byte_alphabet_write(a, p, n, &text);
    json_t *out = json_stringn(text.p, text.n);
    rn_str_release(&text);
    return out;
}

/* Vocabulary and merges; a token that no merge makes cannot be told to Hugging Face's class. */
static int model_of(const struct rn_vocab *v, json_t *vocab, json_t *merges, struct rn_err *err)
{
    struct rn_byte_alphabet a;
    rn_byte_alphabet_init(&a);
    for (int32_t rank = 0; rank < (int32_t)v->n; rank++) {
        int32_t left, right;
        json_t *name = shown(&a, v, rank);
        json_object_set_new(vocab, json_string_value(name), json_integer(rank));
        json_decref(name);
        if (v->start[rank + 1] - v->start[rank] == 1)
            continue;
        if (!rn_vocab_parts(v, rank, &left, &right))
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                           "tokenizer.json cannot hold token %d: no merge of two tokens makes it",
                           rank);
        json_array_append_new(merges, json_pack("[o, o]", shown(&a, v, left), shown(&a, v, right)));
    }
    return RN_OK;
}

static json_t *document_of(const struct rn_tokenizer *t, const char *regex, json_t *vocab,
                           json_t *merges)
{
    const struct rn_vocab *v = rn_tokenizer_vocab(t);
    json_t *split = json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                              regex, "behavior", "Isolated", "invert", 0);
    json_t *model =
        json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:O, s:O}", "type", "BPE", "dropout",
                  "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                  "byte_fallback", 0, "ignore_merges", 1, "vocab", vocab, "merges", merges);
    return json_pack("{s:s, s:n, s:n, s:o, s:n, s:{s:s, s:[o, o]}, s:n, s:o, s:o}", "version",
                     "1.0", "truncation", "padding", "added_tokens", added_tokens(t, (int32_t)v->n),
                     "normalizer", "pre_tokenizer", "type", "Sequence", "pretokenizers", split,
                     byte_level(), "post_processor", "decoder", byte_level(), "model", model);
}

int rn_tokenizer_save_hf(const struct rn_tokenizer *t, const char *path, struct rn_err *err)
{
    json_t *vocab = json_object(), *merges = json_array();
    struct rn_str regex = {0};
    int rc = model_of(rn_tokenizer_vocab(t), vocab, merges, err);
    if (rc == RN_OK && !rn_split_print(rn_tokenizer_pattern(t), &regex))
        rc = rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                     "tokenizer.json cannot hold the pattern: it would mean something else there: "
                     "%.200s",
                     rn_tokenizer_pattern(t));
    if (rc == RN_OK) {
        json_t *doc = document_of(t, regex.p, vocab, merges);
        char *text = json_dumps(doc, JSON_INDENT(1));
        rc = rn_file_write(path, text, strlen(text), err);
        free(text);
        json_decref(doc);
    }
    rn_str_release(&regex);
    json_decref(vocab);
    json_decref(merges);
    return rc;
}
