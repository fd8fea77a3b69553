/* json.h - jansson with our error places, caps and one canonical form.
 *
 *     json_t *doc;
 *     RN_TRY(rn_json_read("state.json", 1 << 20, &doc, err));
 *     int64_t step = rn_json_int(doc, "step", -1);
 *     json_decref(doc);
 *
 * Documents are jansson's own json_t, reference-counted as jansson says. */
#ifndef RN_JSON_H
#define RN_JSON_H

#include "err.h"
#include "hash.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses a whole file of at most cap_bytes. Bad JSON: RN_ECORRUPT at its line and column. */
int rn_json_read(const char *path, size_t cap_bytes, json_t **out, struct rn_err *);
/* Parses n bytes; `at` is the place reported (its line is kept: one JSON line of a file). */
int rn_json_parse(const char *text, size_t n, struct rn_place at, json_t **out, struct rn_err *);
/* Atomic write: sorted keys, two-space indent, final newline. */
int rn_json_write(const char *path, const json_t *doc, struct rn_err *);
/* The same as a text, without the newline; caller frees. */
char *rn_json_pretty(const json_t *doc);
/* Compact, sorted keys, shortest round-trip numbers: the form that is digested. Caller frees. */
char *rn_json_canonical(const json_t *doc);
void rn_json_digest(const json_t *doc, char hex[RN_HEX]);

/* A string of any bytes (n 0: NULL too): what is no UTF-8 becomes U+FFFD. */
json_t *rn_json_text(const char *bytes, size_t n);

/* Members of an object, or `absent` when missing or of another type. Strings are borrowed. */
const char *rn_json_str(const json_t *obj, const char *key, const char *absent);
int64_t rn_json_int(const json_t *obj, const char *key, int64_t absent);
double rn_json_real(const json_t *obj, const char *key, double absent);

#endif
