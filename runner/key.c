#include "key.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_FORMAT = 1, SHOWN_VALUE = 48 };

static void set_or_empty(json_t *doc, const char *key, json_t *value)
{
    json_object_set_new(doc, key, value ? json_deep_copy(value) : json_object());
}

/* The out key is the progress key and the extend values; without any they still differ. */
static void make_out(struct rn_keys *k, json_t *extend)
{
    json_t *doc = json_pack("{s:s}", "progress", k->progress);
    set_or_empty(doc, "extend", extend);
    rn_json_digest(doc, k->out);
    json_decref(doc);
}

void rn_keys_make(struct rn_keys *k, const struct rn_pstage *s, json_t *inputs, json_t *fingerprint)
{
    k->doc = json_pack("{s:i, s:s, s:i}", "runnel", KEY_FORMAT, "kind", s->stage->kind, "version",
                       s->stage->version);
    RN_ASSERT(k->doc);
    set_or_empty(k->doc, "identity", s->identity);
    set_or_empty(k->doc, "source", s->source);
    set_or_empty(k->doc, "fingerprint", fingerprint);
    set_or_empty(k->doc, "inputs", inputs);
    rn_json_digest(k->doc, k->progress);
    make_out(k, s->extend);
    set_or_empty(k->doc, "extend", s->extend);
}

void rn_keys_release(struct rn_keys *k)
{
    json_decref(k->doc);
    *k = (struct rn_keys){0};
}

/* --- differences --- */

/* The parts of a document, in the order in which a difference is worth telling. */
enum part { VERSION, VALUE, INPUT, CONTENT };
static const struct {
    const char *key;
    enum part part;
} parts[] = {{"version", VERSION}, {"identity", VALUE},      {"extend", VALUE},
             {"inputs", INPUT},    {"fingerprint", CONTENT}, {"source", VALUE}};

struct diff {
    size_t n;
    enum part part;
    char *text;
    size_t text_bytes;
    const char *kind;
};

static void show_value(struct rn_str *s, const json_t *v)
{
    if (!v || json_is_null(v)) {
        rn_str_puts(s, "unset");
        return;
    }
    if (json_is_real(v)) {
        char number[32];
        rn_str_puts(s, rn_show_real(number, json_real_value(v)));
        return;
    }
    char *text = rn_json_canonical(v);
    if (strlen(text) > SHOWN_VALUE)
        memcpy(text + SHOWN_VALUE - 3, "...", sizeof "...");
    rn_str_puts(s, text);
    free(text);
}

static void tell(struct diff *d, const char *path, const json_t *old, const json_t *now)
{
    if (d->n++ > 0)
        return;
    struct rn_str s = {0};
    bool opaque = d->part == CONTENT && !(json_is_number(old) && json_is_number(now));
    if (d->part == INPUT || opaque) {
        const char *role = rn_starts_with(path, "in.") ? path + 3 : path;
        rn_str_printf(&s, "%s%s changed", d->part == INPUT ? "input " : "", role);
    } else {
        if (d->part == VERSION)
            rn_str_printf(&s, "runnel upgraded: %s ", d->kind);
        else
            rn_str_printf(&s, "%s ", path);
        show_value(&s, old);
        rn_str_puts(&s, " -> ");
        show_value(&s, now);
    }
    snprintf(d->text, d->text_bytes, "%s", s.p);
    rn_str_release(&s);
}

static void compare(struct diff *d, const char *path, json_t *old, json_t *now);

static void compare_member(struct diff *d, const char *path, const char *key, json_t *old,
                           json_t *now)
{
    char *below = *path ? rn_xprintf("%s.%s", path, key) : rn_xdup(key);
    compare(d, below, old, now);
    free(below);
}

static void compare(struct diff *d, const char *path, json_t *old, json_t *now)
{
    if (!json_is_object(old) || !json_is_object(now)) {
        if (!old || !now || !json_equal(old, now))
            tell(d, path, old, now);
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(now, key, value)
        compare_member(d, path, key, json_object_get(old, key), value);
    json_object_foreach(old, key, value) if (!json_object_get(now, key))
        compare_member(d, path, key, value, NULL);
}

size_t rn_keys_diff(const json_t *old, const json_t *now, char *text, size_t text_bytes)
{
    struct diff d = {.text = text, .text_bytes = text_bytes, .kind = rn_json_str(now, "kind", "")};
    text[0] = '\0';
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        json_t *a = json_object_get(old, parts[i].key), *b = json_object_get(now, parts[i].key);
        d.part = parts[i].part;
        if (a || b)
            compare(&d, "", a, b);
    }
    size_t used = strlen(text);
    if (d.n > 1 && used < text_bytes)
        snprintf(text + used, text_bytes - used, " and %zu more", d.n - 1);
    return d.n;
}
