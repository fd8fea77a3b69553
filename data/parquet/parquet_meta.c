#include "parquet_meta.h"
#include "mem.h"
#include "thrift.h"

#include <stdlib.h>
#include <string.h>

struct parse {
    struct rn_thrift t;
    struct rn_pq_meta *m;
    const char *path;
    int64_t file_size;
    struct rn_err *err;
    bool encrypted;
    bool short_chunks; /* a writer that counted no header of dictionaries into its chunks */
};

static int corrupt(const struct parse *p, const char *why)
{
    return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path), "invalid parquet footer: it %s", why);
}

/* --- row groups --- */

struct offsets {
    int64_t data, dictionary;
    int64_t type;
    bool whole; /* a meta_data field was there */
};

static void read_chunk_meta(struct rn_thrift *t, const struct rn_thrift_field *in,
                            struct rn_pq_chunk *c, struct offsets *o)
{
    struct rn_thrift_field f = {0};
    if (!rn_thrift_enter(t, in))
        return;
    o->whole = true;
    while (rn_thrift_next(t, &f)) {
        if (f.id == 1)
            o->type = rn_thrift_int(t, &f);
        else if (f.id == 4)
            c->codec = (int)rn_thrift_int(t, &f);
        else if (f.id == 5)
            c->values = rn_thrift_int(t, &f);
        else if (f.id == 7)
            c->size_bytes = rn_thrift_int(t, &f);
        else if (f.id == 9)
            o->data = rn_thrift_int(t, &f);
        else if (f.id == 11)
            o->dictionary = rn_thrift_int(t, &f);
        else
            rn_thrift_skip(t, &f);
    }
}

static int read_chunk(struct parse *p, const struct rn_pq_leaf *leaf, struct rn_pq_chunk *c)
{
    struct rn_thrift_field f = {0};
    struct offsets o = {0};
    *c = (struct rn_pq_chunk){0};
    while (rn_thrift_next(&p->t, &f)) {
        if (f.id == 3)
            read_chunk_meta(&p->t, &f, c, &o);
        else
            rn_thrift_skip(&p->t, &f);
        c->external |= f.id == 1;
        c->encrypted |= f.id == 8;
    }
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (c->external || c->encrypted) {
        *c = (struct rn_pq_chunk){.external = c->external, .encrypted = c->encrypted};
        return RN_OK; /* an error only for whoever reads it */
    }
    /* The dictionary comes first. Writers put 0 where there is none, or where no data follows. */
    bool from_dictionary = o.dictionary > 0 && (o.dictionary < o.data || o.data == 0);
    c->start = from_dictionary ? o.dictionary : o.data;
    if (!o.whole || o.type != leaf->type)
        return corrupt(p, "has a column chunk whose type is not the schema's");
    if (c->start < 4 || c->size_bytes < 0 || c->values < 0 ||
        c->size_bytes > p->file_size - c->start)
        return corrupt(p, "places a column chunk outside the file");
    return RN_OK;
}

static int read_chunks(struct parse *p, const struct rn_thrift_field *f, struct rn_pq_group *g)
{
    struct rn_thrift_list list = rn_thrift_list(&p->t, f);
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (g->chunks || list.left != p->m->schema.n_leaves)
        return corrupt(p, "has a row group with another number of columns than the schema");
    RN_TRY(rn_try_alloc((void **)&g->chunks, list.left, sizeof *g->chunks, "parquet row group",
                        p->err));
    for (size_t c = 0; rn_thrift_item(&p->t, &list); c++)
        RN_TRY(read_chunk(p, &p->m->schema.leaves[c], &g->chunks[c]));
    return RN_OK;
}

/* A row has one value, or where a column is repeated one or more (an empty list is one, too). */
static int check_values(const struct parse *p, const struct rn_pq_chunk *c,
                        const struct rn_pq_leaf *leaf, int64_t rows)
{
    bool more = leaf->max_rep > 0 && c->values > rows && c->values < (int64_t)1 << 40;
    if (c->external || c->encrypted || c->values == rows || more)
        return RN_OK;
    return corrupt(p, "has a column whose value count is not the row count");
}

static int check_group(const struct parse *p, const struct rn_pq_group *g)
{
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (!g->chunks)
        return corrupt(p, "has a row group without columns");
    if (g->rows < 0)
        return corrupt(p, "has a negative row count");
    if (g->rows > RN_PQ_GROUP_ROWS_MAX)
        return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path),
                       "parquet row group of %lld rows; at most %d are read", (long long)g->rows,
                       RN_PQ_GROUP_ROWS_MAX);
    for (size_t c = 0; c < p->m->schema.n_leaves; c++)
        RN_TRY(check_values(p, &g->chunks[c], &p->m->schema.leaves[c], g->rows));
    return RN_OK;
}

static int read_group(struct parse *p, struct rn_pq_group *g)
{
    struct rn_thrift_field f = {0};
    int rc = RN_OK;
    while (rc == RN_OK && rn_thrift_next(&p->t, &f)) {
        if (f.id == 1)
            rc = read_chunks(p, &f, g);
        else if (f.id == 3)
            g->rows = rn_thrift_int(&p->t, &f);
        else
            rn_thrift_skip(&p->t, &f);
    }
    return rc == RN_OK ? check_group(p, g) : rc;
}

static int read_groups(struct parse *p, const struct rn_thrift_field *f)
{
    if (!p->m->schema.n_nodes)
        return corrupt(p, "has row groups before its schema");
    struct rn_thrift_list list = rn_thrift_list(&p->t, f);
    while (rn_thrift_item(&p->t, &list)) {
        RN_PUSH(p->m->groups, p->m->n_groups, p->m->cap_groups, (struct rn_pq_group){0});
        RN_TRY(read_group(p, &p->m->groups[p->m->n_groups - 1]));
    }
    return RN_OK;
}

/* --- the footer --- */

/* parquet-mr before 1.2.9, which in its beginnings named no version. */
static bool counts_short(const char *writer, size_t n)
{
    static const char *const old[] = {"parquet-mr version 1.0.", "parquet-mr version 1.1.",
                                      "parquet-mr version 1.2."};
    for (size_t i = 0; i < RN_COUNT(old); i++)
        if (n > strlen(old[i]) && !memcmp(writer, old[i], strlen(old[i])))
            return true;
    return n == strlen("parquet-mr") && !memcmp(writer, "parquet-mr", n);
}

static void lengthen_chunks(struct parse *p)
{
    enum { HEADER_BYTES_MAX = 100 };
    for (size_t g = 0; g < p->m->n_groups; g++)
        for (size_t i = 0; i < p->m->schema.n_leaves; i++) {
            struct rn_pq_chunk *c = &p->m->groups[g].chunks[i];
            int64_t left = p->file_size - c->start - c->size_bytes;
            c->size_bytes += left < HEADER_BYTES_MAX ? left : HEADER_BYTES_MAX;
        }
}

static void read_writer(struct parse *p, const struct rn_thrift_field *f)
{
    size_t n;
    const char *writer = rn_thrift_str(&p->t, f, &n);
    p->short_chunks = counts_short(writer, n);
}

static int read_footer(struct parse *p)
{
    struct rn_thrift_field f = {0};
    while (rn_thrift_next(&p->t, &f)) {
        const char *bad = f.id == 2 ? rn_pq_schema_read(&p->m->schema, &p->t, &f) : NULL;
        if (bad)
            return corrupt(p, bad);
        if (f.id == 2)
            continue;
        if (f.id == 3)
            p->m->rows = rn_thrift_int(&p->t, &f);
        else if (f.id == 4)
            RN_TRY(read_groups(p, &f));
        else if (f.id == 6)
            read_writer(p, &f);
        else
            rn_thrift_skip(&p->t, &f);
        p->encrypted |= f.id == 8;
    }
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (p->encrypted)
        return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path), "encrypted parquet is not read");
    if (!p->m->schema.n_nodes)
        return corrupt(p, "has no schema");
    return RN_OK;
}

static int check_rows(const struct parse *p)
{
    int64_t sum = 0;
    for (size_t g = 0; g < p->m->n_groups; g++)
        sum += p->m->groups[g].rows;
    if (p->m->rows == 0)
        p->m->rows = sum; /* some writers never filled it in */
    if (sum != p->m->rows)
        return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path),
                       "invalid parquet footer: %lld rows, but its row groups hold %lld",
                       (long long)p->m->rows, (long long)sum);
    return RN_OK;
}

int rn_pq_meta_parse(struct rn_pq_meta *m, const unsigned char *footer, size_t n, const char *path,
                     int64_t file_size, struct rn_err *err)
{
    struct parse p = {.t = {.p = footer, .end = footer + n},
                      .m = m,
                      .path = path,
                      .file_size = file_size,
                      .err = err};
    *m = (struct rn_pq_meta){0};
    int rc = read_footer(&p);
    if (rc == RN_OK)
        rc = check_rows(&p);
    if (rc == RN_OK && p.short_chunks)
        lengthen_chunks(&p);
    if (rc != RN_OK)
        rn_pq_meta_release(m);
    return rc;
}

void rn_pq_meta_release(struct rn_pq_meta *m)
{
    for (size_t g = 0; g < m->n_groups; g++)
        free(m->groups[g].chunks);
    rn_pq_schema_release(&m->schema);
    free(m->groups);
    *m = (struct rn_pq_meta){0};
}
