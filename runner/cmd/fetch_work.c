#include "fetch_work.h"

void rn_row_text(json_t *row, const char *key, const char *text)
{
    json_object_set_new(row, key, json_string(text));
}

void rn_row_size(json_t *row, int64_t size_bytes)
{
    json_object_set_new(row, "size_bytes", json_integer(size_bytes));
}

json_t *rn_row_add(struct rn_fetch_work *w, const char *id, const char *state)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "file", id, "state", state, "sha256",
                            "", "size_bytes", -1, "trust", "-", "where", "");
    RN_ASSERT(row); /* ids are made of names */
    json_array_append_new(w->rows, row);
    return row;
}

int rn_fetch_work_next(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct rn_fetch_work *w = ctx;
    (void)err;
    *file = w->next < w->total ? &w->files[w->next++] : NULL;
    return RN_OK;
}
