#include "json_schema.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER "[-+]?[0-9][0-9_]*(\\.[0-9_]*)?([eE][-+]?[0-9]+)?"

/* What YAML reads as text although we read a number: digits with '_', units. */
static const char *const number_patterns[] = {
    [RN_T_INT] = "^" NUMBER "$",
    [RN_T_REAL] = "^" NUMBER "$",
    [RN_T_COUNT] = "^" NUMBER "( ?[kMB])?$",
    [RN_T_BYTES] = "^" NUMBER "( ?[KMG]iB)?$",
    [RN_T_TIME] = "^" NUMBER " ?(s|min|h)$",
    [RN_T_STEPS] = "^" NUMBER "( ?steps?)?$",
};

static json_t *table_schema(const struct rn_key *keys);

static json_t *number(const struct rn_key *key, enum rn_key_type type)
{
    bool whole = type != RN_T_REAL && type != RN_T_TIME;
    json_t *plain = json_pack("{s:s}", "type", whole ? "integer" : "number");
    if (type == RN_T_TIME) {
        json_object_set_new(plain, "const", json_integer(0)); /* anything else needs its unit */
    } else if (key->low < key->high) {
        json_object_set_new(plain, "minimum", json_real(key->low));
        json_object_set_new(plain, "maximum", json_real(key->high));
    }
    json_t *list =
        json_pack("[o, {s:s, s:s}]", plain, "type", "string", "pattern", number_patterns[type]);
    double outside;
    if (rn_key_outside(key, &outside))
        json_array_append_new(list, json_pack("{s:f}", "const", outside));
    return list;
}

static json_t *words(const struct rn_key *key)
{
    json_t *list = json_array();
    for (size_t i = 0; key->words[i]; i++)
        json_array_append_new(list, json_string(key->words[i]));
    return json_pack("[{s:o}]", "enum", list);
}

/* The alternatives a value of a scalar type has. */
static json_t *scalar(const struct rn_key *key, enum rn_key_type type)
{
    switch (type) {
    case RN_T_BOOL:
        return json_pack("[{s:s}]", "type", "boolean");
    case RN_T_STR:
    case RN_T_REF:
        return json_pack("[{s:s}]", "type", "string");
    case RN_T_WORD:
        return words(key);
    default:
        return number(key, type);
    }
}

static json_t *any_of(json_t *alternatives)
{
    if (json_array_size(alternatives) > 1)
        return json_pack("{s:o}", "anyOf", alternatives);
    json_t *only = json_incref(json_array_get(alternatives, 0));
    json_decref(alternatives);
    return only;
}

/* An item of a list or map. */
static json_t *item(const struct rn_key *key)
{
    if (!key->sub)
        return scalar(key, key->item);
    json_t *list = json_pack("[o]", table_schema(key->sub));
    if (key->shorthand)
        json_array_append_new(list, json_pack("{s:[s,s]}", "type", "string", "number"));
    return list;
}

static void allow_substitution(json_t *alternatives)
{
    json_array_append_new(alternatives, json_pack("{s:s}", "$ref", "#/$defs/substitution"));
}

static json_t *alternatives(const struct rn_key *key)
{
    json_t *inner;
    switch (key->type) {
    case RN_T_TABLE:
        return json_pack("[o]", table_schema(key->sub));
    case RN_T_LIST:
        inner = item(key);
        allow_substitution(inner);
        return json_pack("[{s:s, s:o}]", "type", "array", "items", any_of(inner));
    case RN_T_MAP:
        inner = item(key);
        allow_substitution(inner);
        return json_pack("[{s:s, s:o}]", "type", "object", "additionalProperties", any_of(inner));
    default:
        return scalar(key, key->type);
    }
}

/* What a change of the key means; a reference counts by what it stands for. */
static const char *class_word(const struct rn_key *key)
{
    bool input = key->type == RN_T_REF || (key->type == RN_T_LIST && key->item == RN_T_REF);
    return input ? "input" : rn_key_class_words[key->class];
}

static void describe(json_t *schema, const struct rn_key *key)
{
    struct rn_str text = {0};
    rn_str_puts(&text, key->doc ? key->doc : "");
    if (key->unit && *key->unit)
        rn_str_printf(&text, " [%s]", key->unit);
    if (key->type != RN_T_TABLE) {
        rn_str_printf(&text, " (%s)", class_word(key));
        json_object_set_new(schema, "x-class", json_string(class_word(key)));
    }
    json_object_set_new(schema, "description", json_string(text.p));
    if (key->type != RN_T_TABLE && key->def && !rn_key_absent_allowed(key))
        json_object_set_new(schema, "default", json_string(key->def));
    rn_str_release(&text);
}

static json_t *row_schema(const struct rn_key *key)
{
    json_t *list = alternatives(key);
    if (key->type != RN_T_STR && key->type != RN_T_REF)
        allow_substitution(list);
    if (rn_key_absent_allowed(key))
        json_array_append_new(list, json_pack("{s:s}", "type", "null"));
    json_t *schema = any_of(list);
    describe(schema, key);
    return schema;
}

/* Keys without a default, also those of tables that may not be left out because of them. */
static bool required(const struct rn_key *key)
{
    if (key->type != RN_T_TABLE)
        return !key->def;
    for (const struct rn_key *k = key->sub; k->name; k++)
        if (required(k))
            return true;
    return false;
}

static void add_table(const struct rn_key *keys, json_t *properties, json_t *needed)
{
    for (; keys->name; keys++) {
        json_object_set_new(properties, keys->name, row_schema(keys));
        if (required(keys))
            json_array_append_new(needed, json_string(keys->name));
    }
}

json_t *rn_json_schema(const struct rn_key *const *tables, size_t n)
{
    json_t *properties = json_object(), *needed = json_array();
    for (size_t i = 0; i < n; i++)
        add_table(tables[i], properties, needed);
    json_t *schema = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
                               "properties", properties);
    if (json_array_size(needed))
        json_object_set(schema, "required", needed);
    json_decref(needed);
    return schema;
}

static json_t *table_schema(const struct rn_key *keys)
{
    return rn_json_schema(&keys, 1);
}
