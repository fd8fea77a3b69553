/* schema_value.h - one value of a table of keys: from a scalar as written to the field of a struct.
 *
 *     struct rn_schema_pass pass = {.f = fill};               and the path of the key at hand
 *     rn_schema_set(&pass, key, key->type, node, to);         or adds a problem
 *
 * Between schema.c, which walks tables, and schema_value.c, which reads what stands in them. */
#ifndef RN_SCHEMA_VALUE_H
#define RN_SCHEMA_VALUE_H

#include "schema.h"
#include "str.h"

enum { RN_NAME_MAX = 64 }; /* bytes of a name (rn_is_name) */

/* One filling: the door's request and the path of the key at hand. */
struct rn_schema_pass {
    struct rn_fill *f;
    struct rn_str path;
};

/* type: the key's, or that of its items. */
void rn_schema_set(struct rn_schema_pass *, const struct rn_key *, enum rn_key_type,
                   const struct rn_node *, void *to);
/* The field of a key that is not given. */
void rn_schema_set_absent(const struct rn_key *, void *to);
size_t rn_schema_bytes(enum rn_key_type); /* of the C field; 0: it has none of its own */
/* "takes a number, found text"; why: further words, or NULL. */
void rn_schema_wrong_type(struct rn_schema_pass *, const struct rn_node *, enum rn_key_type,
                          const char *why);

#endif
