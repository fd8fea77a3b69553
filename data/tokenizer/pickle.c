#include "pickle.h"

#include "file.h"
#include "mem.h"
#include "split_spelling.h"
#include "token_list.h"

#include <stdlib.h>
#include <string.h>

enum {
    PICKLE_MAX_BYTES = 1 << 27,
    STACK_MAX = 1 << 16, /* pickle sets 1,000 pairs at a time */
    MEMO_MAX = 1 << 22,
    DICTS_MAX = 16,
};

enum kind { MARK, STRING, BYTES, INT, DICT, TUPLE, CLASS, OBJECT };
struct value {
    enum kind kind;
    const unsigned char *p; /* STRING, BYTES: in the file */
    int64_t n;              /* their length; INT: itself; DICT: index into dicts */
};
struct pair {
    struct value key, value;
};
struct dict {
    struct pair *items;
    size_t n, cap;
};
struct values {
    struct value *items;
    size_t n, cap;
};
struct reader {
    const char *path;
    const unsigned char *start, *p, *end;
    struct values stack, memo;
    struct dict dicts[DICTS_MAX];
    int64_t n_dicts;
    int64_t state; /* of the object: index of its dict, -1: none yet */
};

static int bad(const struct reader *r, struct rn_err *err, const char *why)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(r->path),
                   "no pickled tiktoken.Encoding: %s at byte %zu", why, (size_t)(r->p - r->start));
}

static int push(struct reader *r, struct value v, struct rn_err *err)
{
    if (r->stack.n == STACK_MAX)
        return bad(r, err, "its stack is too deep");
    RN_PUSH(r->stack.items, r->stack.n, r->stack.cap, v);
    return RN_OK;
}

/* Takes the top, which must be of this kind. */
static int pop(struct reader *r, enum kind kind, struct value *v, struct rn_err *err)
{
    *v = (struct value){0};
    if (r->stack.n == 0 || r->stack.items[r->stack.n - 1].kind != kind)
        return bad(r, err, "an opcode meets another value than it takes");
    *v = r->stack.items[--r->stack.n];
    return RN_OK;
}

/* A little-endian number of `width` bytes. */
static int number(struct reader *r, int width, int64_t *out, struct rn_err *err)
{
    uint64_t value = 0;
    *out = 0;
    if (r->end - r->p < width)
        return bad(r, err, "it ends too early");
    for (int i = width; i-- > 0;)
        value = value << 8 | r->p[i];
    r->p += width;
    *out = (int64_t)value;
    return value > INT64_MAX ? bad(r, err, "a number is too large") : RN_OK;
}

/* --- opcodes --- */

struct opcode;
typedef int (*action)(struct reader *, const struct opcode *, struct rn_err *);
struct opcode {
    unsigned char code;
    action act;
    int width; /* bytes of its argument, or of the length of its data */
    enum kind kind;
};

static int data(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    int64_t n;
    RN_TRY(number(r, op->width, &n, err));
    if (n > r->end - r->p)
        return bad(r, err, "it ends too early");
    struct value v = {op->kind, r->p, n};
    r->p += n;
    return push(r, v, err);
}

static int integer(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    int64_t n;
    RN_TRY(number(r, op->width, &n, err));
    return push(r, (struct value){INT, NULL, op->width == 4 ? (int32_t)(uint32_t)n : n}, err);
}

static int skip(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    int64_t n;
    return number(r, op->width, &n, err);
}

static int plain(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    return push(r, (struct value){.kind = op->kind}, err);
}

static int new_dict(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    (void)op;
    if (r->n_dicts == DICTS_MAX)
        return bad(r, err, "it has too many dicts");
    return push(r, (struct value){DICT, NULL, r->n_dicts++}, err);
}

static int memoize(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    int64_t at = (int64_t)r->memo.n;
    if (op->width)
        RN_TRY(number(r, op->width, &at, err));
    if (r->stack.n == 0 || at != (int64_t)r->memo.n || at == MEMO_MAX)
        return bad(r, err, "its memo is out of order");
    RN_PUSH(r->memo.items, r->memo.n, r->memo.cap, r->stack.items[r->stack.n - 1]);
    return RN_OK;
}

static int recall(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    int64_t at;
    RN_TRY(number(r, op->width, &at, err));
    if (at >= (int64_t)r->memo.n)
        return bad(r, err, "its memo has no such entry");
    return push(r, r->memo.items[at], err);
}

static int set_pairs(struct reader *r, size_t from, struct rn_err *err)
{
    const struct value *items = r->stack.items;
    if (from == 0 || items[from - 1].kind != DICT || (r->stack.n - from) % 2)
        return bad(r, err, "items are set where no dict is");
    struct dict *d = &r->dicts[items[from - 1].n];
    for (size_t i = from; i < r->stack.n; i += 2) {
        if (d->n == RN_VOCAB_MAX_TOKENS)
            return bad(r, err, "a dict is too large");
        RN_PUSH(d->items, d->n, d->cap, ((struct pair){items[i], items[i + 1]}));
    }
    r->stack.n = from;
    return RN_OK;
}

static int set_item(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    (void)op;
    return r->stack.n < 2 ? bad(r, err, "items are set where no dict is")
                          : set_pairs(r, r->stack.n - 2, err);
}

static int set_items(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    size_t mark = r->stack.n;
    (void)op;
    while (mark > 0 && r->stack.items[mark - 1].kind != MARK)
        mark--;
    if (mark == 0)
        return bad(r, err, "items without a mark");
    size_t n = r->stack.n - mark;
    memmove(r->stack.items + mark - 1, r->stack.items + mark, n * sizeof *r->stack.items);
    r->stack.n--;
    return set_pairs(r, mark - 1, err);
}

static bool is_text(struct value v, const char *text)
{
    return v.n == (int64_t)strlen(text) && memcmp(v.p, text, (size_t)v.n) == 0;
}

/* The one place where a pickle could run code: the class is compared, never looked up. */
static int class_named(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    struct value module, name;
    (void)op;
    RN_TRY(pop(r, STRING, &name, err));
    RN_TRY(pop(r, STRING, &module, err));
    if (!is_text(module, "tiktoken.core") || !is_text(name, "Encoding"))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(r->path),
                       "it pickles '%.*s.%.*s': only tiktoken.core.Encoding is read",
                       (int)(module.n < 60 ? module.n : 60), (const char *)module.p,
                       (int)(name.n < 60 ? name.n : 60), (const char *)name.p);
    return push(r, (struct value){.kind = CLASS}, err);
}

static int new_object(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    struct value v;
    (void)op;
    RN_TRY(pop(r, TUPLE, &v, err));
    RN_TRY(pop(r, CLASS, &v, err));
    return push(r, (struct value){.kind = OBJECT}, err);
}

static int build(struct reader *r, const struct opcode *op, struct rn_err *err)
{
    struct value state, object;
    (void)op;
    RN_TRY(pop(r, DICT, &state, err));
    RN_TRY(pop(r, OBJECT, &object, err));
    r->state = state.n;
    return push(r, object, err);
}

static const struct opcode opcodes[] = {
    {0x80, skip, 1},               /* PROTO */
    {0x95, skip, 8},               /* FRAME */
    {0x8C, data, 1, STRING},       /* SHORT_BINUNICODE */
    {'X', data, 4, STRING},        /* BINUNICODE */
    {'C', data, 1, BYTES},         /* SHORT_BINBYTES */
    {'B', data, 4, BYTES},         /* BINBYTES */
    {'K', integer, 1},             /* BININT1 */
    {'M', integer, 2},             /* BININT2 */
    {'J', integer, 4},             /* BININT */
    {'}', new_dict, 0},            /* EMPTY_DICT */
    {')', plain, 0, TUPLE},        /* EMPTY_TUPLE */
    {'(', plain, 0, MARK},         /* MARK */
    {0x94, memoize, 0},            /* MEMOIZE */
    {'q', memoize, 1},             /* BINPUT */
    {'r', memoize, 4},             /* LONG_BINPUT */
    {'h', recall, 1},              /* BINGET */
    {'j', recall, 4},              /* LONG_BINGET */
    {'s', set_item, 0},            /* SETITEM */
    {'u', set_items, 0},           /* SETITEMS */
    {0x93, class_named, 0, CLASS}, /* STACK_GLOBAL */
    {0x81, new_object, 0, OBJECT}, /* NEWOBJ */
    {'b', build, 0},               /* BUILD */
};

static const struct opcode *opcode_of(unsigned char code)
{
    for (size_t i = 0; i < RN_COUNT(opcodes); i++)
        if (opcodes[i].code == code)
            return &opcodes[i];
    return NULL;
}

static int read_all(struct reader *r, struct rn_err *err)
{
    enum { STOP = '.' };
    while (r->p < r->end) {
        unsigned char code = *r->p++;
        const struct opcode *op = opcode_of(code);
        if (code == STOP)
            return r->state >= 0 ? RN_OK : bad(r, err, "it stops before an object was built");
        if (!op)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(r->path),
                           "no pickled tiktoken.Encoding: opcode 0x%02X at byte %zu is not read",
                           code, (size_t)(r->p - r->start - 1));
        RN_TRY(op->act(r, op, err));
    }
    return bad(r, err, "it ends without its last opcode");
}

/* --- what was read --- */

static int member(const struct reader *r, const char *name, enum kind kind, struct value *out,
                  struct rn_err *err)
{
    const struct dict *d = &r->dicts[r->state];
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].key.kind == STRING && is_text(d->items[i].key, name) &&
            d->items[i].value.kind == kind) {
            *out = d->items[i].value;
            return RN_OK;
        }
    return rn_fail(err, RN_ECORRUPT, RN_PATH(r->path), "the Encoding has no '%s'", name);
}

static int add_dict(const struct reader *r, struct value dict, enum kind key,
                    int (*add)(struct rn_token_list *, int64_t id, const void *p, size_t n,
                               struct rn_err *),
                    struct rn_token_list *l, struct rn_err *err)
{
    const struct dict *d = &r->dicts[dict.n];
    for (size_t i = 0; i < d->n; i++) {
        const struct pair *pair = &d->items[i];
        if (pair->key.kind != key || pair->value.kind != INT)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(r->path),
                           "item %zu of a dict of tokens is no token with its id", i);
        RN_TRY(add(l, pair->value.n, pair->key.p, (size_t)pair->key.n, err));
    }
    return RN_OK;
}

static int add_special(struct rn_token_list *l, int64_t id, const void *p, size_t n,
                       struct rn_err *err)
{
    return rn_token_list_special(l, id, p, n, err);
}

static int make(const struct reader *r, struct rn_token_list *l, struct rn_tokenizer **out,
                struct rn_err *err)
{
    struct value pattern, ranks, specials;
    RN_TRY(member(r, "pat_str", STRING, &pattern, err));
    RN_TRY(member(r, "mergeable_ranks", DICT, &ranks, err));
    RN_TRY(member(r, "special_tokens", DICT, &specials, err));
    struct rn_str regex = {0};
    rn_str_add(&regex, pattern.p, (size_t)pattern.n);
    const char *name = rn_split_spelled(regex.p);
    int rc = name ? RN_OK
                  : rn_fail(err, RN_ECORRUPT, RN_PATH(r->path),
                            "it cuts text by an unknown pattern: %.200s", regex.p);
    if (!name)
        rn_hint(err,
                "its ranks in a .tiktoken file can be read with a pattern " RN_SPLIT_REGEX "...");
    rn_str_release(&regex);
    RN_TRY(rc);
    RN_TRY(add_dict(r, ranks, BYTES, rn_token_list_add, l, err));
    RN_TRY(add_dict(r, specials, STRING, add_special, l, err));
    return rn_token_list_finish(l, name, out, err);
}

int rn_tokenizer_load_pickle(struct rn_tokenizer **out, const char *path, struct rn_err *err)
{
    struct reader r = {.path = path, .state = -1};
    struct rn_token_list list = {.at = RN_PATH(path)};
    char *text;
    size_t n;
    *out = NULL;
    RN_TRY(rn_file_read(path, PICKLE_MAX_BYTES, &text, &n, err));
    r.start = r.p = (const unsigned char *)text;
    r.end = r.start + n;
    int rc = read_all(&r, err);
    if (rc == RN_OK)
        rc = make(&r, &list, out, err);
    rn_token_list_release(&list);
    for (int64_t i = 0; i < r.n_dicts; i++)
        free(r.dicts[i].items);
    free(r.stack.items);
    free(r.memo.items);
    free(text);
    return rc;
}
