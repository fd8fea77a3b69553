#include "token_list.h"

#include "mem.h"
#include "split.h"

#include <stdlib.h>
#include <string.h>

static int put(struct rn_token_list *l, int64_t id, const void *bytes, size_t n, bool special,
               struct rn_err *err)
{
    if (n > RN_TOKEN_MAX_BYTES || l->n == RN_VOCAB_MAX_TOKENS ||
        l->bytes.n + n > 2 * (size_t)RN_VOCAB_MAX_BYTES)
        return rn_fail(err, RN_ECORRUPT, l->at, "token %zu of %zu bytes: too many or too large",
                       l->n, n);
    RN_PUSH(l->items, l->n, l->cap, ((struct rn_listed){id, l->bytes.n, n, special}));
    rn_str_add(&l->bytes, bytes, n);
    return RN_OK;
}

int rn_token_list_add(struct rn_token_list *l, int64_t id, const void *bytes, size_t n,
                      struct rn_err *err)
{
    return put(l, id, bytes, n, false, err);
}

int rn_token_list_special(struct rn_token_list *l, int64_t id, const char *name, size_t n,
                          struct rn_err *err)
{
    if (memchr(name, 0, n))
        return rn_fail(err, RN_ECORRUPT, l->at, "a special token with a NUL in its name");
    RN_TRY(put(l, id, name, n, true, err));
    rn_str_putc(&l->bytes, '\0');
    return RN_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct rn_listed *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Ids are places; all special tokens stand behind all others. */
static int check_order(const struct rn_token_list *l, struct rn_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].id < (int64_t)i)
            return rn_fail(err, RN_ECORRUPT, l->at, "two tokens have the id %lld",
                           (long long)l->items[i].id);
        if (l->items[i].id > (int64_t)i)
            return rn_fail(err, RN_ECORRUPT, l->at,
                           "no token has the id %zu; the next is %lld: ids with gaps are not read",
                           i, (long long)l->items[i].id);
        if (i && l->items[i - 1].special && !l->items[i].special)
            return rn_fail(err, RN_ECORRUPT, l->at,
                           "the special token %zu stands before ordinary ones", i - 1);
    }
    return RN_OK;
}

static int fill(const struct rn_token_list *l, struct rn_vocab *v, const char ***specials,
                struct rn_err *err)
{
    size_t n_specials = 0;
    *specials = rn_xrealloc(NULL, l->n + 1, sizeof **specials);
    for (size_t i = 0; i < l->n; i++) {
        const char *p = l->bytes.p + l->items[i].start;
        if (l->items[i].special)
            (*specials)[n_specials++] = p;
        else
            RN_TRY(rn_vocab_add(v, p, l->items[i].n, l->at, err));
    }
    (*specials)[n_specials] = NULL;
    return rn_vocab_seal(v, l->at, err);
}

int rn_token_list_finish(struct rn_token_list *l, const char *pattern, struct rn_tokenizer **out,
                         struct rn_err *err)
{
    struct rn_vocab v = {0};
    const char **specials = NULL;
    struct rn_split *split;
    int rc;
    *out = NULL;
    RN_CHECK(rc = rn_split_open(&split, pattern, l->at, err));
    if (l->n)
        qsort(l->items, l->n, sizeof *l->items, by_id);
    RN_CHECK(rc = check_order(l, err));
    RN_CHECK(rc = fill(l, &v, &specials, err));
    rc = rn_tokenizer_make(out, &v, split, specials, l->at, err);
    split = NULL;
done:
    rn_split_free(split);
    rn_vocab_release(&v);
    free(specials);
    return rc;
}

void rn_token_list_release(struct rn_token_list *l)
{
    free(l->items);
    rn_str_release(&l->bytes);
    *l = (struct rn_token_list){0};
}
