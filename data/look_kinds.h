/* look_kinds.h - the formats of tokens that look.c knows, one function pair each, and how rows are
 * given. Inside `data` only. */
#ifndef RN_LOOK_KINDS_H
#define RN_LOOK_KINDS_H

#include "json.h"

struct rn_look_out {
    int64_t left;               /* rows that may still be given */
    const char *const *columns; /* of parquet; NULL-ended */
    void (*each)(void *ctx, const json_t *row);
    void *ctx;
};
/* Hands on and releases `row`; false once enough were given. */
static inline bool rn_look_give(struct rn_look_out *out, json_t *row)
{
    if (out->left > 0)
        out->each(out->ctx, row ? row : json_null()); /* NULL: bytes that are no text */
    json_decref(row);
    return --out->left > 0;
}

int rn_look_ours(const char *path, json_t *info, struct rn_err *);
int rn_look_ours_head(const char *path, struct rn_look_out *, struct rn_err *);
int rn_look_tokens(const char *path, json_t *info, struct rn_err *);
int rn_look_tokens_head(const char *path, struct rn_look_out *, struct rn_err *);
int rn_look_index(const char *path, json_t *info, struct rn_err *);

#endif
