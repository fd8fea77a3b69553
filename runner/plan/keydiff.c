#include "keydiff.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_VALUE = 48, SHOWN_DIGEST = 8 };

/* The parts of a document, in the order in which a difference is worth telling. */
static const struct {
    const char *key;
    enum rn_change_kind kind;
} parts[] = {{"version", RN_CHANGE_VERSION},     {"identity", RN_CHANGE_VALUE},
             {"extend", RN_CHANGE_VALUE},        {"inputs", RN_CHANGE_INPUT},
             {"fingerprint", RN_CHANGE_CONTENT}, {"source", RN_CHANGE_VALUE}};

static const char *show(struct rn_arena *arena, const json_t *v)
{
    const char *digest = json_string_value(v);
    char number[32];
    if (!v || json_is_null(v))
        return "unset";
    if (json_is_real(v))
        return rn_arena_dup(arena, rn_show_real(number, json_real_value(v)));
    if (rn_sha256_is_hex(digest))
        return rn_arena_printf(arena, "%.*s", SHOWN_DIGEST, digest);
    char *text = rn_json_canonical(v);
    if (strlen(text) > SHOWN_VALUE)
        memcpy(text + SHOWN_VALUE - 3, "...", sizeof "...");
    const char *kept = rn_arena_dup(arena, text);
    free(text);
    return kept;
}

/* As a key of the file. */
static bool known(const struct rn_keydiff *d, const char *path)
{
    for (size_t i = 0; i < d->n && d->changes[i].kind != RN_CHANGE_CONTENT; i++)
        if (strcmp(d->changes[i].path, path) == 0)
            return true;
    return false;
}

/* A horizon that shapes the schedule stands in two parts; it is told once. */
static void add(struct rn_keydiff *d, enum rn_change_kind kind, const char *path, const json_t *old,
                const json_t *now)
{
    if (kind == RN_CHANGE_CONTENT && known(d, path))
        return;
    struct rn_change c = {kind, rn_arena_dup(&d->arena, path), show(&d->arena, old),
                          show(&d->arena, now)};
    RN_PUSH(d->changes, d->n, d->cap, c);
}

static void compare(struct rn_keydiff *d, enum rn_change_kind kind, const char *path, json_t *old,
                    json_t *now);

static void compare_member(struct rn_keydiff *d, enum rn_change_kind kind, const char *path,
                           const char *key, json_t *old, json_t *now)
{
    char *below = *path ? rn_xprintf("%s.%s", path, key) : rn_xdup(key);
    compare(d, kind, below, old, now);
    free(below);
}

static void compare_objects(struct rn_keydiff *d, enum rn_change_kind kind, const char *path,
                            json_t *old, json_t *now)
{
    const char *key;
    json_t *value;
    json_object_foreach(now, key, value)
        compare_member(d, kind, path, key, json_object_get(old, key), value);
    json_object_foreach(old, key, value) if (!json_object_get(now, key))
        compare_member(d, kind, path, key, value, NULL);
}

static void compare(struct rn_keydiff *d, enum rn_change_kind kind, const char *path, json_t *old,
                    json_t *now)
{
    if (json_is_object(old) && json_is_object(now)) {
        compare_objects(d, kind, path, old, now);
        return;
    }
    size_t n = json_array_size(old);
    if (n == 0 || n != json_array_size(now)) {
        if (!old || !now || !json_equal(old, now))
            add(d, kind, path, old, now);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char *item = rn_xprintf("%s[%zu]", path, i);
        compare(d, kind, item, json_array_get(old, i), json_array_get(now, i));
        free(item);
    }
}

void rn_keydiff_make(struct rn_keydiff *d, const json_t *old, const json_t *now)
{
    *d = (struct rn_keydiff){0};
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        json_t *a = json_object_get(old, parts[i].key), *b = json_object_get(now, parts[i].key);
        bool version = parts[i].kind == RN_CHANGE_VERSION;
        if (a || b)
            compare(d, parts[i].kind, version ? rn_json_str(now, "kind", "") : "", a, b);
    }
}

void rn_keydiff_release(struct rn_keydiff *d)
{
    free(d->changes);
    rn_arena_release(&d->arena);
    *d = (struct rn_keydiff){0};
}

/* --- telling --- */

/* Of the value itself, else of the first value below it that was written, else of the default. */
static const char *origin_below(const json_t *origins, const char *path)
{
    const char *key, *found = rn_json_str(origins, path, NULL);
    size_t n = strlen(path);
    json_t *v;
    if (found)
        return found;
    json_object_foreach((json_t *)origins, key, v)
    {
        bool below = strncmp(key, path, n) == 0 && (key[n] == '[' || key[n] == '.');
        if (below && (!found || strcmp(found, "default") == 0))
            found = json_string_value(v);
    }
    return found;
}

const char *rn_change_origin(const struct rn_change *c, const struct rn_pipeline *p,
                             const char *stage)
{
    if (!p || c->kind == RN_CHANGE_VERSION || c->kind == RN_CHANGE_CONTENT)
        return NULL;
    char *path = rn_xprintf("%s.%s", stage, c->path);
    const char *origin = origin_below(rn_pipeline_origins(p), path);
    free(path);
    return origin;
}

void rn_change_tell(const struct rn_change *c, const struct rn_pipeline *p, const char *stage,
                    char *text, size_t text_bytes)
{
    static const char *const words[] = {[RN_CHANGE_VERSION] = "runnel upgraded: ",
                                        [RN_CHANGE_VALUE] = "",
                                        [RN_CHANGE_INPUT] = "input ",
                                        [RN_CHANGE_CONTENT] = ""};
    const char *origin = rn_change_origin(c, p, stage);
    bool in = c->kind == RN_CHANGE_INPUT && rn_starts_with(c->path, "in.");
    snprintf(text, text_bytes, "%s%s %s -> %s%s%s%s", words[c->kind],
             in ? c->path + strlen("in.") : c->path, c->old, c->now, origin ? " (" : "",
             origin ? origin : "", origin ? ")" : "");
}

void rn_keydiff_tell(const struct rn_keydiff *d, const struct rn_pipeline *p, const char *stage,
                     char *text, size_t text_bytes)
{
    text[0] = '\0';
    if (d->n == 0)
        return;
    rn_change_tell(&d->changes[0], p, stage, text, text_bytes);
    size_t used = strlen(text);
    if (d->n > 1 && used < text_bytes)
        snprintf(text + used, text_bytes - used, " and %zu more", d->n - 1);
}
