#include "parquet_page.h"
#include "codec.h"
#include "mem.h"
#include "rle.h"
#include "str.h"
#include "thrift.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum page_type { PAGE_DATA, PAGE_INDEX, PAGE_DICTIONARY, PAGE_DATA_V2 };
enum encoding { PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, RLE_DICTIONARY = 8 };

static const size_t chunk_bytes_max = (size_t)1 << 32; /* of one column of one row group */

struct page {
    int64_t type, n_bytes, n_compressed; /* n_bytes: decompressed */
    int64_t n_values, encoding, def_encoding, def_bytes, rep_bytes;
    uint32_t crc;
    bool has_crc, compressed, has_header;
    const unsigned char *body; /* n_compressed bytes */
};

struct work {
    struct rn_pq_decoder *d;
    const struct rn_pq_leaf *leaf;
    const struct rn_codec *codec;
    const char *path;
    struct rn_err *err;
    const unsigned char *p, *end; /* next page header */
    unsigned char *out;           /* room left in d->bytes */
    size_t row, rows, n_dict;
    bool has_dict;
};

int rn_pq_reserve(struct rn_pq_buffer *b, size_t count, size_t each, struct rn_err *err)
{
    size_t n;
    if (__builtin_mul_overflow(count, each, &n))
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "parquet: %zu x %zu bytes overflow", count,
                       each);
    if (n <= b->cap_bytes)
        return RN_OK;
    free(b->p);
    b->cap_bytes = 0;
    b->p = malloc(n); /* not zeroed: pages fill it */
    if (!b->p)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "parquet: no memory for %zu bytes", n);
    b->cap_bytes = n;
    return RN_OK;
}

void rn_pq_decoder_release(struct rn_pq_decoder *d)
{
    struct rn_pq_buffer *all[] = {&d->bytes, &d->present, &d->values, &d->dict, &d->indices};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        free(all[i]->p);
    *d = (struct rn_pq_decoder){0};
}

static int corrupt(const struct work *w, const char *what, const char *why)
{
    return rn_fail(w->err, RN_ECORRUPT, RN_PATH(w->path), "parquet column '%s': %s %s",
                   w->leaf->path, what, why);
}

/* --- page headers --- */

/* Of a v1 data page or a dictionary page, whose first fields agree. */
static void read_v1_header(struct rn_thrift *t, const struct rn_thrift_field *in, struct page *h)
{
    struct rn_thrift_field f = {0};
    h->has_header = rn_thrift_enter(t, in);
    while (h->has_header && rn_thrift_next(t, &f)) {
        if (f.id == 1)
            h->n_values = rn_thrift_int(t, &f);
        else if (f.id == 2)
            h->encoding = rn_thrift_int(t, &f);
        else if (f.id == 3 && h->type == PAGE_DATA)
            h->def_encoding = rn_thrift_int(t, &f); /* a dictionary's 3 says whether it is sorted */
        else
            rn_thrift_skip(t, &f);
    }
}

static void read_v2_header(struct rn_thrift *t, const struct rn_thrift_field *in, struct page *h)
{
    struct rn_thrift_field f = {0};
    h->has_header = rn_thrift_enter(t, in);
    while (h->has_header && rn_thrift_next(t, &f)) {
        if (f.id == 1)
            h->n_values = rn_thrift_int(t, &f);
        else if (f.id == 4)
            h->encoding = rn_thrift_int(t, &f);
        else if (f.id == 5)
            h->def_bytes = rn_thrift_int(t, &f);
        else if (f.id == 6)
            h->rep_bytes = rn_thrift_int(t, &f);
        else if (f.id == 7)
            h->compressed = rn_thrift_bool(t, &f);
        else
            rn_thrift_skip(t, &f);
    }
}

static void read_header(struct rn_thrift *t, struct page *h)
{
    /* The page type comes first in every header, as fields are in order of their numbers. */
    static const int member_of[] = {
        [PAGE_DATA] = 5, [PAGE_INDEX] = 6, [PAGE_DICTIONARY] = 7, [PAGE_DATA_V2] = 8};
    struct rn_thrift_field f = {0};
    *h = (struct page){.type = -1, .def_encoding = RLE, .compressed = true};
    while (rn_thrift_next(t, &f)) {
        bool mine = h->type >= 0 && h->type <= PAGE_DATA_V2 && f.id == member_of[h->type];
        if (f.id == 1) {
            h->type = rn_thrift_int(t, &f);
        } else if (f.id == 2) {
            h->n_bytes = rn_thrift_int(t, &f);
        } else if (f.id == 3) {
            h->n_compressed = rn_thrift_int(t, &f);
        } else if (f.id == 4) {
            h->crc = (uint32_t)rn_thrift_int(t, &f);
            h->has_crc = true;
        } else if (mine && f.id == 8) {
            read_v2_header(t, &f, h);
        } else if (mine && f.id != 6) {
            read_v1_header(t, &f, h);
        } else {
            rn_thrift_skip(t, &f);
        }
    }
}

static int check_header(const struct work *w, const struct page *h, size_t left)
{
    if (h->n_compressed < 0 || (uint64_t)h->n_compressed > left)
        return corrupt(w, "page", "is longer than its column chunk");
    if (h->n_bytes < 0 || h->n_bytes > INT32_MAX)
        return corrupt(w, "page", "has an impossible size");
    if ((uint64_t)h->n_bytes > (uint64_t)h->n_compressed * w->codec->ratio_max + 1024)
        return corrupt(w, "page", "claims a size its codec cannot reach");
    if (h->type == PAGE_INDEX)
        return RN_OK;
    if (!h->has_header || h->n_values < 0 || h->n_values > RN_PQ_GROUP_ROWS_MAX)
        return corrupt(w, "page", "has no header or an impossible value count");
    if (h->def_bytes < 0 || h->rep_bytes < 0 || h->def_bytes > INT32_MAX ||
        h->rep_bytes > INT32_MAX || h->def_bytes + h->rep_bytes > h->n_bytes ||
        h->def_bytes + h->rep_bytes > h->n_compressed)
        return corrupt(w, "page", "has levels longer than itself");
    return RN_OK;
}

/* Reads the header at w->p and steps over the page. */
static int next_page(struct work *w, struct page *h)
{
    struct rn_thrift t = {.p = w->p, .end = w->end};
    read_header(&t, h);
    if (t.bad)
        return corrupt(w, "page header", t.bad);
    h->body = t.p;
    RN_TRY(check_header(w, h, (size_t)(w->end - t.p)));
    w->p = t.p + h->n_compressed;
    return RN_OK;
}

/* Looks at all headers before anything is allocated, so that a later pointer never moves. */
static int measure(struct work w, size_t *n_bytes)
{
    size_t values = 0;
    *n_bytes = 0;
    while (values < w.rows) {
        struct page h;
        if (w.p == w.end)
            return corrupt(&w, "chunk", "ends before its last row");
        RN_TRY(next_page(&w, &h));
        *n_bytes += (size_t)h.n_bytes;
        if (*n_bytes > chunk_bytes_max)
            return corrupt(&w, "chunk", "holds more than 4 GiB in one row group");
        if (h.type == PAGE_DATA || h.type == PAGE_DATA_V2)
            values += (size_t)h.n_values;
    }
    if (values > w.rows)
        return corrupt(&w, "chunk", "has more values than its row group has rows");
    return RN_OK;
}

/* --- bytes of a page --- */

static int expand(struct work *w, const unsigned char *src, size_t n_src, size_t n, bool compressed,
                  const unsigned char **out)
{
    const struct rn_codec *codec = compressed ? w->codec : rn_codec_parquet(0);
    *out = w->out;
    if (n == 0 && compressed)
        return RN_OK; /* pages of nulls may carry no bytes at all, not even the codec's frame */
    const char *bad = codec->expand(src, n_src, w->out, n);
    if (bad)
        return corrupt(w, "page", bad);
    w->out += n;
    return RN_OK;
}

static int check_crc(const struct work *w, const struct page *h)
{
    if (!h->has_crc)
        return RN_OK;
    uint32_t crc = (uint32_t)crc32_z(0, h->body, (size_t)h->n_compressed);
    if (crc == h->crc)
        return RN_OK;
    return rn_fail(w->err, RN_ECORRUPT, RN_PATH(w->path),
                   "parquet column '%s': page checksum is %08x, its header says %08x",
                   w->leaf->path, crc, h->crc);
}

/* --- values --- */

static size_t value_size(enum rn_parquet_type type)
{
    return type >= RN_PQ_BYTES ? sizeof(struct rn_parquet_string) : sizeof(int64_t);
}

static uint32_t get_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int check_text(const struct work *w, const struct rn_parquet_string *s)
{
    if (w->leaf->text && !rn_utf8_valid(s->p, s->n))
        return corrupt(w, "a string", "is not valid UTF-8");
    return RN_OK;
}

static int plain_strings(const struct work *w, const unsigned char *p, const unsigned char *end,
                         struct rn_parquet_string *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (end - p < 4)
            return corrupt(w, "page", "ends before its last string");
        out[i].n = get_u32(p);
        p += 4;
        if (out[i].n > (size_t)(end - p))
            return corrupt(w, "page", "has a string longer than itself");
        out[i].p = (const char *)p;
        p += out[i].n;
        RN_TRY(check_text(w, &out[i]));
    }
    return RN_OK;
}

static int plain_fixed(const struct work *w, const unsigned char *p, const unsigned char *end,
                       struct rn_parquet_string *out, size_t n)
{
    size_t each = (size_t)w->leaf->type_length;
    if ((size_t)(end - p) / each < n)
        return corrupt(w, "page", "ends before its last value");
    for (size_t i = 0; i < n; i++)
        out[i] = (struct rn_parquet_string){.p = (const char *)p + i * each, .n = each};
    return RN_OK;
}

/* Little-endian bytes to int64_t or double. All machines we build for are little-endian. */
static void widen(enum rn_parquet_type type, const unsigned char *p, void *out, size_t i)
{
    if (type == RN_PQ_INT32) {
        int32_t v;
        memcpy(&v, p + 4 * i, 4);
        ((int64_t *)out)[i] = v;
    } else if (type == RN_PQ_FLOAT) {
        float v;
        memcpy(&v, p + 4 * i, 4);
        ((double *)out)[i] = v;
    } else if (type == RN_PQ_BOOLEAN) {
        ((int64_t *)out)[i] = p[i / 8] >> (i % 8) & 1;
    } else {
        memcpy((int64_t *)out + i, p + 8 * i, 8);
    }
}

static int plain_numbers(const struct work *w, const unsigned char *p, const unsigned char *end,
                         void *out, size_t n)
{
    enum rn_parquet_type type = w->leaf->type;
    size_t bits = type == RN_PQ_BOOLEAN ? 1 : type == RN_PQ_INT32 || type == RN_PQ_FLOAT ? 32 : 64;
    if ((size_t)(end - p) < (n * bits + 7) / 8)
        return corrupt(w, "page", "ends before its last value");
    for (size_t i = 0; i < n; i++)
        widen(type, p, out, i);
    return RN_OK;
}

static int plain(const struct work *w, const unsigned char *p, const unsigned char *end, void *out,
                 size_t n)
{
    if (w->leaf->type == RN_PQ_BYTES)
        return plain_strings(w, p, end, out, n);
    if (w->leaf->type == RN_PQ_FIXED)
        return plain_fixed(w, p, end, out, n);
    return plain_numbers(w, p, end, out, n);
}

static int lookup(const struct work *w, const unsigned char *p, const unsigned char *end, void *out,
                  size_t n)
{
    uint32_t *index = w->d->indices.p;
    size_t each = value_size(w->leaf->type);
    if (!w->has_dict)
        return corrupt(w, "page", "refers to a dictionary that is not there");
    if (n == 0)
        return RN_OK;
    if (p == end || *p > 32)
        return corrupt(w, "page", "has no valid bit width for its dictionary indices");
    struct rn_rle r = {.p = p + 1, .end = end, .width = *p};
    const char *bad = rn_rle_take(&r, index, n);
    if (bad)
        return corrupt(w, "page of dictionary indices", bad);
    for (size_t i = 0; i < n; i++) {
        if (index[i] >= w->n_dict)
            return corrupt(w, "page", "has an index beyond its dictionary");
        memcpy((char *)out + i * each, (char *)w->d->dict.p + index[i] * each, each);
    }
    return RN_OK;
}

static int decode_values(const struct work *w, const struct page *h, const unsigned char *p,
                         const unsigned char *end, void *out, size_t n)
{
    if (h->encoding == PLAIN)
        return plain(w, p, end, out, n);
    if (h->encoding == RLE_DICTIONARY || h->encoding == PLAIN_DICTIONARY)
        return lookup(w, p, end, out, n);
    return rn_fail(w->err, RN_ECORRUPT, RN_PATH(w->path),
                   "parquet column '%s': encoding %lld is not read (PLAIN and dictionary are)",
                   w->leaf->path, (long long)h->encoding);
}

/* --- levels --- */

/* Marks the rows of the page that hold a value; *n_present of them do. */
static int decode_levels(const struct work *w, const struct page *h, const unsigned char *p,
                         const unsigned char *end, size_t *n_present)
{
    unsigned char *present = (unsigned char *)w->d->present.p + w->row;
    uint32_t *level = w->d->indices.p, max = (uint32_t)w->leaf->max_def;
    size_t n = (size_t)h->n_values;
    *n_present = n;
    memset(present, 1, n);
    if (max == 0 || n == 0)
        return RN_OK;
    struct rn_rle r = {.p = p, .end = end, .width = 32 - __builtin_clz(max)};
    const char *bad = rn_rle_take(&r, level, n);
    if (bad)
        return corrupt(w, "page of definition levels", bad);
    for (size_t i = 0; i < n; i++) {
        if (level[i] > max)
            return corrupt(w, "page", "has a definition level beyond its schema");
        present[i] = level[i] == max;
        *n_present -= !present[i];
    }
    return RN_OK;
}

/* Values were decoded densely; moves each to its row, from the back, and clears the nulls. */
static void spread(const struct work *w, void *out, size_t n, size_t n_present)
{
    const unsigned char *present = (unsigned char *)w->d->present.p + w->row;
    size_t each = value_size(w->leaf->type), from = n_present;
    for (size_t i = n; i-- > 0 && n_present < n;) {
        if (present[i])
            memmove((char *)out + i * each, (char *)out + --from * each, each);
        else
            memset((char *)out + i * each, 0, each);
    }
}

/* --- pages --- */

static int finish_data(struct work *w, const struct page *h, const unsigned char *p,
                       const unsigned char *end, size_t n_present)
{
    size_t each = value_size(w->leaf->type), n = (size_t)h->n_values;
    char *out = (char *)w->d->values.p + w->row * each;
    RN_TRY(decode_values(w, h, p, end, out, n_present));
    spread(w, out, n, n_present);
    w->row += n;
    return RN_OK;
}

static int data_page(struct work *w, const struct page *h)
{
    const unsigned char *p, *end, *levels_end;
    size_t n_present;
    RN_TRY(expand(w, h->body, (size_t)h->n_compressed, (size_t)h->n_bytes, true, &p));
    levels_end = p;
    end = p + h->n_bytes;
    if (w->leaf->max_def > 0) {
        if (h->def_encoding != RLE)
            return corrupt(w, "page", "has definition levels that are not RLE, which is not read");
        if (end - p < 4 || get_u32(p) > (size_t)(end - p - 4))
            return corrupt(w, "page", "has levels longer than itself");
        levels_end = p + 4 + get_u32(p);
        p += 4;
    }
    RN_TRY(decode_levels(w, h, p, levels_end, &n_present));
    return finish_data(w, h, levels_end, end, n_present);
}

static int data_page_v2(struct work *w, const struct page *h)
{
    size_t levels = (size_t)(h->rep_bytes + h->def_bytes), n_present;
    size_t n = (size_t)h->n_bytes - levels;
    const unsigned char *p, *def = h->body + h->rep_bytes;
    RN_TRY(expand(w, h->body + levels, (size_t)h->n_compressed - levels, n, h->compressed, &p));
    RN_TRY(decode_levels(w, h, def, def + h->def_bytes, &n_present));
    return finish_data(w, h, p, p + n, n_present);
}

static int dictionary_page(struct work *w, const struct page *h)
{
    const unsigned char *p;
    size_t n = (size_t)h->n_values;
    if (w->has_dict || w->row > 0)
        return corrupt(w, "chunk", "has a dictionary that is not its first page");
    if (h->encoding != PLAIN && h->encoding != PLAIN_DICTIONARY)
        return corrupt(w, "dictionary", "is not in PLAIN encoding");
    RN_TRY(expand(w, h->body, (size_t)h->n_compressed, (size_t)h->n_bytes, true, &p));
    /* An entry takes a bit at least, so a lying count cannot ask for much. */
    if (n > 8 * (size_t)h->n_bytes)
        return corrupt(w, "dictionary", "has more entries than bytes for them");
    RN_TRY(rn_pq_reserve(&w->d->dict, n, value_size(w->leaf->type), w->err));
    RN_TRY(plain(w, p, p + h->n_bytes, w->d->dict.p, n));
    w->n_dict = n;
    w->has_dict = true;
    return RN_OK;
}

static int decode_pages(struct work *w)
{
    while (w->row < w->rows) {
        struct page h;
        RN_TRY(next_page(w, &h));
        RN_TRY(check_crc(w, &h));
        if (h.type == PAGE_DATA)
            RN_TRY(data_page(w, &h));
        else if (h.type == PAGE_DATA_V2)
            RN_TRY(data_page_v2(w, &h));
        else if (h.type == PAGE_DICTIONARY)
            RN_TRY(dictionary_page(w, &h));
        else if (h.type != PAGE_INDEX)
            return corrupt(w, "page", "is of an unknown kind");
    }
    return RN_OK;
}

static int reserve_all(struct work *w)
{
    struct rn_pq_decoder *d = w->d;
    size_t n_bytes;
    RN_TRY(measure(*w, &n_bytes));
    RN_TRY(rn_pq_reserve(&d->bytes, n_bytes ? n_bytes : 1, 1, w->err));
    RN_TRY(rn_pq_reserve(&d->present, w->rows + 1, 1, w->err));
    RN_TRY(rn_pq_reserve(&d->values, w->rows + 1, value_size(w->leaf->type), w->err));
    RN_TRY(rn_pq_reserve(&d->indices, w->rows + 1, sizeof(uint32_t), w->err));
    w->out = d->bytes.p;
    return RN_OK;
}

int rn_pq_decode(struct rn_pq_decoder *d, const struct rn_pq_leaf *leaf, int codec,
                 const unsigned char *bytes, size_t n, int64_t rows, const char *path,
                 struct rn_parquet_values *out, struct rn_err *err)
{
    struct work w = {.d = d,
                     .leaf = leaf,
                     .codec = rn_codec_parquet(codec),
                     .path = path,
                     .err = err,
                     .p = bytes,
                     .end = bytes + n,
                     .rows = (size_t)rows};
    if (leaf->max_rep > 0)
        return corrupt(&w, "it", "is nested (repeated), which is not read");
    if (leaf->type == RN_PQ_INT96)
        return corrupt(&w, "type", "INT96 is not read");
    if (!w.codec || !w.codec->expand)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "parquet column '%s': codec %s is not read (none, snappy, gzip, zstd and "
                       "lz4_raw are)",
                       leaf->path, w.codec ? w.codec->name : "of unknown number");
    RN_TRY(reserve_all(&w));
    RN_TRY(decode_pages(&w));
    bool real = leaf->type == RN_PQ_FLOAT || leaf->type == RN_PQ_DOUBLE;
    bool string = leaf->type >= RN_PQ_BYTES;
    *out = (struct rn_parquet_values){.type = leaf->type,
                                      .utf8 = leaf->text && string,
                                      .n = w.rows,
                                      .present = d->present.p,
                                      .strings = string ? d->values.p : NULL,
                                      .ints = !real && !string ? d->values.p : NULL,
                                      .reals = real ? d->values.p : NULL};
    return RN_OK;
}
