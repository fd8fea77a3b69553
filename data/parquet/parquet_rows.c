/* parquet_rows.c - records put together from columns, as Dremel does it: a recursive walk over
 * the schema, with a cursor in each column. At an optional or repeated node the definition level
 * under the cursors says whether it is there, at the end of a list's item the repetition level says
 * whether another follows. All columns below a node must say the same. */
#include "parquet_rows.h"
#include "mem.h"
#include "parquet_file.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    int column;
    struct rn_pq_column buffers;
    struct rn_parquet_values v;
    size_t at;
};
struct span { /* the cursors of a node, those of all columns below it */
    size_t first, end;
};
struct rn_parquet_rows {
    struct rn_parquet *file;
    const struct rn_pq_schema *schema;
    struct cursor *cursors; /* of the asked columns, in order of the schema */
    size_t n_cursors;
    struct span *spans; /* one a node */
    size_t next_group;
    int64_t rows_left; /* of the group that is in memory */
    struct rn_err *err;
};

static int corrupt(const struct rn_parquet_rows *r, size_t node, const char *why)
{
    return rn_fail(r->err, RN_ECORRUPT, RN_PATH(rn_pq_file_path(r->file)),
                   "parquet field '%s' %s (row group %zu, %lld rows before its end)",
                   r->schema->nodes[node].name, why, r->next_group - 1, (long long)r->rows_left);
}

/* --- cursors --- */

/* Whether the node is there under all its cursors; *there says so. */
static int look(const struct rn_parquet_rows *r, size_t node, bool *there)
{
    const struct span *s = &r->spans[node];
    int need = r->schema->nodes[node].max_def;
    for (size_t i = s->first; i < s->end; i++) {
        const struct cursor *c = &r->cursors[i];
        if (c->at == c->v.n)
            return corrupt(r, node, "ends before its last row");
        bool here = c->v.def[c->at] >= need;
        if (i > s->first && here != *there)
            return corrupt(r, node, "is there in some of its columns and missing in others");
        *there = here;
    }
    return RN_OK;
}

/* Whether another item follows in the list of the repeated node. */
static int follows(const struct rn_parquet_rows *r, size_t node, bool *more)
{
    const struct span *s = &r->spans[node];
    int level = r->schema->nodes[node].max_rep;
    for (size_t i = s->first; i < s->end; i++) {
        const struct cursor *c = &r->cursors[i];
        bool here = c->at < c->v.n && c->v.rep[c->at] == level;
        if (i > s->first && here != *more)
            return corrupt(r, node, "has another number of items in some of its columns");
        *more = here;
    }
    return RN_OK;
}

/* What is missing takes one place in each column. */
static void pass(struct rn_parquet_rows *r, size_t node)
{
    for (size_t i = r->spans[node].first; i < r->spans[node].end; i++)
        r->cursors[i].at++;
}

/* --- values --- */

static json_t *real_json(double v)
{
    if (isnan(v))
        return json_string("NaN");
    if (isinf(v))
        return json_string(v < 0 ? "-Infinity" : "Infinity");
    return json_real(v);
}

static json_t *bytes_json(const struct rn_parquet_string *s, bool utf8)
{
    static const char digits[] = "0123456789abcdef";
    struct rn_str hex = {0};
    if (utf8 || rn_utf8_valid(s->p, s->n))
        return json_stringn_nocheck(s->p, s->n);
    rn_str_puts(&hex, "\\x");
    for (size_t i = 0; i < s->n; i++) {
        rn_str_putc(&hex, digits[(unsigned char)s->p[i] >> 4]);
        rn_str_putc(&hex, digits[s->p[i] & 15]);
    }
    json_t *v = json_stringn_nocheck(hex.p, hex.n);
    rn_str_release(&hex);
    return v;
}

static int read_value(struct rn_parquet_rows *r, size_t node, json_t **out)
{
    struct cursor *c = &r->cursors[r->spans[node].first];
    const struct rn_pq_leaf *leaf = &r->schema->leaves[c->column];
    size_t at = c->at++;
    if (c->v.strings)
        *out = bytes_json(&c->v.strings[at], c->v.utf8);
    else if (c->v.reals)
        *out = real_json(c->v.reals[at]);
    else if (leaf->type == RN_PQ_BOOLEAN)
        *out = json_boolean(c->v.ints[at]);
    else if (leaf->without_sign && c->v.ints[at] < 0)
        return corrupt(r, node, "has a number above 9223372036854775807, which is not read");
    else
        *out = json_integer(c->v.ints[at]);
    return RN_OK;
}

/* --- nodes --- */

static int read_node(struct rn_parquet_rows *r, size_t node, json_t **out);

static bool is_group(const struct rn_pq_node *n)
{
    return n->leaf < 0;
}

static bool has_one_child(const struct rn_parquet_rows *r, size_t node)
{
    const struct rn_pq_node *n = &r->schema->nodes[node];
    return is_group(n) && node + 1 < n->next && r->schema->nodes[node + 1].next == n->next;
}

/* A list in the format's manner: a group around one repeated node. */
static bool is_list(const struct rn_parquet_rows *r, size_t node)
{
    const struct rn_pq_node *n = &r->schema->nodes[node];
    return (n->list || n->map) && has_one_child(r, node) && n[1].repetition == RN_PQ_REPEATED;
}

/* Whether the repeated node in a list only wraps the item, by the format's rules of compatibility:
 * not if it has several fields, or is named as older writers named items themselves. */
static bool wraps_item(const struct rn_parquet_rows *r, size_t list)
{
    const struct rn_pq_node *n = &r->schema->nodes[list], *repeated = n + 1;
    size_t stem = strlen(n->name);
    return n->list && has_one_child(r, list + 1) && repeated[1].repetition != RN_PQ_REPEATED &&
           strcmp(repeated->name, "array") != 0 &&
           !(strncmp(repeated->name, n->name, stem) == 0 &&
             strcmp(repeated->name + stem, "_tuple") == 0);
}

static int read_object(struct rn_parquet_rows *r, size_t node, json_t **out)
{
    const struct rn_pq_node *nodes = r->schema->nodes;
    json_t *object = json_object(), *v;
    int rc = RN_OK;
    for (size_t i = node + 1; i < nodes[node].next && rc == RN_OK; i = nodes[i].next) {
        if (r->spans[i].first == r->spans[i].end)
            continue; /* not asked for */
        rc = read_node(r, i, &v);
        if (rc == RN_OK)
            json_object_set_new_nocheck(object, nodes[i].name, v);
    }
    if (rc != RN_OK)
        json_decref(object);
    *out = object;
    return rc;
}

/* All items of a repeated node, each being the node itself or what it wraps. */
static int read_items(struct rn_parquet_rows *r, size_t node, bool wrapped, json_t *array);

static int read_array(struct rn_parquet_rows *r, size_t node, bool wrapped, json_t **out)
{
    *out = json_array();
    int rc = read_items(r, node, wrapped, *out);
    if (rc != RN_OK)
        json_decref(*out);
    return rc;
}

/* A node that is there, once. */
static int read_one(struct rn_parquet_rows *r, size_t node, json_t **out)
{
    if (!is_group(&r->schema->nodes[node]))
        return read_value(r, node, out);
    if (is_list(r, node))
        return read_array(r, node + 1, wraps_item(r, node), out);
    return read_object(r, node, out);
}

static int read_items(struct rn_parquet_rows *r, size_t node, bool wrapped, json_t *array)
{
    bool there = false, more = true;
    RN_TRY(look(r, node, &there));
    if (!there) {
        pass(r, node);
        return RN_OK;
    }
    while (more) {
        json_t *item;
        RN_TRY(wrapped ? read_node(r, node + 1, &item) : read_one(r, node, &item));
        json_array_append_new(array, item);
        RN_TRY(follows(r, node, &more));
        if (more)
            RN_TRY(look(r, node, &there));
        if (!there)
            return corrupt(r, node, "continues a list that is empty");
    }
    return RN_OK;
}

static int read_node(struct rn_parquet_rows *r, size_t node, json_t **out)
{
    enum rn_pq_repetition repetition = r->schema->nodes[node].repetition;
    bool there = true;
    if (repetition == RN_PQ_REPEATED)
        return read_array(r, node, false, out);
    if (repetition == RN_PQ_OPTIONAL)
        RN_TRY(look(r, node, &there));
    if (there)
        return read_one(r, node, out);
    pass(r, node);
    *out = json_null();
    return RN_OK;
}

/* --- rows --- */

static int begin_group(struct rn_parquet_rows *r)
{
    size_t group = r->next_group++;
    for (size_t i = 0; i < r->n_cursors; i++) {
        struct cursor *c = &r->cursors[i];
        RN_TRY(rn_pq_file_read(r->file, group, c->column, &c->buffers, &c->v, r->err));
        c->at = 0;
    }
    r->rows_left = rn_parquet_group_rows(r->file, group);
    return RN_OK;
}

/* Every column stands at the beginning of a row. */
static int check_beginning(const struct rn_parquet_rows *r)
{
    for (size_t i = 0; i < r->n_cursors; i++) {
        const struct cursor *c = &r->cursors[i];
        if (c->at == c->v.n || c->v.rep[c->at] != 0)
            return corrupt(r, 0, "has columns whose rows do not end where they should");
    }
    return RN_OK;
}

int rn_parquet_rows_next(struct rn_parquet_rows *r, json_t **out, struct rn_err *err)
{
    *out = NULL;
    r->err = err;
    while (r->rows_left == 0 && r->next_group < rn_parquet_groups(r->file))
        RN_TRY(begin_group(r));
    if (r->rows_left == 0)
        return RN_OK;
    RN_TRY(check_beginning(r));
    int rc = read_object(r, 0, out);
    if (rc != RN_OK)
        *out = NULL;
    r->rows_left--;
    return rc;
}

/* --- what is asked for --- */

static bool is_asked(const struct rn_parquet_rows *r, const char *const *columns, int column)
{
    if (!columns || !columns[0])
        return true;
    for (; *columns; columns++)
        if (rn_parquet_column_within(r->file, column, *columns))
            return true;
    return false;
}

static int check_columns(const struct rn_parquet_rows *r, const char *const *columns,
                         struct rn_err *err)
{
    for (; columns && *columns; columns++) {
        int column = 0, n = rn_parquet_columns(r->file);
        while (column < n && !rn_parquet_column_within(r->file, column, *columns))
            column++;
        if (column == n && rn_parquet_column(r->file, *columns, err) < 0)
            return RN_ECORRUPT;
    }
    return RN_OK;
}

/* A cursor for each asked leaf; each node's span ends with the last cursor below it. */
static void place_cursors(struct rn_parquet_rows *r, const char *const *columns)
{
    const struct rn_pq_schema *s = r->schema;
    r->cursors = rn_xrealloc(NULL, s->n_leaves, sizeof *r->cursors);
    r->spans = rn_xrealloc(NULL, s->n_nodes + 1, sizeof *r->spans);
    for (size_t i = 0; i < s->n_nodes; i++) {
        r->spans[i].first = r->n_cursors;
        if (s->nodes[i].leaf >= 0 && is_asked(r, columns, s->nodes[i].leaf))
            r->cursors[r->n_cursors++] = (struct cursor){.column = s->nodes[i].leaf};
    }
    r->spans[s->n_nodes].first = r->n_cursors;
    for (size_t i = 0; i < s->n_nodes; i++)
        r->spans[i].end = r->spans[s->nodes[i].next].first;
}

int rn_parquet_rows_open(struct rn_parquet_rows **out, const char *path, const char *const *columns,
                         struct rn_err *err)
{
    struct rn_parquet_rows *r = rn_new(struct rn_parquet_rows);
    int rc;
    RN_CHECK(rc = rn_parquet_open(&r->file, path, err));
    r->schema = &rn_pq_file_meta(r->file)->schema;
    RN_CHECK(rc = check_columns(r, columns, err));
    place_cursors(r, columns);
done:
    if (rc != RN_OK) {
        rn_parquet_rows_free(r);
        r = NULL;
    }
    *out = r;
    return rc;
}

const struct rn_parquet *rn_parquet_rows_file(const struct rn_parquet_rows *r)
{
    return r->file;
}

void rn_parquet_rows_free(struct rn_parquet_rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_cursors; i++)
        rn_pq_column_release(&r->cursors[i].buffers);
    rn_parquet_free(r->file);
    free(r->cursors);
    free(r->spans);
    free(r);
}
