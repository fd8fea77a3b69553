#include "look.h"

#include "file.h"
#include "formats_binary.h"
#include "jsonl.h"
#include "look_kinds.h"
#include "mem.h"
#include "parquet.h"
#include "parquet_rows.h"
#include "str.h"
#include "token_file.h"
#include "tokenizer.h"
#include "tokens.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void set_int(json_t *info, const char *key, int64_t value)
{
    json_object_set_new(info, key, json_integer(value));
}

/* --- parquet --- */

static int parquet(const char *path, json_t *info, struct rn_err *err)
{
    struct rn_parquet *p;
    RN_TRY(rn_parquet_open(&p, path, err));
    set_int(info, "rows", rn_parquet_rows(p));
    set_int(info, "row_groups", (int64_t)rn_parquet_groups(p));
    json_t *columns = json_object();
    for (int c = 0; c < rn_parquet_columns(p); c++) {
        struct rn_parquet_facts facts;
        rn_parquet_describe(p, c, &facts);
        json_object_set_new(columns, facts.path, json_string(rn_parquet_type_name(&facts)));
    }
    json_object_set_new(info, "columns", columns);
    rn_parquet_free(p);
    return RN_OK;
}

static int parquet_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    struct rn_parquet_rows *rows;
    json_t *row;
    RN_TRY(rn_parquet_rows_open(&rows, path, out->columns, err));
    int rc;
    while ((rc = rn_parquet_rows_next(rows, &row, err)) == RN_OK && row && rn_look_give(out, row))
        ;
    rn_parquet_rows_free(rows);
    return rc;
}

/* --- JSONL, safetensors --- */

static int jsonl_info(const char *path, json_t *info, struct rn_err *err)
{
    struct rn_jsonl *j;
    json_t *doc;
    int64_t rows = 0;
    RN_TRY(rn_jsonl_open(&j, path, err));
    int rc;
    while ((rc = rn_jsonl_next(j, &doc, err)) == RN_OK && doc) {
        rows++;
        json_decref(doc);
    }
    rn_jsonl_free(j);
    set_int(info, "rows", rows);
    return rc;
}

static int jsonl_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    struct rn_jsonl *j;
    json_t *doc;
    RN_TRY(rn_jsonl_open(&j, path, err));
    int rc;
    while ((rc = rn_jsonl_next(j, &doc, err)) == RN_OK && doc && rn_look_give(out, doc))
        ;
    rn_jsonl_free(j);
    return rc;
}

/* The header alone, after the check has found it whole. */
static int tensors_of(const char *path, json_t **header, struct rn_err *err)
{
    struct rn_expect any = {.rows = -1, .min_size = -1, .max_size = -1};
    uint64_t n;
    RN_TRY(rn_check_safetensors(path, &any, err));
    RN_ASSERT(rn_file_head(path, &n, sizeof n) == sizeof n);
    char *text = rn_xalloc((size_t)n + sizeof n);
    size_t got = rn_file_head(path, text, (size_t)n + sizeof n);
    int rc = rn_json_parse(text + sizeof n, got - sizeof n, RN_PATH(path), header, err);
    free(text);
    return rc;
}

static int tensors(const char *path, json_t *info, struct rn_err *err)
{
    json_t *header, *metadata;
    RN_TRY(tensors_of(path, &header, err));
    metadata = json_object_get(header, "__metadata__");
    set_int(info, "tensors", (int64_t)json_object_size(header) - (metadata != NULL));
    json_decref(header);
    return RN_OK;
}

static int tensors_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    json_t *header, *tensor;
    const char *name;
    RN_TRY(tensors_of(path, &header, err));
    json_object_foreach(header, name, tensor)
    {
        if (strcmp(name, "__metadata__") != 0 &&
            !rn_look_give(out, json_pack("{s:s, s:O, s:O}", "name", name, "dtype",
                                         json_object_get(tensor, "dtype"), "shape",
                                         json_object_get(tensor, "shape"))))
            break;
    }
    json_decref(header);
    return RN_OK;
}

/* --- tokenizers --- */

static int open_tokenizer(struct rn_tokenizer **t, const char *path, struct rn_err *err)
{
    return rn_tokenizer_open(t, path, "nanochat", NULL, err);
}

static int tokenizer_info(const char *path, json_t *info, struct rn_err *err)
{
    struct rn_tokenizer *t;
    RN_TRY(open_tokenizer(&t, path, err));
    set_int(info, "vocab_size", rn_tokenizer_vocab_size(t));
    if (!rn_ends_with(path, ".tiktoken")) /* which says nothing about it */
        json_object_set_new(info, "pattern", json_string(rn_tokenizer_pattern(t)));
    rn_tokenizer_free(t);
    return RN_OK;
}

static json_t *token_row(const struct rn_tokenizer *t, int32_t id)
{
    struct rn_str bytes = {0}, text = {0};
    RN_ASSERT(rn_tokenizer_decode(t, &id, 1, &bytes, NULL) == RN_OK);
    rn_utf8_repair(bytes.p, bytes.n, &text);
    json_t *row = json_pack("{s:i, s:s%}", "id", (int)id, "text", text.p, text.n);
    rn_str_release(&bytes);
    rn_str_release(&text);
    return row;
}

static int tokenizer_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    struct rn_tokenizer *t;
    RN_TRY(open_tokenizer(&t, path, err));
    for (int32_t id = 0; id < rn_tokenizer_vocab_size(t); id++)
        if (!rn_look_give(out, token_row(t, id)))
            break;
    rn_tokenizer_free(t);
    return RN_OK;
}

/* --- the table --- */

static bool is_token_file(const char *path)
{
    struct rn_token_file f;
    bool npy = rn_ends_with(path, ".npy"), bin = rn_ends_with(path, ".bin");
    bool is = npy || bin || rn_token_file_open(&f, path, NULL, NULL) == RN_OK;
    if (is && !npy && !bin)
        rn_token_file_close(&f);
    return is;
}

static bool is_tensors(const char *path)
{
    return rn_ends_with(path, ".safetensors");
}

static bool is_tokenizer(const char *path)
{
    struct stat st;
    return rn_ends_with(path, ".tiktoken") || rn_ends_with(path, ".bpe") ||
           rn_ends_with(path, ".json") || rn_ends_with(path, ".pkl") ||
           (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static bool is_jsonl(const char *path)
{
    return rn_ends_with(path, ".jsonl");
}

/* The first that says yes. */
static const struct kind {
    const char *format;
    bool (*is)(const char *path);
    int (*info)(const char *path, json_t *info, struct rn_err *);
    int (*head)(const char *path, struct rn_look_out *, struct rn_err *); /* NULL: no rows */
} kinds[] = {
    {"tokenizer", is_tokenizer, tokenizer_info, tokenizer_head},
    {"parquet", rn_parquet_is, parquet, parquet_head},
    {"safetensors", is_tensors, tensors, tensors_head},
    {"jsonl", is_jsonl, jsonl_info, jsonl_head},
    {"runnel", rn_tokens_is_ours, rn_look_ours, rn_look_ours_head},
    {"megatron index", rn_token_file_is_index, rn_look_index, NULL},
    {"tokens", is_token_file, rn_look_tokens, rn_look_tokens_head},
};

static int find_kind(const struct kind **out, const char *path, struct rn_err *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st))
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (kinds[i].is(path)) {
            *out = &kinds[i];
            return RN_OK;
        }
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                   "no format that is known: parquet, JSONL, safetensors, token shards (ours, "
                   "llm.c, NumPy, Megatron), tokenizers");
}

int rn_look_info(json_t **out, const char *path, struct rn_err *err)
{
    const struct kind *kind = NULL;
    struct stat st;
    *out = NULL;
    RN_TRY(find_kind(&kind, path, err));
    json_t *info = json_pack("{s:s, s:s}", "file", path, "format", kind->format);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        set_int(info, "size_bytes", st.st_size);
    int rc = info ? kind->info(path, info, err)
                  : rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the path is not UTF-8");
    if (rc == RN_OK)
        *out = info;
    else
        json_decref(info);
    return rc;
}

int rn_look_head(const char *path, int64_t n, const char *const *columns,
                 void (*each)(void *ctx, const json_t *row), void *ctx, struct rn_err *err)
{
    const struct kind *kind = NULL;
    struct rn_look_out out = {n, columns, each, ctx};
    RN_TRY(find_kind(&kind, path, err));
    if (columns[0] && kind->head != parquet_head)
        return rn_fail(err, RN_EUSAGE, RN_PATH(path), "it has no columns; parquet files have");
    return kind->head ? kind->head(path, &out, err) : RN_OK;
}
