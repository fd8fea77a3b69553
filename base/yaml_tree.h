/* yaml_tree.h - a YAML document as a checked tree of nodes, each with its place.
 *
 *     struct rn_tree tree = {.arena = &arena, .problems = &problems};
 *     struct rn_node *root = rn_yaml_parse(&tree, text, n, "smoke.yaml");
 *     if (!root) ...                              `problems` says why, with line and column
 *     const struct rn_node *steps = rn_node_get(root, "steps");
 *
 * One document of the core schema: no tags, no merge keys, keys are text. Scalars stay text until a
 * schema asks for a type. Refused with a place: bytes that are not UTF-8, NUL, duplicate keys (both
 * positions), aliases of what encloses them, nesting over 64, more than 100,000 nodes after aliases
 * are expanded, more than 4,096 keys in one mapping, a second document. Nodes live in the arena and
 * may be edited. */
#ifndef RN_YAML_TREE_H
#define RN_YAML_TREE_H

#include "mem.h"
#include "problems.h"

#include <stdbool.h>
#include <stddef.h>

enum { RN_YAML_DEPTH = 64, RN_YAML_NODES = 100000, RN_YAML_KEYS = 4096, RN_YAML_BYTES = 4 << 20 };

enum rn_node_kind { RN_NODE_NULL, RN_NODE_SCALAR, RN_NODE_LIST, RN_NODE_MAP };

enum rn_style {
    RN_PLAIN,  /* 12 is a number, yes is text */
    RN_QUOTED, /* in quotes or a block: always text */
    RN_LOOSE,  /* put together by substitution: whatever is asked for */
};

struct rn_node {
    enum rn_node_kind kind;
    enum rn_style style; /* scalars */
    bool bad;            /* its problem has been told: nobody need complain again */
    struct rn_place at;
    const char *text;         /* scalars; no NUL inside */
    const char *origin;       /* who wrote it, e.g. "profile smoke"; NULL: the file, at `at` */
    const char *via;          /* "vars.depth (smoke.yaml:4)" when a variable brought it, or NULL */
    struct rn_entry *entries; /* lists and maps, as written */
    size_t n, cap;
};
struct rn_entry {
    const char *key; /* NULL in lists */
    struct rn_place at;
    struct rn_node *value;
};

struct rn_tree { /* what the nodes of a document share */
    struct rn_arena *arena;
    struct rn_problems *problems;
    size_t n_nodes; /* made so far, copies included */
    bool full;      /* the limit was met and told */
};

/* The root, or NULL if the text cannot be read. Problems that leave the rest readable (duplicate
 * keys, tags) are added and the root is returned, so that they and all later ones are told in one
 * pass. `path` is borrowed for as long as the nodes live. */
struct rn_node *rn_yaml_parse(struct rn_tree *, const char *text, size_t n, const char *path);
/* The same for a text that is no file (an override): every node and problem has the place `at`. */
struct rn_node *rn_yaml_parse_value(struct rn_tree *, const char *text, struct rn_place at);

/* New nodes; NULL when the tree is full, which is told once as a problem at `at`. */
struct rn_node *rn_node_new(struct rn_tree *, enum rn_node_kind, struct rn_place at);
struct rn_node *rn_node_copy(struct rn_tree *, const struct rn_node *);

/* Value of a key, NULL if there is none or the node is no map (NULL included). */
struct rn_node *rn_node_get(const struct rn_node *map, const char *key);
struct rn_entry *rn_node_entry(const struct rn_node *map, const char *key);
/* Appends without looking for the key, which is NULL in a list. Too many: the tree is full. */
void rn_node_append(struct rn_tree *, struct rn_node *, struct rn_entry);
/* Sets or appends; key NULL appends to a list. */
void rn_node_put(struct rn_tree *, struct rn_node *, const char *key, struct rn_place at,
                 struct rn_node *value);
void rn_node_remove(struct rn_node *map, const char *key);
void rn_node_drop(struct rn_node *, size_t i); /* the i-th entry of a list or map */
/* Node behind "horizon.steps" or "mixture[0].in" below `node`, as far as the path goes (never NULL
 * unless node is): the place to point at. */
const struct rn_node *rn_node_near(const struct rn_node *node, const char *path,
                                   struct rn_place *key_at);

/* "the number 12", "the text 'abc'", "a list", ...: for messages. Written to buf, returned. */
const char *rn_node_show(const struct rn_node *, char buf[96]);
bool rn_looks_number(const char *text); /* as the core schema reads a plain scalar, '_' allowed */
bool rn_looks_bool(const char *text);   /* true True TRUE false False FALSE */

#endif
