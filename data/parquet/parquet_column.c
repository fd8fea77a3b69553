#include "parquet_column.h"
#include "bytes.h"
#include "mem.h"
#include "rle.h"

#include <stdlib.h>
#include <string.h>

static const size_t chunk_bytes_max = (size_t)1 << 32; /* of one column of one row group */
enum { VALUES_MAX = 1 << 26 };

struct work {
    struct rn_pq_column *c;
    const struct rn_pq_leaf *leaf;
    struct rn_pq_pages pages;
    size_t at, n;      /* values decoded, and to decode */
    size_t rows_begun; /* of a repeated column */
    size_t rows, n_dict;
    bool has_dict;
};

void rn_pq_column_release(struct rn_pq_column *c)
{
    struct rn_pq_buffer *all[] = {&c->bytes, &c->present, &c->def, &c->rep, &c->values, &c->dict};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        free(all[i]->p);
    rn_pq_scratch_release(&c->scratch);
    *c = (struct rn_pq_column){0};
}

static int corrupt(const struct work *w, const char *what, const char *why)
{
    return rn_pq_corrupt(&w->pages.at, what, why);
}

static bool is_data(const struct rn_pq_page *h)
{
    return h->kind == RN_PQ_DATA || h->kind == RN_PQ_DATA_V2;
}

/* Looks at all headers before anything is allocated, so that a later pointer never moves. */
static int measure(const struct work *w, size_t *n_bytes)
{
    struct rn_pq_pages pages = w->pages;
    size_t values = 0;
    *n_bytes = 0;
    while (values < w->n) {
        struct rn_pq_page h;
        RN_TRY(rn_pq_page_next(&pages, &h));
        *n_bytes += (size_t)h.n_bytes;
        if (*n_bytes > chunk_bytes_max)
            return corrupt(w, "chunk", "holds more than 4 GiB in one row group");
        values += is_data(&h) ? (size_t)h.n_values : 0;
    }
    if (values > w->n)
        return corrupt(w, "chunk", "has more values than the footer says");
    return RN_OK;
}

/* --- levels --- */

struct levels {
    const unsigned char *p, *end;
    int64_t encoding;
};

static int width_of(int max)
{
    return max ? 32 - __builtin_clz((unsigned)max) : 0;
}

/* n levels, a byte each. */
static int decode_levels(const struct work *w, const struct levels *in, int max, unsigned char *out,
                         size_t n)
{
    struct rn_rle r = {.p = in->p, .end = in->end, .width = width_of(max)};
    memset(out, 0, n);
    if (max == 0 || n == 0)
        return RN_OK;
    RN_TRY(rn_pq_reserve(&w->c->scratch.indices, n, sizeof(uint32_t), w->pages.at.err));
    const uint32_t *level = w->c->scratch.indices.p;
    const char *bad = in->encoding == RN_PQ_BIT_PACKED
                          ? rn_bits_take(&r, w->c->scratch.indices.p, n)
                          : rn_rle_take(&r, w->c->scratch.indices.p, n);
    if (bad)
        return corrupt(w, "page of levels", bad);
    for (size_t i = 0; i < n; i++) {
        if (level[i] > (uint32_t)max)
            return corrupt(w, "page", "has a level beyond its schema");
        out[i] = (unsigned char)level[i];
    }
    return RN_OK;
}

/* Level 0 of repetition begins a row, and every row begins within its row group. */
static int count_rows(struct work *w, size_t n)
{
    const unsigned char *rep = (unsigned char *)w->c->rep.p + w->at;
    if (w->at == 0 && n > 0 && rep[0] != 0)
        return corrupt(w, "chunk", "does not begin with the beginning of a row");
    for (size_t i = 0; i < n; i++)
        w->rows_begun += rep[i] == 0;
    return RN_OK;
}

/* Marks the values of the page that are no nulls; *n_present of them. */
static int read_levels(struct work *w, const struct levels *rep, const struct levels *def, size_t n,
                       size_t *n_present)
{
    unsigned char *present = (unsigned char *)w->c->present.p + w->at;
    unsigned char *level = (unsigned char *)w->c->def.p + w->at;
    int max = w->leaf->max_def;
    RN_TRY(decode_levels(w, rep, w->leaf->max_rep, (unsigned char *)w->c->rep.p + w->at, n));
    RN_TRY(count_rows(w, n));
    RN_TRY(decode_levels(w, def, max, level, n));
    *n_present = 0;
    for (size_t i = 0; i < n; i++) {
        present[i] = level[i] == max;
        *n_present += present[i];
    }
    return RN_OK;
}

/* --- pages --- */

/* Values were decoded densely; moves each to its place, from the back, and clears the nulls. */
static void spread(const struct work *w, void *out, size_t n, size_t n_present)
{
    const unsigned char *present = (unsigned char *)w->c->present.p + w->at;
    size_t each = rn_pq_value_size(w->leaf->type), from = n_present;
    for (size_t i = n; i-- > 0 && n_present < n;) {
        if (present[i])
            memmove((char *)out + i * each, (char *)out + --from * each, each);
        else
            memset((char *)out + i * each, 0, each);
    }
}

static int finish_data(struct work *w, const struct rn_pq_page *h, const unsigned char *p,
                       const unsigned char *end, size_t n_present)
{
    size_t n = (size_t)h->n_values;
    char *out = (char *)w->c->values.p + w->at * rn_pq_value_size(w->leaf->type);
    struct rn_pq_input in = {.at = w->pages.at,
                             .leaf = w->leaf,
                             .encoding = h->encoding,
                             .p = p,
                             .end = end,
                             .dict = w->has_dict ? w->c->dict.p : NULL,
                             .n_dict = w->n_dict,
                             .scratch = &w->c->scratch};
    RN_TRY(rn_pq_decode(&in, out, n_present));
    spread(w, out, n, n_present);
    w->at += n;
    return RN_OK;
}

/* Levels of a v1 page stand before its values: runs behind their length, or bare bits. */
static int cut_levels(const struct work *w, const struct rn_pq_page *h, struct levels *in, int max,
                      const unsigned char **p, const unsigned char *end)
{
    size_t n = 0, there = (size_t)(end - *p);
    if (max == 0)
        return RN_OK;
    if (in->encoding == RN_PQ_BIT_PACKED) {
        n = ((size_t)h->n_values * (size_t)width_of(max) + 7) / 8;
    } else if (in->encoding == RN_PQ_RLE && there >= 4) {
        n = rn_le32_at(*p);
        *p += 4;
        there -= 4;
    } else {
        return corrupt(w, "page", "has levels that are neither RLE nor BIT_PACKED");
    }
    if (n > there)
        return corrupt(w, "page", "has levels longer than itself");
    in->p = *p;
    in->end = *p += n;
    return RN_OK;
}

static int data_page(struct work *w, const struct rn_pq_page *h)
{
    struct levels rep = {.encoding = h->rep_encoding}, def = {.encoding = h->def_encoding};
    const unsigned char *p;
    size_t n, n_present;
    RN_TRY(rn_pq_page_expand(&w->pages, h, 0, &p, &n));
    const unsigned char *end = p + n;
    RN_TRY(cut_levels(w, h, &rep, w->leaf->max_rep, &p, end));
    RN_TRY(cut_levels(w, h, &def, w->leaf->max_def, &p, end));
    RN_TRY(read_levels(w, &rep, &def, (size_t)h->n_values, &n_present));
    return finish_data(w, h, p, end, n_present);
}

static int data_page_v2(struct work *w, const struct rn_pq_page *h)
{
    const unsigned char *p, *body = h->body + h->rep_bytes;
    struct levels rep = {h->body, body, RN_PQ_RLE}, def = {body, body + h->def_bytes, RN_PQ_RLE};
    size_t n, n_present;
    RN_TRY(rn_pq_page_expand(&w->pages, h, (size_t)(h->rep_bytes + h->def_bytes), &p, &n));
    RN_TRY(read_levels(w, &rep, &def, (size_t)h->n_values, &n_present));
    return finish_data(w, h, p, p + n, n_present);
}

static int dictionary_page(struct work *w, const struct rn_pq_page *h)
{
    struct rn_pq_input in = {
        .at = w->pages.at, .leaf = w->leaf, .encoding = RN_PQ_PLAIN, .scratch = &w->c->scratch};
    size_t count = (size_t)h->n_values, n;
    if (w->has_dict || w->at > 0)
        return corrupt(w, "chunk", "has a dictionary that is not its first page");
    if (h->encoding != RN_PQ_PLAIN && h->encoding != RN_PQ_PLAIN_DICTIONARY)
        return corrupt(w, "dictionary", "is not in PLAIN encoding");
    RN_TRY(rn_pq_page_expand(&w->pages, h, 0, &in.p, &n));
    in.end = in.p + n;
    /* An entry takes a bit at least, so a lying count cannot ask for much. */
    if (count > 8 * n)
        return corrupt(w, "dictionary", "has more entries than bytes for them");
    RN_TRY(rn_pq_reserve(&w->c->dict, count + 1, rn_pq_value_size(w->leaf->type), in.at.err));
    RN_TRY(rn_pq_decode(&in, w->c->dict.p, count));
    w->n_dict = count;
    w->has_dict = true;
    return RN_OK;
}

static int decode_pages(struct work *w)
{
    static int (*const decode[])(struct work *, const struct rn_pq_page *) = {
        [RN_PQ_DATA] = data_page,
        [RN_PQ_DICTIONARY] = dictionary_page,
        [RN_PQ_DATA_V2] = data_page_v2,
    };
    while (w->at < w->n) {
        struct rn_pq_page h;
        RN_TRY(rn_pq_page_next(&w->pages, &h));
        RN_TRY(rn_pq_page_verify(&w->pages, &h));
        if (decode[h.kind])
            RN_TRY(decode[h.kind](w, &h));
    }
    if (w->leaf->max_rep && w->rows_begun != w->rows)
        return corrupt(w, "chunk", "begins another number of rows than its row group has");
    return RN_OK;
}

static int reserve_all(struct work *w)
{
    struct rn_pq_column *c = w->c;
    struct rn_err *err = w->pages.at.err;
    size_t n_bytes;
    RN_TRY(measure(w, &n_bytes));
    RN_TRY(rn_pq_reserve(&c->bytes, n_bytes + 1, 1, err));
    RN_TRY(rn_pq_reserve(&c->present, w->n + 1, 1, err));
    RN_TRY(rn_pq_reserve(&c->def, w->n + 1, 1, err));
    RN_TRY(rn_pq_reserve(&c->rep, w->n + 1, 1, err));
    RN_TRY(rn_pq_reserve(&c->values, w->n + 1, rn_pq_value_size(w->leaf->type), err));
    rn_pq_scratch_clear(&c->scratch);
    w->pages.room = c->bytes.p;
    return RN_OK;
}

static int check_readable(const struct work *w, int64_t values)
{
    const struct rn_pq_where *at = &w->pages.at;
    const struct rn_codec *codec = w->pages.codec;
    if (w->leaf->type == RN_PQ_INT96)
        return corrupt(w, "type", "INT96 is not read");
    if (!codec || !codec->expand)
        return rn_fail(at->err, RN_ECORRUPT, RN_PATH(at->path),
                       "parquet column '%s': codec %s is not read (none, snappy, gzip, zstd and "
                       "lz4_raw are)",
                       at->column, codec ? codec->name : "of unknown number");
    RN_TRY(rn_codec_need(codec, RN_PATH(at->path), at->err));
    if (values > VALUES_MAX)
        return rn_fail(at->err, RN_ECORRUPT, RN_PATH(at->path),
                       "parquet column '%s': %lld values in one row group; at most %d are read",
                       at->column, (long long)values, VALUES_MAX);
    return RN_OK;
}

static struct rn_parquet_values give_out(const struct work *w)
{
    const struct rn_pq_column *c = w->c;
    enum rn_parquet_type type = w->leaf->type;
    bool real = type == RN_PQ_FLOAT || type == RN_PQ_DOUBLE, string = type >= RN_PQ_BYTES;
    return (struct rn_parquet_values){.type = type,
                                      .utf8 = w->leaf->text && string,
                                      .n = w->n,
                                      .present = c->present.p,
                                      .def = c->def.p,
                                      .rep = c->rep.p,
                                      .strings = string ? c->values.p : NULL,
                                      .ints = !real && !string ? c->values.p : NULL,
                                      .reals = real ? c->values.p : NULL};
}

int rn_pq_column_decode(struct rn_pq_column *c, const struct rn_pq_chunk_bytes *in,
                        struct rn_parquet_values *out, struct rn_err *err)
{
    struct work w = {.c = c,
                     .leaf = in->leaf,
                     .pages = {.at = {in->path, in->leaf->path, err},
                               .p = in->p,
                               .end = in->p + in->chunk->size_bytes,
                               .codec = rn_codec_parquet(in->chunk->codec)},
                     .n = (size_t)in->chunk->values,
                     .rows = (size_t)in->rows};
    RN_TRY(check_readable(&w, in->chunk->values));
    RN_TRY(reserve_all(&w));
    RN_TRY(decode_pages(&w));
    *out = give_out(&w);
    return RN_OK;
}
