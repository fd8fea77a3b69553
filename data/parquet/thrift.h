/* thrift.h - a bounded reader of Thrift's compact protocol, as parquet footers use it.
 *
 *     struct rn_thrift t = {.p = bytes, .end = bytes + n};
 *     struct rn_thrift_field f = {0};
 *     while (rn_thrift_next(&t, &f))
 *         if (f.id == 3)
 *             rows = rn_thrift_int(&t, &f);
 *         else
 *             rn_thrift_skip(&t, &f);
 *     if (t.bad) ...                              the first thing that was wrong
 *
 * Errors stick: after the first one every read gives zero and every loop ends, so callers check
 * `bad` once. Nothing is allocated; strings are borrowed from the input. */
#ifndef RN_THRIFT_H
#define RN_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_thrift {
    const unsigned char *p, *end;
    const char *bad; /* NULL, or why the bytes are no such structure */
    int depth;
};
struct rn_thrift_field {
    int id;   /* as in the .thrift file */
    int type; /* wire type */
};
struct rn_thrift_list {
    size_t left; /* at most the bytes that remain: every element takes one or more */
    struct rn_thrift_field item;
};

/* The next field of the current struct; false at its end or on error. Start with {0}. */
bool rn_thrift_next(struct rn_thrift *, struct rn_thrift_field *);
/* The value of the field. Another wire type than the asked one is an error. */
int64_t rn_thrift_int(struct rn_thrift *, const struct rn_thrift_field *);
bool rn_thrift_bool(struct rn_thrift *, const struct rn_thrift_field *);
const char *rn_thrift_str(struct rn_thrift *, const struct rn_thrift_field *, size_t *n);
/* Steps into a struct field; its fields follow with a fresh rn_thrift_field. False: no struct. */
bool rn_thrift_enter(struct rn_thrift *, const struct rn_thrift_field *);
struct rn_thrift_list rn_thrift_list(struct rn_thrift *, const struct rn_thrift_field *);
/* True while items remain; then read or skip `list->item`. */
bool rn_thrift_item(struct rn_thrift *, struct rn_thrift_list *);
void rn_thrift_skip(struct rn_thrift *, const struct rn_thrift_field *);

#endif
