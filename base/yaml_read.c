#include "yaml_tree.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { ANCHORS_MAX = 1000 };

struct anchor {
    const char *name;
    const struct rn_node *node;
    bool open; /* still being read: an alias to it would contain itself */
};

struct reader {
    yaml_parser_t yaml;
    struct rn_tree *tree;
    const char *text; /* the whole document */
    size_t n;
    struct rn_place fixed; /* path; if `placeless`, the place of everything */
    bool placeless;
    bool failed; /* the rest cannot be read */
    struct anchor anchors[ANCHORS_MAX];
    size_t n_anchors;
};

static struct rn_place place(const struct reader *r, yaml_mark_t mark)
{
    if (r->placeless)
        return r->fixed;
    return (struct rn_place){r->fixed.path, (int)mark.line + 1, (int)mark.column + 1};
}

/* Line and column (in characters) of a byte. */
static struct rn_place place_of_byte(const struct reader *r, size_t offset)
{
    if (r->placeless)
        return r->fixed;
    struct rn_place at = {r->fixed.path, 1, 1};
    for (size_t i = 0; i < offset && i < r->n; i++) {
        unsigned char c = (unsigned char)r->text[i];
        if (c == '\n') {
            at.line++;
            at.col = 1;
        } else if ((c & 0xC0) != 0x80) {
            at.col++;
        }
    }
    return at;
}

/* libyaml's marks count characters. */
static size_t byte_of_character(const struct reader *r, size_t index)
{
    size_t i = 0;
    for (size_t seen = 0; i < r->n; i++)
        if (((unsigned char)r->text[i] & 0xC0) != 0x80 && seen++ == index)
            break;
    return i;
}

/* What libyaml says, and what is behind it nearly always. */
static const struct {
    const char *problem, *hint;
} meanings[] = {{"mapping values are not allowed",
                 "a ':' is missing after an earlier key, or a text that holds ': ' needs quotes"},
                {"did not find expected key", "this line is indented unlike its neighbours"},
                {"did not find expected ',' or '}'",
                 "a comma, a quote or a '}' is missing, here or on a line before"},
                {"did not find expected ',' or ']'",
                 "a comma, a quote or a ']' is missing, here or on a line before"},
                {"found unexpected end of stream", "a quote that opens is never closed"}};

static void hint_meaning(const char *problem, struct rn_err *e)
{
    for (size_t i = 0; problem && i < RN_COUNT(meanings); i++)
        if (strncmp(problem, meanings[i].problem, strlen(meanings[i].problem)) == 0)
            rn_hint(e, "%s", meanings[i].hint);
}

static void hint_syntax(const struct reader *r, struct rn_err *e)
{
    size_t i = byte_of_character(r, r->yaml.problem_mark.index);
    bool inside = i > 0 && i < r->n;
    if (inside && r->text[i] == '{' && r->text[i - 1] == '$')
        rn_hint(e, "inside { } and [ ] a ${...} must stand in quotes: \"${vars.x}\"");
    else if (i < r->n && r->text[i] == '\t')
        rn_hint(e, "YAML indents with spaces, not with tabs");
    else
        hint_meaning(r->yaml.problem, e);
}

static void report_syntax(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    const char *problem = y->problem ? y->problem : "unknown";
    r->failed = true;
    if (y->error == YAML_READER_ERROR) {
        rn_problem_add(r->tree->problems, place_of_byte(r, y->problem_offset), "not valid YAML: %s",
                       problem);
        return;
    }
    const char *context = y->context ? y->context : "";
    struct rn_err *e =
        rn_problem_add(r->tree->problems, place(r, y->problem_mark), "not valid YAML: %s%s%s",
                       context, *context ? ", " : "", problem);
    hint_syntax(r, e);
}

static bool next_event(struct reader *r, yaml_event_t *e)
{
    memset(e, 0, sizeof *e);
    if (r->failed)
        return false;
    if (!yaml_parser_parse(&r->yaml, e)) {
        report_syntax(r);
        return false;
    }
    return true;
}

/* Tells a problem after which the rest of the document is not read. */
static struct rn_node *give_up(struct reader *r, struct rn_place at, const char *what)
{
    rn_problem_add(r->tree->problems, at, "%s", what);
    r->failed = true;
    return NULL;
}

static struct rn_node *new_node(struct reader *r, enum rn_node_kind kind, yaml_mark_t mark)
{
    struct rn_node *node = rn_node_new(r->tree, kind, place(r, mark));
    if (!node)
        r->failed = true;
    return node;
}

/* Remembers an anchor; the index of it, or -1. */
static int anchor(struct reader *r, const yaml_char_t *name, const struct rn_node *node, bool open)
{
    if (!name || !node)
        return -1;
    if (r->n_anchors == ANCHORS_MAX) {
        give_up(r, node->at, "more than 1000 anchors");
        return -1;
    }
    const char *kept = rn_arena_dup(r->tree->arena, (const char *)name);
    r->anchors[r->n_anchors] = (struct anchor){kept, node, open};
    return (int)r->n_anchors++;
}

static struct rn_node *read_alias(struct reader *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    for (size_t i = r->n_anchors; i-- > 0;) {
        if (strcmp(r->anchors[i].name, name) != 0)
            continue;
        if (r->anchors[i].open)
            return give_up(r, place(r, e->start_mark), "an alias to what it stands in");
        struct rn_node *value = rn_node_copy(r->tree, r->anchors[i].node);
        if (!value)
            r->failed = true;
        return value;
    }
    rn_problem_add(r->tree->problems, place(r, e->start_mark), "alias to an unknown anchor '%s'",
                   name);
    r->failed = true;
    return NULL;
}

static void refuse_tag(struct reader *r, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag)
        rn_problem_add(r->tree->problems, place(r, mark), "tags such as %.64s are not supported",
                       (const char *)tag);
}

static bool looks_null(const char *s)
{
    return !*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 ||
           strcmp(s, "NULL") == 0;
}

static struct rn_node *read_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length)
        return give_up(r, place(r, e->start_mark), "a NUL character inside a value");
    refuse_tag(r, e->data.scalar.tag, e->start_mark);
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool null = plain && looks_null(text);
    struct rn_node *node = new_node(r, null ? RN_NODE_NULL : RN_NODE_SCALAR, e->start_mark);
    if (!node)
        return NULL;
    node->style = plain ? RN_PLAIN : RN_QUOTED;
    node->text = rn_arena_dup(r->tree->arena, text);
    anchor(r, e->data.scalar.anchor, node, false);
    return node;
}

static struct rn_node *read_node(struct reader *r, const yaml_event_t *e, int depth);

static void read_items(struct reader *r, struct rn_node *list, int depth)
{
    yaml_event_t e;
    while (next_event(r, &e) && e.type != YAML_SEQUENCE_END_EVENT) {
        struct rn_node *item = read_node(r, &e, depth);
        yaml_event_delete(&e);
        if (item)
            rn_node_append(r->tree, list, (struct rn_entry){NULL, item->at, item});
    }
    yaml_event_delete(&e);
}

static struct rn_node *read_list(struct reader *r, const yaml_event_t *e, int depth)
{
    struct rn_node *list = new_node(r, RN_NODE_LIST, e->start_mark);
    refuse_tag(r, e->data.sequence_start.tag, e->start_mark);
    int i = anchor(r, e->data.sequence_start.anchor, list, true);
    if (list)
        read_items(r, list, depth);
    if (i >= 0)
        r->anchors[i].open = false;
    return list;
}

static int by_key(const void *a, const void *b)
{
    const struct rn_entry *x = *(struct rn_entry *const *)a, *y = *(struct rn_entry *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x > y) - (x < y);
}

static void refuse_duplicates(struct reader *r, const struct rn_node *map)
{
    if (map->n < 2)
        return;
    struct rn_entry **sorted = rn_xrealloc(NULL, map->n, sizeof(struct rn_entry *));
    for (size_t i = 0; i < map->n; i++)
        sorted[i] = &map->entries[i];
    qsort(sorted, map->n, sizeof *sorted, by_key);
    for (size_t i = 1; i < map->n; i++)
        if (strcmp(sorted[i]->key, sorted[i - 1]->key) == 0)
            rn_problem_add(r->tree->problems, sorted[i]->at,
                           "key '%s' is written twice; before at line %d, column %d",
                           sorted[i]->key, sorted[i - 1]->at.line, sorted[i - 1]->at.col);
    free(sorted);
}

/* One key and its value; false at the end of the map or when nothing more can be read. */
static bool read_pair(struct reader *r, struct rn_node *map, int depth)
{
    yaml_event_t k, v;
    if (!next_event(r, &k) || k.type == YAML_MAPPING_END_EVENT) {
        yaml_event_delete(&k);
        return false;
    }
    struct rn_place at = place(r, k.start_mark);
    if (k.type != YAML_SCALAR_EVENT)
        give_up(r, at, "a key must be plain text");
    struct rn_node *key = r->failed ? NULL : read_scalar(r, &k);
    bool merge = key && key->style == RN_PLAIN && strcmp(key->text, "<<") == 0;
    if (merge)
        rn_hint(rn_problem_add(r->tree->problems, at, "YAML's merge key << is not supported"),
                "use an alias for a whole value, ${vars.x}, or include");
    yaml_event_delete(&k);
    struct rn_node *value = NULL;
    if (key && next_event(r, &v)) {
        value = read_node(r, &v, depth);
        yaml_event_delete(&v);
    }
    if (value && !merge)
        rn_node_append(r->tree, map, (struct rn_entry){key->text, at, value});
    r->failed |= r->tree->full;
    return !r->failed;
}

static struct rn_node *read_map(struct reader *r, const yaml_event_t *e, int depth)
{
    struct rn_node *map = new_node(r, RN_NODE_MAP, e->start_mark);
    refuse_tag(r, e->data.mapping_start.tag, e->start_mark);
    int i = anchor(r, e->data.mapping_start.anchor, map, true);
    while (map && read_pair(r, map, depth))
        ;
    if (map)
        refuse_duplicates(r, map);
    if (i >= 0)
        r->anchors[i].open = false;
    return map;
}

static struct rn_node *read_node(struct reader *r, const yaml_event_t *e, int depth)
{
    if (depth >= RN_YAML_DEPTH)
        return give_up(r, place(r, e->start_mark), "nested more than 64 deep");
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, e);
    case YAML_SCALAR_EVENT:
        return read_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, e, depth + 1);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, e, depth + 1);
    default:
        return NULL;
    }
}

static struct rn_node *read_document(struct reader *r)
{
    struct rn_node *root = NULL;
    bool started = false, ended = false;
    while (!ended && !r->failed) {
        yaml_event_t e;
        if (!next_event(r, &e))
            break;
        if (e.type == YAML_DOCUMENT_START_EVENT && started)
            give_up(r, place(r, e.start_mark), "a second document in the file");
        else if (e.type == YAML_DOCUMENT_START_EVENT)
            started = true;
        else if (e.type == YAML_STREAM_END_EVENT)
            ended = true;
        else if (started && !root)
            root = read_node(r, &e, 0);
        yaml_event_delete(&e);
    }
    if (!r->failed && !root)
        give_up(r, r->fixed, "the document is empty");
    return r->failed ? NULL : root;
}

static bool check_bytes(struct reader *r)
{
    size_t good = 0;
    const unsigned char *p = (const unsigned char *)r->text, *end = p + r->n;
    if (r->n > RN_YAML_BYTES) {
        give_up(r, r->fixed, "larger than 4 MiB");
        return false;
    }
    if (rn_utf8_valid(p, r->n))
        return true;
    for (int len; good < r->n; good += (size_t)len)
        if (rn_utf8_next(p + good, end, &len) == 0xFFFD && len == 1)
            break;
    rn_problem_add(r->tree->problems, place_of_byte(r, good),
                   "not UTF-8: byte 0x%02X cannot stand here", p[good]);
    return false;
}

static struct rn_node *parse(struct rn_tree *t, const char *text, size_t n, struct rn_place fixed,
                             bool placeless)
{
    size_t bom = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct reader *r = rn_new(struct reader);
    r->tree = t;
    r->text = text + bom;
    r->n = n - bom;
    r->fixed = fixed;
    r->placeless = placeless;
    struct rn_node *root = NULL;
    if (check_bytes(r) && yaml_parser_initialize(&r->yaml)) {
        yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->text, r->n);
        root = read_document(r);
        yaml_parser_delete(&r->yaml);
    }
    free(r);
    return root;
}

struct rn_node *rn_yaml_parse(struct rn_tree *t, const char *text, size_t n, const char *path)
{
    return parse(t, text, n, RN_PATH(path), false);
}

struct rn_node *rn_yaml_parse_value(struct rn_tree *t, const char *text, struct rn_place at)
{
    return parse(t, text, strlen(text), at, true);
}
