/* token_list.h - a tokenizer out of tokens that come in any order, each with its id.
 *
 *     struct rn_token_list l = {.at = RN_PATH(path)};
 *     RN_TRY(rn_token_list_add(&l, id, bytes, n, err));          each token
 *     RN_TRY(rn_token_list_special(&l, id, name, n, err));       each special token
 *     rc = rn_token_list_finish(&l, "nanochat", &tokenizer, err);
 *     rn_token_list_release(&l);
 *
 * What is outside input is checked here: ids count up from 0 without gap or repetition, ordinary
 * tokens first. Inside `data` only. */
#ifndef RN_TOKEN_LIST_H
#define RN_TOKEN_LIST_H

#include "split.h"
#include "tokenizer_parts.h"

struct rn_listed {
    int64_t id;
    size_t start, n; /* in bytes; specials: a name with its NUL behind */
    bool special;
};
struct rn_token_list {
    struct rn_place at; /* of errors */
    struct rn_listed *items;
    size_t n, cap;
    struct rn_str bytes;
};
/* Too many, too long or too large: RN_ECORRUPT. */
int rn_token_list_add(struct rn_token_list *, int64_t id, const void *bytes, size_t n,
                      struct rn_err *);
/* A name with a NUL in it: RN_ECORRUPT, too. */
int rn_token_list_special(struct rn_token_list *, int64_t id, const char *name, size_t n,
                          struct rn_err *);
/* `pattern` as rn_tokenizer_load_tiktoken takes it. RN_ECORRUPT. */
int rn_token_list_finish(struct rn_token_list *, const char *pattern, struct rn_tokenizer **,
                         struct rn_err *);
void rn_token_list_release(struct rn_token_list *);

#endif
