/* Token shards, ours and others', as look.h shows them. */
#include "file.h"
#include "look_kinds.h"
#include "token_file.h"
#include "tokens.h"
#include "tokens_layout.h"

#include <string.h>

enum { IDS_A_ROW = 16 };

static json_t *row_of(int64_t at, const int32_t *ids, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer((uint32_t)ids[i]));
    return json_pack("{s:I, s:o}", "at", (json_int_t)at, "ids", list);
}

int rn_look_ours(const char *path, json_t *info, struct rn_err *err)
{
    struct rn_tokens_header h;
    int64_t tokens;
    RN_TRY(rn_tokens_check(path, &tokens, err));
    if (rn_file_head(path, &h, sizeof h) != sizeof h)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "it changed while it was read");
    json_t *more =
        json_pack("{s:I, s:i, s:i, s:i, s:s, s:i, s:b, s:s%}", "tokens", (json_int_t)tokens,
                  "bytes_a_token", (int)h.width, "vocab_size", (int)h.vocab_size, "documents",
                  (int)h.n_docs, "split", h.split, "shard", (int)h.shard, "last", (int)h.last,
                  "tokenizer", h.digest, (size_t)TOKENS_DIGEST_BYTES);
    int rc = more ? RN_OK : rn_fail(err, RN_ECORRUPT, RN_PATH(path), "its header is no text");
    json_object_update(info, more);
    json_decref(more);
    return rc;
}

int rn_look_ours_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    struct rn_tokens *t;
    RN_TRY(rn_tokens_open_one(&t, path, err));
    int32_t ids[IDS_A_ROW];
    int64_t all = rn_tokens_count(t);
    int rc = RN_OK;
    for (int64_t at = 0; at < all && rc == RN_OK; at += IDS_A_ROW) {
        int64_t n = all - at < IDS_A_ROW ? all - at : IDS_A_ROW;
        rc = rn_tokens_get(t, at, n, ids, err);
        if (rc != RN_OK || !rn_look_give(out, row_of(at, ids, n)))
            break;
    }
    rn_tokens_free(t);
    return rc;
}

int rn_look_tokens(const char *path, json_t *info, struct rn_err *err)
{
    struct rn_token_file f;
    RN_TRY(rn_token_file_open(&f, path, NULL, err));
    json_object_set_new(info, "format", json_string(f.format));
    json_object_set_new(info, "tokens", json_integer(f.n));
    json_object_set_new(info, "bytes_a_token", json_integer(f.width));
    json_object_set_new(info, "largest_id", json_integer(rn_token_file_largest(&f)));
    if (f.lengths)
        json_object_set_new(info, "sequences", json_integer(f.n_sequences));
    rn_token_file_close(&f);
    return RN_OK;
}

int rn_look_tokens_head(const char *path, struct rn_look_out *out, struct rn_err *err)
{
    struct rn_token_file f;
    int32_t ids[IDS_A_ROW];
    RN_TRY(rn_token_file_open(&f, path, NULL, err));
    for (int64_t at = 0; at < f.n; at += IDS_A_ROW) {
        int64_t n = f.n - at < IDS_A_ROW ? f.n - at : IDS_A_ROW;
        rn_token_file_get(&f, at, n, ids);
        if (!rn_look_give(out, row_of(at, ids, n)))
            break;
    }
    rn_token_file_close(&f);
    return RN_OK;
}

int rn_look_index(const char *path, json_t *info, struct rn_err *err)
{
    int64_t tokens;
    RN_TRY(rn_token_file_check_index(path, &tokens, err));
    json_object_set_new(info, "tokens", json_integer(tokens));
    return RN_OK;
}
