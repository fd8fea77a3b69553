#include "formats_binary.h"

#include "bytes.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BAD(...) rn_fail(err, RN_ECORRUPT, RN_PATH(path), __VA_ARGS__)

/* --- gzip --- */

/* Reads on until the end, which makes zlib compare the CRC. */
static int read_gzip(gzFile f, const char *path, struct rn_err *err)
{
    enum { CHUNK = 1 << 16, MAX_RATIO = 1100 }; /* deflate itself cannot do more */
    char buf[CHUNK];
    int64_t left = rn_file_size(path) * MAX_RATIO + CHUNK;
    int n, code;
    while ((n = gzread(f, buf, sizeof buf)) > 0)
        if (gzdirect(f))
            return BAD("not gzip");
        else if ((left -= n) < 0)
            return BAD("swells without end");
    const char *why = gzerror(f, &code);
    return n < 0 || code == Z_BUF_ERROR ? BAD("not a whole gzip file: %s", why) : RN_OK;
}

int rn_check_gzip(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    unsigned char head[2] = {0};
    (void)want;
    if (rn_file_head(path, head, sizeof head) != 2 || head[0] != 0x1F || head[1] != 0x8B)
        return BAD("not gzip");
    gzFile f = gzopen(path, "rb");
    if (!f)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    int rc = read_gzip(f, path, err);
    gzclose(f);
    return rc;
}

/* --- tiktoken --- */

int rn_check_tiktoken(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    struct rn_tokenizer *t = NULL;
    RN_TRY(rn_tokenizer_load_tiktoken(&t, path, "nanochat", NULL, err));
    int64_t tokens = rn_tokenizer_vocab_size(t);
    rn_tokenizer_free(t);
    if (want->rows >= 0 && want->rows != tokens)
        return BAD("%lld tokens, expected %lld", (long long)tokens, (long long)want->rows);
    return RN_OK;
}

/* --- safetensors --- */

struct extent {
    int64_t begin, end;
};
struct extents {
    struct extent *items;
    size_t n, cap;
};

static int64_t width_of(const char *dtype)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } dtypes[] = {{"F64", 8},  {"I64", 8}, {"U64", 8},  {"F32", 4},     {"I32", 4},
                  {"U32", 4},  {"F16", 2}, {"BF16", 2}, {"I16", 2},     {"U16", 2},
                  {"BOOL", 1}, {"U8", 1},  {"I8", 1},   {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    for (size_t i = 0; i < RN_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, dtype) == 0)
            return dtypes[i].bytes;
    return -1;
}

/* Bytes that dtype and shape ask for; -1: they make no sense. */
static int64_t tensor_bytes(const json_t *tensor)
{
    const json_t *shape = json_object_get(tensor, "shape");
    int64_t bytes = width_of(rn_json_str(tensor, "dtype", ""));
    size_t i;
    json_t *dim;
    if (bytes < 0 || !json_is_array(shape))
        return -1;
    json_array_foreach(shape, i, dim)
    {
        int64_t n = json_is_integer(dim) ? (int64_t)json_integer_value(dim) : -1;
        if (n < 0 || (n > 0 && bytes > INT64_MAX / n))
            return -1;
        bytes *= n;
    }
    return bytes;
}

static int add_extent(const char *path, const char *name, const json_t *tensor, struct extents *all,
                      struct rn_err *err)
{
    const json_t *offsets = json_object_get(tensor, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return BAD("tensor '%.60s' has no data_offsets", name);
    struct extent e = {json_integer_value(first), json_integer_value(last)};
    if (e.begin < 0 || e.end < e.begin || e.end - e.begin != tensor_bytes(tensor))
        return BAD("tensor '%.60s' does not have the bytes of its dtype and shape", name);
    RN_PUSH(all->items, all->n, all->cap, e);
    return RN_OK;
}

static int by_begin(const void *x, const void *y)
{
    const struct extent *a = x, *b = y;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static int check_header(const char *path, json_t *header, int64_t data_bytes, struct rn_err *err)
{
    struct extents all = {0};
    const char *name;
    json_t *tensor;
    int64_t at = 0;
    int rc = RN_OK;
    json_object_foreach(header, name, tensor)
    {
        if (rc == RN_OK && strcmp(name, "__metadata__") != 0)
            rc = add_extent(path, name, tensor, &all, err);
    }
    if (all.n)
        qsort(all.items, all.n, sizeof *all.items, by_begin);
    for (size_t i = 0; i < all.n && rc == RN_OK; at = all.items[i++].end)
        if (all.items[i].begin != at)
            rc = BAD("its tensors overlap or leave a gap at byte %lld", (long long)at);
    if (rc == RN_OK && at != data_bytes)
        rc = BAD("%lld bytes of tensors, its header asks for %lld", (long long)data_bytes,
                 (long long)at);
    free(all.items);
    return rc;
}

int rn_check_safetensors(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    enum { LENGTH = 8, LARGEST = 64 << 20 };
    unsigned char length[LENGTH];
    int64_t size = rn_file_size(path);
    json_error_t why;
    (void)want;
    if (rn_file_head(path, length, LENGTH) != LENGTH)
        return BAD("not safetensors: %lld bytes", (long long)size);
    uint64_t n = rn_le64_at(length);
    if (n < 2 || n > LARGEST || (int64_t)n > size - LENGTH)
        return BAD("not safetensors: the length of its header is wrong");
    char *text = rn_xalloc((size_t)n + LENGTH);
    size_t got = rn_file_head(path, text, (size_t)n + LENGTH);
    json_t *header = got == (size_t)n + LENGTH
                         ? json_loadb(text + LENGTH, (size_t)n, JSON_REJECT_DUPLICATES, &why)
                         : NULL;
    free(text);
    int rc = json_is_object(header) ? check_header(path, header, size - LENGTH - (int64_t)n, err)
                                    : BAD("not safetensors: its header is no JSON object");
    json_decref(header);
    return rc;
}
