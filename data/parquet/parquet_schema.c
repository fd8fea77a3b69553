#include "parquet_schema.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { ELEMENTS_MAX = 100000, NAME_BYTES_MAX = 4096, PATH_BYTES_MAX = 16 << 20 };

/* Members of parquet.thrift's ConvertedType, and of the newer union LogicalType. */
enum { CONVERTED_UTF8, CONVERTED_MAP, CONVERTED_MAP_ENTRY, CONVERTED_LIST, CONVERTED_ENUM };
enum { CONVERTED_UINT8 = 11, CONVERTED_UINT64 = 14, CONVERTED_JSON = 19 };
enum { LOGICAL_STRING = 1, LOGICAL_MAP, LOGICAL_LIST, LOGICAL_ENUM, LOGICAL_JSON = 12 };

struct parse {
    struct rn_thrift *t;
    struct rn_pq_schema *s;
    struct rn_thrift_list left;
    struct rn_str path; /* of the element being read */
    size_t path_bytes;  /* of all leaves: a long common beginning is copied into each */
};

struct element {
    const char *name;
    size_t n;
    int64_t type, type_length, repetition, children, converted, logical;
    bool has_type;
};

static int64_t read_logical_type(struct rn_thrift *t, const struct rn_thrift_field *in)
{
    struct rn_thrift_field f = {0};
    int64_t member = 0;
    if (!rn_thrift_enter(t, in))
        return 0;
    while (rn_thrift_next(t, &f)) {
        member = f.id;
        rn_thrift_skip(t, &f);
    }
    return member;
}

static void read_element(struct rn_thrift *t, struct element *e)
{
    struct rn_thrift_field f = {0};
    *e = (struct element){.name = "", .converted = -1};
    while (rn_thrift_next(t, &f)) {
        int64_t *number = f.id == 1   ? &e->type
                          : f.id == 2 ? &e->type_length
                          : f.id == 3 ? &e->repetition
                          : f.id == 5 ? &e->children
                          : f.id == 6 ? &e->converted
                                      : NULL;
        e->has_type |= f.id == 1;
        if (number)
            *number = rn_thrift_int(t, &f);
        else if (f.id == 4)
            e->name = rn_thrift_str(t, &f, &e->n);
        else if (f.id == 10)
            e->logical = read_logical_type(t, &f);
        else
            rn_thrift_skip(t, &f);
    }
}

static const char *check_element(const struct element *e)
{
    if (e->repetition < RN_PQ_REQUIRED || e->repetition > RN_PQ_REPEATED || e->children < 0 ||
        e->children > ELEMENTS_MAX || e->n > NAME_BYTES_MAX || memchr(e->name, 0, e->n) ||
        !rn_utf8_valid(e->name, e->n))
        return "has a schema element out of bounds";
    if (e->has_type && (e->type < RN_PQ_BOOLEAN || e->type > RN_PQ_FIXED))
        return "names a type that does not exist";
    if (e->has_type && e->type == RN_PQ_FIXED && (e->type_length < 1 || e->type_length > 1 << 20))
        return "gives a fixed length outside 1 to 1048576";
    return NULL;
}

static bool is_text(const struct element *e)
{
    return e->converted == CONVERTED_UTF8 || e->converted == CONVERTED_ENUM ||
           e->converted == CONVERTED_JSON || e->logical == LOGICAL_STRING ||
           e->logical == LOGICAL_ENUM || e->logical == LOGICAL_JSON;
}

static const char *add_leaf(struct parse *p, const struct element *e, struct rn_pq_node *node)
{
    p->path_bytes += p->path.n + 1;
    if (p->path_bytes > PATH_BYTES_MAX)
        return "has column names of more than 16 MiB";
    struct rn_pq_leaf leaf = {.path = rn_arena_dup(&p->s->names, p->path.p ? p->path.p : ""),
                              .type = (enum rn_parquet_type)e->type,
                              .type_length = (int)e->type_length,
                              .max_def = node->max_def,
                              .max_rep = node->max_rep,
                              .text = is_text(e),
                              .without_sign = e->converted >= CONVERTED_UINT8 &&
                                              e->converted <= CONVERTED_UINT64};
    node->leaf = (int)p->s->n_leaves;
    RN_PUSH(p->s->leaves, p->s->n_leaves, p->s->cap_leaves, leaf);
    return NULL;
}

static struct rn_pq_node make_node(const struct parse *p, const struct element *e,
                                   const struct rn_pq_node *above)
{
    struct rn_pq_node node = {.name = rn_arena_printf(&p->s->names, "%.*s", (int)e->n, e->name),
                              .leaf = -1};
    if (!above)
        return node; /* what a root says of itself means nothing */
    node.repetition = (enum rn_pq_repetition)e->repetition;
    node.max_def = above->max_def + (node.repetition != RN_PQ_REQUIRED);
    node.max_rep = above->max_rep + (node.repetition == RN_PQ_REPEATED);
    node.list = e->converted == CONVERTED_LIST || e->logical == LOGICAL_LIST;
    node.map = e->converted == CONVERTED_MAP || e->converted == CONVERTED_MAP_ENTRY ||
               e->logical == LOGICAL_MAP;
    return node;
}

static void enter_path(struct rn_str *path, const char *name)
{
    if (path->n)
        rn_str_putc(path, '.');
    rn_str_puts(path, name);
}

static void leave_path(struct rn_str *path, size_t n)
{
    path->n = n;
    if (path->p)
        path->p[n] = 0;
}

/* One node and all below it. `above` is a copy: the array of nodes moves while it grows. */
static const char *read_node(struct parse *p, int depth, const struct rn_pq_node *above)
{
    struct element e;
    if (depth > RN_PQ_DEPTH_MAX)
        return "nests its schema too deeply";
    if (!rn_thrift_item(p->t, &p->left))
        return "ends its schema early";
    read_element(p->t, &e);
    const char *bad = p->t->bad ? p->t->bad : check_element(&e);
    if (bad)
        return bad;
    size_t at = p->s->n_nodes, path_n = p->path.n;
    struct rn_pq_node node = make_node(p, &e, above);
    if (above)
        enter_path(&p->path, node.name);
    bad = e.has_type ? add_leaf(p, &e, &node) : NULL;
    RN_PUSH(p->s->nodes, p->s->n_nodes, p->s->cap_nodes, node);
    for (int64_t i = 0; i < e.children && !bad && !e.has_type; i++)
        bad = read_node(p, depth + 1, &node);
    p->s->nodes[at].next = p->s->n_nodes;
    leave_path(&p->path, path_n);
    return bad;
}

static const char *read_tree(struct parse *p)
{
    const char *bad = read_node(p, 0, NULL);
    if (bad)
        return bad;
    if (p->left.left)
        return "has schema elements outside the tree";
    return p->s->n_leaves && p->s->nodes[0].leaf < 0 ? NULL : "has no columns";
}

const char *rn_pq_schema_read(struct rn_pq_schema *s, struct rn_thrift *t,
                              const struct rn_thrift_field *f)
{
    struct parse p = {.t = t, .s = s, .left = rn_thrift_list(t, f)};
    if (t->bad)
        return t->bad;
    if (s->n_nodes || p.left.left < 1 || p.left.left > ELEMENTS_MAX)
        return "has no schema of a sensible size";
    const char *bad = read_tree(&p);
    rn_str_release(&p.path);
    return bad;
}

void rn_pq_schema_release(struct rn_pq_schema *s)
{
    rn_arena_release(&s->names);
    free(s->nodes);
    free(s->leaves);
    *s = (struct rn_pq_schema){0};
}
