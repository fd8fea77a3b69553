#include "parquet_meta.h"
#include "mem.h"
#include "str.h"
#include "thrift.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEMA_DEPTH_MAX = 32, ELEMENTS_MAX = 100000, PATH_BYTES_MAX = 16 << 20 };
enum { REQUIRED, OPTIONAL, REPEATED };

struct parse {
    struct rn_thrift t;
    struct rn_pq_meta *m;
    const char *path;
    int64_t file_size;
    struct rn_err *err;
    struct rn_thrift_list schema;
    struct rn_str name; /* dotted path of the element being read */
    size_t path_bytes;  /* of all leaves: a long common beginning is copied into each */
    bool seen_schema, encrypted;
};

static int corrupt(const struct parse *p, const char *why)
{
    return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path), "invalid parquet footer: it %s", why);
}

/* --- schema: a tree in pre-order --- */

struct element {
    const char *name;
    size_t n;
    int64_t type, type_length, repetition, children, converted;
    bool has_type, string;
};

static void read_logical_type(struct rn_thrift *t, const struct rn_thrift_field *in,
                              struct element *e)
{
    struct rn_thrift_field f = {0};
    if (!rn_thrift_enter(t, in))
        return;
    while (rn_thrift_next(t, &f)) {
        e->string |= f.id == 1; /* the union's member STRING */
        rn_thrift_skip(t, &f);
    }
}

static void read_element(struct rn_thrift *t, struct element *e)
{
    struct rn_thrift_field f = {0};
    *e = (struct element){.name = "", .converted = -1};
    while (rn_thrift_next(t, &f)) {
        switch (f.id) {
        case 1:
            e->type = rn_thrift_int(t, &f);
            e->has_type = true;
            break;
        case 2:
            e->type_length = rn_thrift_int(t, &f);
            break;
        case 3:
            e->repetition = rn_thrift_int(t, &f);
            break;
        case 4:
            e->name = rn_thrift_str(t, &f, &e->n);
            break;
        case 5:
            e->children = rn_thrift_int(t, &f);
            break;
        case 6:
            e->converted = rn_thrift_int(t, &f);
            break;
        case 10:
            read_logical_type(t, &f, e);
            break;
        default:
            rn_thrift_skip(t, &f);
        }
    }
    e->string |= e->converted == 0; /* ConvertedType.UTF8 */
}

static int add_leaf(struct parse *p, const struct element *e, int max_def, int max_rep)
{
    if (e->type < RN_PQ_BOOLEAN || e->type > RN_PQ_FIXED)
        return corrupt(p, "names a type that does not exist");
    if (e->type == RN_PQ_FIXED && (e->type_length < 1 || e->type_length > 1 << 20))
        return corrupt(p, "gives a fixed length outside 1 to 1048576");
    p->path_bytes += p->name.n + 1;
    if (p->path_bytes > PATH_BYTES_MAX)
        return corrupt(p, "has column names of more than 16 MiB");
    struct rn_pq_leaf leaf = {.path = rn_xdup(p->name.p ? p->name.p : ""),
                              .type = (enum rn_parquet_type)e->type,
                              .type_length = (int)e->type_length,
                              .max_def = max_def,
                              .max_rep = max_rep,
                              .text = e->string};
    RN_PUSH(p->m->leaves, p->m->n_leaves, p->m->cap_leaves, leaf);
    return RN_OK;
}

static int read_node(struct parse *p, int depth, int max_def, int max_rep)
{
    struct element e;
    if (depth > SCHEMA_DEPTH_MAX)
        return corrupt(p, "nests its schema too deeply");
    if (!rn_thrift_item(&p->t, &p->schema))
        return corrupt(p, "ends its schema early");
    read_element(&p->t, &e);
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (e.repetition < REQUIRED || e.repetition > REPEATED || e.children < 0 ||
        e.children > ELEMENTS_MAX || e.n > 4096 || memchr(e.name, 0, e.n) ||
        !rn_utf8_valid(e.name, e.n))
        return corrupt(p, "has a schema element out of bounds");
    size_t before = p->name.n;
    if (depth > 0) {
        if (before)
            rn_str_putc(&p->name, '.');
        rn_str_add(&p->name, e.name, e.n);
        max_def += e.repetition != REQUIRED;
        max_rep += e.repetition == REPEATED;
    }
    int rc = RN_OK;
    if (e.has_type)
        rc = add_leaf(p, &e, max_def, max_rep);
    for (int64_t i = 0; i < e.children && rc == RN_OK && !e.has_type; i++)
        rc = read_node(p, depth + 1, max_def, max_rep);
    if (depth > 0) {
        p->name.n = before;
        p->name.p[before] = 0;
    }
    return rc;
}

static int read_schema(struct parse *p, const struct rn_thrift_field *f)
{
    p->schema = rn_thrift_list(&p->t, f);
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (p->seen_schema || p->schema.left < 1 || p->schema.left > ELEMENTS_MAX)
        return corrupt(p, "has no schema of a sensible size");
    p->seen_schema = true;
    RN_TRY(read_node(p, 0, 0, 0));
    if (p->schema.left)
        return corrupt(p, "has schema elements outside the tree");
    if (p->m->n_leaves == 0)
        return corrupt(p, "has no columns");
    return RN_OK;
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
    if (c->external || c->encrypted)
        return RN_OK;
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
    if (g->chunks || list.left != p->m->n_leaves)
        return corrupt(p, "has a row group with another number of columns than the schema");
    RN_TRY(rn_try_alloc((void **)&g->chunks, list.left, sizeof *g->chunks, "parquet row group",
                        p->err));
    for (size_t c = 0; rn_thrift_item(&p->t, &list); c++)
        RN_TRY(read_chunk(p, &p->m->leaves[c], &g->chunks[c]));
    return RN_OK;
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
    for (size_t c = 0; c < p->m->n_leaves; c++)
        if (p->m->leaves[c].max_rep == 0 && !g->chunks[c].external && !g->chunks[c].encrypted &&
            g->chunks[c].values != g->rows)
            return corrupt(p, "has a column whose value count is not the row count");
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
    if (!p->seen_schema)
        return corrupt(p, "has row groups before its schema");
    struct rn_thrift_list list = rn_thrift_list(&p->t, f);
    while (rn_thrift_item(&p->t, &list)) {
        RN_PUSH(p->m->groups, p->m->n_groups, p->m->cap_groups, (struct rn_pq_group){0});
        RN_TRY(read_group(p, &p->m->groups[p->m->n_groups - 1]));
    }
    return RN_OK;
}

/* --- the footer --- */

static int read_footer(struct parse *p)
{
    struct rn_thrift_field f = {0};
    while (rn_thrift_next(&p->t, &f)) {
        if (f.id == 2)
            RN_TRY(read_schema(p, &f));
        else if (f.id == 3)
            p->m->rows = rn_thrift_int(&p->t, &f);
        else if (f.id == 4)
            RN_TRY(read_groups(p, &f));
        else
            rn_thrift_skip(&p->t, &f);
        p->encrypted |= f.id == 8;
    }
    if (p->t.bad)
        return corrupt(p, p->t.bad);
    if (p->encrypted)
        return rn_fail(p->err, RN_ECORRUPT, RN_PATH(p->path), "encrypted parquet is not read");
    if (!p->seen_schema)
        return corrupt(p, "has no schema");
    return RN_OK;
}

static int check_rows(const struct parse *p)
{
    int64_t sum = 0;
    for (size_t g = 0; g < p->m->n_groups; g++)
        sum += p->m->groups[g].rows;
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
    rn_str_release(&p.name);
    if (rc != RN_OK)
        rn_pq_meta_release(m);
    return rc;
}

void rn_pq_meta_release(struct rn_pq_meta *m)
{
    for (size_t i = 0; i < m->n_leaves; i++)
        free(m->leaves[i].path);
    for (size_t g = 0; g < m->n_groups; g++)
        free(m->groups[g].chunks);
    free(m->leaves);
    free(m->groups);
    *m = (struct rn_pq_meta){0};
}
