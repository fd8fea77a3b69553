/* schema.h - tables of keys: one row is parser, default, bounds, docs and JSON Schema.
 *
 *     struct cfg { int64_t vocab_size; double max_chars; struct rn_ref text; };
 *     static const struct rn_key in_keys[] = {
 *         RN_KEY_REF(struct cfg, text, "text", kinds_text, RN_REQUIRED, "documents to learn from"),
 *         RN_KEYS_END};
 *     static const struct rn_key keys[] = {
 *         RN_KEY_COUNT(struct cfg, vocab_size, "vocab_size", RN_IDENTITY, "65536", 266, 1e7,
 *                      "tokens, specials included"),
 *         RN_KEY_TABLE("in", in_keys, "inputs"),
 *         RN_KEYS_END};
 *
 * A default is written as the user would write it. NULL: required; "" for strings and "~" for
 * anything else: absent (zero, NULL, -1 for numbers whose row says so by low < 0).
 * Nested tables without their own struct write into the parent's struct; RN_KEY_LIST / RN_KEY_MAP
 * items have a struct of their own. All strings and arrays live in the pipeline's arena. A table
 * that is not written is filled like an empty one.
 *
 *     struct rn_fill fill = {.arena = &arena, .problems = &problems, .what = "stage base"};
 *     struct rn_part part = {keys, &cfg};
 *     rn_schema_fill(&fill, &part, 1, node, place);   adds every problem it finds, with its place
 *
 * What a filled struct says, as JSON and as references: filled.h; JSON Schema: json_schema.h. */
#ifndef RN_SCHEMA_H
#define RN_SCHEMA_H

#include "err.h"
#include "json.h"
#include "mem.h"
#include "yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rn_key_type {
    /* name        C field                what the user writes                              */
    RN_T_BOOL,  /* bool                   true, false                                       */
    RN_T_INT,   /* int64_t                12, 524_288, 2e9 where exact                      */
    RN_T_REAL,  /* double                 0.5, 1e-3                                         */
    RN_T_COUNT, /* int64_t                as INT, and 10k, 100M, 2B                         */
    RN_T_BYTES, /* int64_t                10 MiB, 4096                                      */
    RN_T_TIME,  /* double, seconds        30 s, 10 min, 2 h                                 */
    RN_T_STEPS, /* int64_t                250 steps, 250                                    */
    RN_T_STR,   /* const char *           text                                              */
    RN_T_WORD,  /* int, index into words  one of `words`                                    */
    RN_T_REF,   /* struct rn_ref          stage, stage.output, stage.output[a:b]            */
    RN_T_TABLE, /* same struct            a mapping with the rows of `sub`                  */
    RN_T_LIST,  /* struct rn_list         a list; rows of `sub`, or scalars of `item` type  */
    RN_T_MAP,   /* struct rn_map          NAME: rows of `sub`, or a scalar of `item` type   */
};

/* What a change of the key means (DESIGN 3). */
enum rn_key_class {
    RN_IDENTITY, /* the stage is stale */
    RN_EXTEND,   /* larger: continue; otherwise stale */
    RN_NEUTRAL,  /* recorded only */
    RN_SOURCE,   /* part of the stage's key but not of the tag (urls) */
};
extern const char *const rn_key_class_words[]; /* "identity", "extend", "neutral", "source" */
/* A list or map of a class other than RN_IDENTITY gives its class to everything inside. */

struct rn_key {
    const char *name; /* NULL ends a table */
    enum rn_key_type type;
    enum rn_key_class class;
    size_t offset;            /* of the field, in the table's struct */
    const char *def;          /* default as text; NULL: required */
    double low, high;         /* bounds of numbers, inclusive; none if low >= high */
    const char *unit;         /* shown in help: "tokens", "steps" */
    const char *const *words; /* NULL-ended: words of a WORD, artifact kinds a REF accepts */
    const struct rn_key *sub; /* RN_T_TABLE, RN_T_LIST and RN_T_MAP of structs */
    size_t sub_bytes;         /* size of an item's struct (LIST, MAP) */
    enum rn_key_type item;    /* LIST, MAP without sub: type of the scalars */
    const char *shorthand;    /* a bare scalar stands for {shorthand: scalar}, e.g. "url" */
    const char *doc;          /* one line */
};

struct rn_list {
    void *items; /* sub structs, or const char * / int64_t / double / struct rn_ref by `item` */
    size_t n;
};
struct rn_map {
    const char **names; /* in written order */
    void *items;        /* n structs of sub_bytes */
    size_t n;
};

/* A reference as written; resolved to an artifact by the runner (stages ask rn_job_artifact). Where
 * the accepted kinds name "path", a text with '/' in it or '.' before it is a local file: text is
 * set, stage is NULL. */
struct rn_ref {
    const char *text;   /* NULL: not given */
    const char *stage;  /* "data" */
    const char *output; /* "shards", or NULL: the stage's default output */
    int64_t first, end; /* slice [first:end); 0 and INT64_MAX when not given */
    struct rn_place at;
};

#define RN_REQUIRED NULL
#define RN_ROW(S, f, key, T, cls, dflt, lo, hi, u, d)                                              \
    {                                                                                              \
        .name = key, .type = T, .class = cls, .offset = offsetof(S, f), .def = dflt, .low = lo,    \
        .high = hi, .unit = u, .doc = d                                                            \
    }
#define RN_KEY_BOOL(S, f, key, cls, dflt, d) RN_ROW(S, f, key, RN_T_BOOL, cls, dflt, 0, 0, "", d)
#define RN_KEY_INT(S, f, key, cls, dflt, lo, hi, u, d)                                             \
    RN_ROW(S, f, key, RN_T_INT, cls, dflt, lo, hi, u, d)
#define RN_KEY_REAL(S, f, key, cls, dflt, lo, hi, u, d)                                            \
    RN_ROW(S, f, key, RN_T_REAL, cls, dflt, lo, hi, u, d)
#define RN_KEY_COUNT(S, f, key, cls, dflt, lo, hi, d)                                              \
    RN_ROW(S, f, key, RN_T_COUNT, cls, dflt, lo, hi, "", d)
#define RN_KEY_BYTES(S, f, key, cls, dflt, lo, hi, d)                                              \
    RN_ROW(S, f, key, RN_T_BYTES, cls, dflt, lo, hi, "bytes", d)
#define RN_KEY_TIME(S, f, key, cls, dflt, lo, hi, d)                                               \
    RN_ROW(S, f, key, RN_T_TIME, cls, dflt, lo, hi, "", d)
#define RN_KEY_STEPS(S, f, key, cls, dflt, lo, hi, d)                                              \
    RN_ROW(S, f, key, RN_T_STEPS, cls, dflt, lo, hi, "steps", d)
#define RN_KEY_STR(S, f, key, cls, dflt, d) RN_ROW(S, f, key, RN_T_STR, cls, dflt, 0, 0, "", d)
#define RN_KEY_WORD(S, f, key, cls, dflt, ws, d)                                                   \
    {                                                                                              \
        .name = key, .type = RN_T_WORD, .class = cls, .offset = offsetof(S, f), .def = dflt,       \
        .words = ws, .doc = d                                                                      \
    }
#define RN_KEY_REF(S, f, key, kinds, dflt, d)                                                      \
    {                                                                                              \
        .name = key, .type = RN_T_REF, .class = RN_IDENTITY, .offset = offsetof(S, f),             \
        .def = dflt, .words = kinds, .doc = d                                                      \
    }
#define RN_KEY_TABLE(key, rows, d)                                                                 \
    {                                                                                              \
        .name = key, .type = RN_T_TABLE, .def = "~", .sub = rows, .doc = d                         \
    }
#define RN_KEY_LIST(S, f, key, cls, dflt, rows, ItemS, d)                                          \
    {                                                                                              \
        .name = key, .type = RN_T_LIST, .class = cls, .offset = offsetof(S, f), .def = dflt,       \
        .sub = rows, .sub_bytes = sizeof(ItemS), .doc = d                                          \
    }
#define RN_KEY_LIST_OF(S, f, key, cls, dflt, T, d)                                                 \
    {                                                                                              \
        .name = key, .type = RN_T_LIST, .class = cls, .offset = offsetof(S, f), .def = dflt,       \
        .item = T, .doc = d                                                                        \
    }
#define RN_KEY_REFS(S, f, key, kinds, dflt, d)                                                     \
    {                                                                                              \
        .name = key, .type = RN_T_LIST, .class = RN_IDENTITY, .offset = offsetof(S, f),            \
        .def = dflt, .item = RN_T_REF, .words = kinds, .doc = d                                    \
    }
#define RN_KEY_MAP(S, f, key, cls, dflt, rows, ItemS, d)                                           \
    {                                                                                              \
        .name = key, .type = RN_T_MAP, .class = cls, .offset = offsetof(S, f), .def = dflt,        \
        .sub = rows, .sub_bytes = sizeof(ItemS), .doc = d                                          \
    }
/* Items written as a bare scalar: urls: ["https://..."] stands for [{url: "https://..."}]. */
#define RN_KEY_LIST_SHORT(S, f, key, cls, dflt, rows, ItemS, short_key, d)                         \
    {                                                                                              \
        .name = key, .type = RN_T_LIST, .class = cls, .offset = offsetof(S, f), .def = dflt,       \
        .sub = rows, .sub_bytes = sizeof(ItemS), .shorthand = short_key, .doc = d                  \
    }
/* NAME: a scalar of type T (RN_T_REF: a reference to one of `kinds`, NULL for any). */
#define RN_KEY_MAP_OF(S, f, key, cls, dflt, T, kinds, d)                                           \
    {                                                                                              \
        .name = key, .type = RN_T_MAP, .class = cls, .offset = offsetof(S, f), .def = dflt,        \
        .item = T, .words = kinds, .doc = d                                                        \
    }
#define RN_KEYS_END                                                                                \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* Where the rows of one struct go. A mapping may be shared by several: every stage's keys and those
 * of its kind. */
struct rn_part {
    const struct rn_key *keys;
    void *into; /* zeroed */
};
struct rn_fill {
    struct rn_arena *arena;
    struct rn_problems *problems;
    const char *what; /* "stage base": where the keys belong, for messages */
};
/* Fills the structs from `map`, checks everything, gives absent keys their defaults. Every problem
 * is added to f->problems; fields with a problem are left absent. `at`: place of missing keys. */
void rn_schema_fill(struct rn_fill *f, const struct rn_part *parts, size_t n_parts,
                    const struct rn_node *map, struct rn_place at);

/* The row behind "horizon.steps" or "mixture[2].in", NULL if there is none. */
const struct rn_key *rn_schema_row(const struct rn_key *keys, const char *path);
bool rn_key_absent_allowed(const struct rn_key *); /* default "~" or "" */
/* A default outside of the bounds may be written, too: "-1: by rule", where no number between -1
 * and the lowest makes sense. */
bool rn_key_outside(const struct rn_key *, double *value);
size_t rn_key_item_bytes(const struct rn_key *); /* LIST, MAP: distance of two items */
bool rn_is_name(const char *text);               /* letters, digits, '_' and '-', 1 to 64 of them */

#endif
