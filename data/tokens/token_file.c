#include "token_file.h"

#include "bytes.h"
#include "file.h"
#include "mem.h"
#include "str.h"
#include "tokens_layout.h"

#include <stdlib.h>
#include <string.h>

#define BAD(...) rn_fail(err, RN_ECORRUPT, RN_PATH(path), __VA_ARGS__)

static int32_t int32_at(const unsigned char *p)
{
    return (int32_t)rn_le32_at(p);
}

static int64_t int64_at(const unsigned char *p)
{
    return (int64_t)rn_le64_at(p);
}

/* Takes the ids from byte `at` to the end of the file. */
static int take_tokens(struct rn_token_file *f, size_t at, int width, int64_t n, const char *path,
                       struct rn_err *err)
{
    size_t have = f->map.n - at;
    if (n < 0 || have % (size_t)width || (int64_t)(have / (size_t)width) != n)
        return BAD("%zu bytes of tokens, its header asks for %lld of %d bytes", have, (long long)n,
                   width);
    f->tokens = f->map.p + at;
    f->width = width;
    f->n = n;
    return RN_OK;
}

/* --- llm.c --- */

static bool is_llmc(const struct rn_token_file *f)
{
    return f->map.n >= 4 &&
           (int32_at(f->map.p) == TOKENS_MAGIC_2 || int32_at(f->map.p) == TOKENS_MAGIC_4);
}

static int open_llmc(struct rn_token_file *f, const char *path, struct rn_err *err)
{
    if (f->map.n < TOKENS_HEADER_BYTES)
        return BAD("%zu bytes, shorter than llm.c's header", f->map.n);
    bool narrow = int32_at(f->map.p) == TOKENS_MAGIC_2;
    int32_t version = int32_at(f->map.p + 4), want = narrow ? TOKENS_VERSION_2 : TOKENS_VERSION_4;
    if (version != want)
        return BAD("llm.c's header has version %d, expected %d", version, want);
    return take_tokens(f, TOKENS_HEADER_BYTES, narrow ? 2 : 4, int32_at(f->map.p + 8), path, err);
}

/* --- NumPy --- */

static const char npy_magic[] = "\x93NUMPY";

static bool is_npy(const struct rn_token_file *f)
{
    return f->map.n >= 10 && memcmp(f->map.p, npy_magic, 6) == 0;
}

/* What follows 'key': in the header's Python dict, blanks skipped; NULL: no such key. */
static const char *npy_value(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    return at + strspn(at, " ");
}

static int npy_width(const char *descr)
{
    static const struct {
        const char *name;
        int width;
    } types[] = {{"'<u2'", 2}, {"'<u4'", 4}, {"'<i4'", 4}};
    for (size_t i = 0; descr && i < RN_COUNT(types); i++)
        if (rn_starts_with(descr, types[i].name))
            return types[i].width;
    return 0;
}

/* N of "(N,)"; -1: another shape. */
static int64_t npy_length(const char *shape)
{
    enum { DIGITS_MAX = 15 };
    int64_t n = 0;
    size_t digits = shape && *shape == '(' ? strspn(shape + 1, "0123456789") : 0;
    if (digits == 0 || digits > DIGITS_MAX || !rn_starts_with(shape + 1 + digits, ",)"))
        return -1;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (shape[1 + i] - '0');
    return n;
}

static int read_npy(struct rn_token_file *f, const char *header, size_t data, const char *path,
                    struct rn_err *err)
{
    int width = npy_width(npy_value(header, "'descr':"));
    int64_t n = npy_length(npy_value(header, "'shape':"));
    if (width == 0)
        return BAD("not tokens: its type is none of uint16, uint32, int32 (little-endian): %.100s",
                   header);
    if (n < 0)
        return BAD("not tokens: its shape is not one number: %.100s", header);
    return take_tokens(f, data, width, n, path, err);
}

static int open_npy(struct rn_token_file *f, const char *path, struct rn_err *err)
{
    enum { HEADER_MAX = 1 << 16 };
    int major = f->map.p[6];
    size_t start = major == 1 ? 10 : 12;
    if (major < 1 || major > 3 || f->map.n < start)
        return BAD(".npy of version %d, expected 1 to 3", major);
    size_t n = major == 1 ? rn_le16_at(f->map.p + 8) : rn_le32_at(f->map.p + 8);
    if (n > HEADER_MAX || n > f->map.n - start)
        return BAD("the header of its .npy is longer than the file, or than %d bytes", HEADER_MAX);
    char *header = rn_xalloc(n + 1);
    memcpy(header, f->map.p + start, n);
    int rc = read_npy(f, header, start + n, path, err);
    free(header);
    return rc;
}

/* --- Megatron --- */

static bool is_index(const unsigned char *p, size_t n)
{
    return n >= INDEX_MAGIC_BYTES && memcmp(p, INDEX_MAGIC, INDEX_MAGIC_BYTES) == 0;
}

/* Sequences follow each other without gap from byte 0 on; *tokens: how many there are. */
static int check_pointers(const struct rn_token_file *f, const char *path, int64_t *tokens,
                          struct rn_err *err)
{
    const unsigned char *pointers = f->lengths + 4 * f->n_sequences;
    *tokens = 0;
    for (int64_t i = 0; i < f->n_sequences; i++) {
        int32_t length = int32_at(f->lengths + 4 * i);
        if (length < 0 || int64_at(pointers + 8 * i) != *tokens * f->width)
            return BAD("sequence %lld of the index does not begin where the one before ends",
                       (long long)i);
        *tokens += length;
    }
    return RN_OK;
}

static int read_index(struct rn_token_file *f, const char *path, int64_t *tokens,
                      struct rn_err *err)
{
    const unsigned char *p = f->index.p;
    if (!is_index(p, f->index.n) || f->index.n < INDEX_HEADER_BYTES)
        return BAD("not an index of Megatron's");
    int64_t version = int64_at(p + 9), n = int64_at(p + 18), docs = int64_at(p + 26);
    int type = p[17];
    if (version != 1 || (type != INDEX_UINT16 && type != INDEX_INT32))
        return BAD("Megatron's index of version %lld and type %d, expected version 1 and type %d "
                   "(uint16) or %d (int32)",
                   (long long)version, type, INDEX_UINT16, INDEX_INT32);
    int64_t most = (int64_t)f->index.n / 8;
    if (n < 0 || docs < 0 || n > most || docs > most ||
        INDEX_HEADER_BYTES + 12 * n + 8 * docs != (int64_t)f->index.n)
        return BAD("%zu bytes, which its %lld sequences and %lld documents do not fill", f->index.n,
                   (long long)n, (long long)docs);
    f->width = type == INDEX_UINT16 ? 2 : 4;
    f->lengths = p + INDEX_HEADER_BYTES;
    f->n_sequences = n;
    return check_pointers(f, path, tokens, err);
}

/* The .idx beside a .bin; caller frees. */
static char *index_of(const char *path)
{
    return rn_ends_with(path, ".bin") ? rn_xprintf("%.*sidx", (int)strlen(path) - 3, path) : NULL;
}

static int open_megatron(struct rn_token_file *f, const char *path, struct rn_err *err)
{
    char *index = index_of(path);
    int64_t n = 0;
    int rc = index ? rn_map_open(&f->index, index, err)
                   : BAD("Megatron's tokens are in a .bin with an .idx beside it");
    if (rc == RN_OK)
        rc = read_index(f, index, &n, err);
    if (rc == RN_OK)
        rc = take_tokens(f, 0, f->width, n, path, err);
    free(index);
    return rc;
}

static bool is_megatron(const char *path)
{
    char *index = index_of(path);
    bool yes = index && rn_token_file_is_index(index);
    free(index);
    return yes;
}

bool rn_token_file_is_index(const char *path)
{
    unsigned char head[INDEX_MAGIC_BYTES];
    return is_index(head, rn_file_head(path, head, sizeof head));
}

int rn_token_file_check_index(const char *path, int64_t *tokens, struct rn_err *err)
{
    struct rn_token_file f = {0};
    int rc = rn_map_open(&f.index, path, err);
    if (rc == RN_OK)
        rc = read_index(&f, path, tokens, err);
    rn_token_file_close(&f);
    return rc;
}

/* --- opening --- */

static int open_mapped(struct rn_token_file *f, const char *path, struct rn_err *err)
{
    f->format = is_llmc(f) ? "llmc" : is_npy(f) ? "npy" : is_megatron(path) ? "megatron" : NULL;
    if (!f->format)
        return BAD("no tokens: neither llm.c's header nor NumPy's, and no .idx beside it");
    if (strcmp(f->format, "llmc") == 0)
        return open_llmc(f, path, err);
    return strcmp(f->format, "npy") == 0 ? open_npy(f, path, err) : open_megatron(f, path, err);
}

int rn_token_file_open(struct rn_token_file *f, const char *path, const char *format,
                       struct rn_err *err)
{
    *f = (struct rn_token_file){0};
    int rc = rn_map_open(&f->map, path, err);
    if (rc == RN_OK)
        rc = open_mapped(f, path, err);
    if (rc == RN_OK && format && strcmp(format, f->format) != 0)
        rc = BAD("tokens as %s has them, expected %s", f->format, format);
    if (rc != RN_OK)
        rn_token_file_close(f);
    return rc;
}

void rn_token_file_close(struct rn_token_file *f)
{
    rn_map_close(&f->map);
    rn_map_close(&f->index);
    *f = (struct rn_token_file){0};
}

/* --- reading --- */

void rn_token_file_get(const struct rn_token_file *f, int64_t start, int64_t n, int32_t *ids)
{
    RN_ASSERT(start >= 0 && n >= 0 && start <= f->n - n);
    const unsigned char *p = f->tokens + start * f->width;
    if (f->width == 4 && n > 0)
        memcpy(ids, p, (size_t)n * 4);
    for (int64_t i = 0; i < n && f->width == 2; i++)
        ids[i] = p[2 * i] | p[2 * i + 1] << 8;
}

uint32_t rn_token_file_largest(const struct rn_token_file *f)
{
    enum { AT_ONCE = 4096 };
    int32_t ids[AT_ONCE];
    uint32_t largest = 0;
    for (int64_t at = 0; at < f->n; at += AT_ONCE) {
        int64_t n = f->n - at < AT_ONCE ? f->n - at : AT_ONCE;
        rn_token_file_get(f, at, n, ids);
        for (int64_t i = 0; i < n; i++)
            largest = (uint32_t)ids[i] > largest ? (uint32_t)ids[i] : largest;
    }
    return largest;
}

int32_t rn_token_file_length(const struct rn_token_file *f, int64_t sequence)
{
    RN_ASSERT(f->lengths && sequence >= 0 && sequence < f->n_sequences);
    return int32_at(f->lengths + 4 * sequence);
}
