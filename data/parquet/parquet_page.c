#include "parquet_page.h"
#include "thrift.h"

#include <zlib.h>

int rn_pq_corrupt(const struct rn_pq_where *at, const char *what, const char *why)
{
    return rn_fail(at->err, RN_ECORRUPT, RN_PATH(at->path), "parquet column '%s': %s %s",
                   at->column, what, why);
}

/* --- headers --- */

/* Of a v1 data page or a dictionary page, whose first fields agree. */
static void read_v1_header(struct rn_thrift *t, const struct rn_thrift_field *in,
                           struct rn_pq_page *h)
{
    struct rn_thrift_field f = {0};
    h->has_header = rn_thrift_enter(t, in);
    while (h->has_header && rn_thrift_next(t, &f)) {
        if (f.id == 1)
            h->n_values = rn_thrift_int(t, &f);
        else if (f.id == 2)
            h->encoding = rn_thrift_int(t, &f);
        else if (f.id == 3 && h->kind == RN_PQ_DATA)
            h->def_encoding = rn_thrift_int(t, &f); /* a dictionary's 3 says whether it is sorted */
        else if (f.id == 4)
            h->rep_encoding = rn_thrift_int(t, &f);
        else
            rn_thrift_skip(t, &f);
    }
}

static void read_v2_header(struct rn_thrift *t, const struct rn_thrift_field *in,
                           struct rn_pq_page *h)
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

static void read_header(struct rn_thrift *t, struct rn_pq_page *h)
{
    /* The page kind comes first in every header, as fields are in order of their numbers. */
    static const int member_of[] = {
        [RN_PQ_DATA] = 5, [RN_PQ_INDEX] = 6, [RN_PQ_DICTIONARY] = 7, [RN_PQ_DATA_V2] = 8};
    struct rn_thrift_field f = {0};
    *h = (struct rn_pq_page){.kind = -1, .compressed = true};
    while (rn_thrift_next(t, &f)) {
        bool mine = h->kind >= 0 && h->kind <= RN_PQ_DATA_V2 && f.id == member_of[h->kind];
        if (f.id == 1) {
            h->kind = rn_thrift_int(t, &f);
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

static int check_header(const struct rn_pq_pages *g, const struct rn_pq_page *h, size_t left)
{
    if (h->n_compressed < 0 || (uint64_t)h->n_compressed > left)
        return rn_pq_corrupt(&g->at, "page", "is longer than its column chunk");
    if (h->n_bytes < 0 || h->n_bytes > INT32_MAX)
        return rn_pq_corrupt(&g->at, "page", "has an impossible size");
    if ((uint64_t)h->n_bytes > (uint64_t)h->n_compressed * g->codec->ratio_max + 1024)
        return rn_pq_corrupt(&g->at, "page", "claims a size its codec cannot reach");
    if (h->kind < 0 || h->kind > RN_PQ_DATA_V2)
        return rn_pq_corrupt(&g->at, "page", "is of an unknown kind");
    if (h->kind == RN_PQ_INDEX)
        return RN_OK;
    if (!h->has_header || h->n_values < 0 || h->n_values > RN_PQ_PAGE_VALUES_MAX)
        return rn_pq_corrupt(&g->at, "page", "has no header or an impossible value count");
    if (h->def_bytes < 0 || h->rep_bytes < 0 || h->def_bytes > INT32_MAX ||
        h->rep_bytes > INT32_MAX || h->def_bytes + h->rep_bytes > h->n_bytes ||
        h->def_bytes + h->rep_bytes > h->n_compressed)
        return rn_pq_corrupt(&g->at, "page", "has levels longer than itself");
    return RN_OK;
}

int rn_pq_page_next(struct rn_pq_pages *g, struct rn_pq_page *h)
{
    struct rn_thrift t = {.p = g->p, .end = g->end};
    if (g->p == g->end)
        return rn_pq_corrupt(&g->at, "chunk", "ends before its last value");
    read_header(&t, h);
    if (t.bad)
        return rn_pq_corrupt(&g->at, "page header", t.bad);
    h->body = t.p;
    RN_TRY(check_header(g, h, (size_t)(g->end - t.p)));
    g->p = t.p + h->n_compressed;
    return RN_OK;
}

/* --- bytes --- */

int rn_pq_page_verify(const struct rn_pq_pages *g, const struct rn_pq_page *h)
{
    if (!h->has_crc)
        return RN_OK;
    uint32_t crc = (uint32_t)crc32_z(0, h->body, (size_t)h->n_compressed);
    if (crc == h->crc)
        return RN_OK;
    return rn_fail(g->at.err, RN_ECORRUPT, RN_PATH(g->at.path),
                   "parquet column '%s': page checksum is %08x, its header says %08x", g->at.column,
                   crc, h->crc);
}

int rn_pq_page_expand(struct rn_pq_pages *g, const struct rn_pq_page *h, size_t from,
                      const unsigned char **out, size_t *n)
{
    const struct rn_codec *codec = h->compressed ? g->codec : rn_codec_parquet(0);
    *n = (size_t)h->n_bytes - from;
    *out = g->room;
    if (*n == 0 && h->compressed)
        return RN_OK; /* pages of nulls may carry no bytes at all, not even the codec's frame */
    const char *bad = codec->expand(h->body + from, (size_t)h->n_compressed - from, g->room, *n);
    if (bad)
        return rn_pq_corrupt(&g->at, "page", bad);
    g->room += *n;
    return RN_OK;
}
