#include "formats.h"
#include "formats_binary.h"
#include "formats_tokens.h"
#include "jsonl.h"
#include "mem.h"
#include "parquet.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

static int check_rows(const char *path, const struct rn_expect *want, int64_t rows,
                      struct rn_err *err)
{
    if (want->rows < 0 || want->rows == rows)
        return RN_OK;
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%lld rows, expected %lld", (long long)rows,
                   (long long)want->rows);
}

/* --- parquet --- */

static int decode_column(struct rn_parquet *p, int column, struct rn_err *err)
{
    struct rn_parquet_values values;
    for (size_t g = 0; g < rn_parquet_groups(p); g++)
        RN_TRY(rn_parquet_read(p, g, column, &values, err));
    return RN_OK;
}

/* The column of that path, or all below it. */
static int decode_named(struct rn_parquet *p, const char *name, struct rn_err *err)
{
    bool found = false;
    for (int c = 0; c < rn_parquet_columns(p); c++)
        if (rn_parquet_column_within(p, c, name)) {
            found = true;
            RN_TRY(decode_column(p, c, err));
        }
    return found || rn_parquet_column(p, name, err) >= 0 ? RN_OK : RN_ECORRUPT;
}

static int decode_all(struct rn_parquet *p, struct rn_err *err)
{
    for (int c = 0; c < rn_parquet_columns(p); c++)
        RN_TRY(decode_column(p, c, err));
    return RN_OK;
}

static int check_parquet(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    struct rn_parquet *p;
    RN_TRY(rn_parquet_open(&p, path, err));
    int rc = check_rows(path, want, rn_parquet_rows(p), err);
    bool named = want->columns && want->columns[0];
    for (size_t i = 0; rc == RN_OK && named && want->columns[i]; i++)
        rc = decode_named(p, want->columns[i], err);
    if (rc == RN_OK && !named)
        rc = decode_all(p, err);
    rn_parquet_free(p);
    return rc;
}

/* --- JSONL --- */

static int bad_record(struct rn_place at, struct rn_err *err, const char *why)
{
    return rn_fail(err, RN_ECORRUPT, at, "not a conversation: %s", why);
}

static int check_conversation(const json_t *doc, struct rn_place at, struct rn_err *err)
{
    static const char *const turns[] = {"user", "assistant"};
    const json_t *list = json_is_object(doc) ? json_object_get(doc, "messages") : doc;
    size_t i, turn = 0;
    json_t *message;
    if (!json_is_array(list))
        return bad_record(at, err, "neither a list of messages nor an object with 'messages'");
    json_array_foreach(list, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        if (!role || !json_is_string(json_object_get(message, "content")))
            return bad_record(at, err, "a message without a string 'role' and a string 'content'");
        if (i == 0 && !strcmp(role, "system"))
            continue;
        if (strcmp(role, turns[turn % 2]))
            return bad_record(at, err, "the roles do not alternate, user first");
        turn++;
    }
    return turn >= 2 ? RN_OK : bad_record(at, err, "fewer than two messages");
}

static const struct record {
    const char *name;
    int (*check)(const json_t *, struct rn_place, struct rn_err *);
} records[] = {{"conversation", check_conversation}};

static int find_record(const char *name, const struct record **out, struct rn_err *err)
{
    *out = NULL;
    for (size_t i = 0; name && i < RN_COUNT(records); i++)
        if (!strcmp(name, records[i].name))
            *out = &records[i];
    if (name && !*out)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "no kind of 'record' is called '%.40s' (there is: conversation)", name);
    return RN_OK;
}

static int check_lines(struct rn_jsonl *j, const struct record *record, int64_t *rows,
                       struct rn_err *err)
{
    for (*rows = 0;; ++*rows) {
        json_t *doc;
        RN_TRY(rn_jsonl_next(j, &doc, err));
        if (!doc)
            return RN_OK;
        int rc = record ? record->check(doc, rn_jsonl_place(j), err) : RN_OK;
        json_decref(doc);
        RN_TRY(rc);
    }
}

static int check_jsonl(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    const struct record *record;
    struct rn_jsonl *j;
    int64_t rows;
    RN_TRY(find_record(want->record, &record, err));
    RN_TRY(rn_jsonl_open(&j, path, err));
    int rc = check_lines(j, record, &rows, err);
    rn_jsonl_free(j);
    if (rc == RN_OK && rows == 0)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no line of JSON in it");
    return rc == RN_OK ? check_rows(path, want, rows, err) : rc;
}

/* --- text --- */

static int check_text(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    struct rn_jsonl *j; /* only its lines */
    const char *line;
    size_t n;
    int64_t rows = 0;
    RN_TRY(rn_jsonl_open(&j, path, err));
    int rc;
    while ((rc = rn_jsonl_next_line(j, &line, &n, err)) == RN_OK && line) {
        const char *nul = memchr(line, 0, n);
        rows++;
        if (nul || !rn_utf8_valid(line, n)) {
            rc = rn_fail(err, RN_ECORRUPT, rn_jsonl_place(j),
                         nul ? "not text: a NUL byte" : "not valid UTF-8");
            break;
        }
    }
    rn_jsonl_free(j);
    if (rc == RN_OK && rows == 0)
        rc = rn_fail(err, RN_ECORRUPT, RN_PATH(path), "empty");
    return rc == RN_OK ? check_rows(path, want, rows, err) : rc;
}

const struct rn_format rn_data_formats[] = {
    {"parquet", "columns of rows, in groups; checked by decoding", check_parquet},
    {"jsonl", "a JSON value a line", check_jsonl},
    {"text", "UTF-8 without NUL", check_text},
    {"gzip", "one gzip stream, to its CRC", rn_check_gzip},
    {"tiktoken", "ranks of byte pairs, a line each", rn_check_tiktoken},
    {"safetensors", "tensors that fill the file", rn_check_safetensors},
    {"runnel", "a token shard of this program, with its checksums", rn_check_runnel},
    {"llmc", "token shard of llm.c", rn_check_llmc},
    {"npy", "NumPy array of one dimension: uint16, uint32, int32 tokens", rn_check_npy},
    {"megatron", "tokens of Megatron, .bin or .idx", rn_check_megatron},
    {NULL, NULL, NULL}};
