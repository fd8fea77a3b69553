#include "json.h"

#include "file.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

int rn_json_parse(const char *text, size_t n, struct rn_place at, json_t **out, struct rn_err *err)
{
    json_error_t e;
    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (*out)
        return RN_OK;
    if (at.line == 0)
        at.line = e.line;
    at.col = e.column;
    return rn_fail(err, RN_ECORRUPT, at, "not valid JSON: %s", e.text);
}

int rn_json_read(const char *path, size_t cap_bytes, json_t **out, struct rn_err *err)
{
    char *text;
    size_t n;
    *out = NULL;
    RN_TRY(rn_file_read(path, cap_bytes, &text, &n, err));
    int rc = rn_json_parse(text, n, RN_PATH(path), out, err);
    free(text);
    return rc;
}

char *rn_json_pretty(const json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    RN_ASSERT(text);
    return text;
}

int rn_json_write(const char *path, const json_t *doc, struct rn_err *err)
{
    char *text = rn_json_pretty(doc);
    size_t n = strlen(text);
    text[n] = '\n'; /* in place of the NUL, which nobody reads again */
    int rc = rn_file_write(path, text, n + 1, err);
    free(text);
    return rc;
}

char *rn_json_canonical(const json_t *doc)
{
    char *text =
        json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    RN_ASSERT(text);
    return text;
}

void rn_json_digest(const json_t *doc, char hex[RN_HEX])
{
    char *text = rn_json_canonical(doc);
    rn_sha256_hex(text, strlen(text), hex);
    free(text);
}

json_t *rn_json_text(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)(n ? bytes : ""), *end = p + n;
    struct rn_str s = {0};
    for (int size; p < end; p += size) {
        bool bad = rn_utf8_next(p, end, &size) == 0xFFFD && size == 1;
        rn_str_add(&s, bad ? "\xEF\xBF\xBD" : (const char *)p, bad ? 3 : (size_t)size);
    }
    json_t *text = json_stringn(s.p ? s.p : "", s.n);
    rn_str_release(&s);
    return text;
}

const char *rn_json_str(const json_t *obj, const char *key, const char *absent)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : absent;
}

int64_t rn_json_int(const json_t *obj, const char *key, int64_t absent)
{
    json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : absent;
}

double rn_json_real(const json_t *obj, const char *key, double absent)
{
    json_t *v = json_object_get(obj, key);
    return json_is_number(v) ? json_number_value(v) : absent;
}
