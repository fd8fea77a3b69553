/* json_schema.h - JSON Schema (draft 2020-12) of key tables, for editors.
 *
 *     const struct rn_key *const tables[] = {common_keys, kind_keys};
 *     json_t *schema = rn_json_schema(tables, 2);      {"type": "object", "properties": ..}
 *
 * It accepts what rn_schema_fill accepts after substitution: every value may also be a text with
 * ${...} in it, numbers may carry units. References stay plain texts here. */
#ifndef RN_JSON_SCHEMA_H
#define RN_JSON_SCHEMA_H

#include "schema.h"

/* Caller owns. */
json_t *rn_json_schema(const struct rn_key *const *tables, size_t n);

#endif
