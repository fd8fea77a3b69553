#include "key.h"

enum { KEY_FORMAT = 1 };

static void set_or_empty(json_t *doc, const char *key, json_t *value)
{
    json_object_set_new(doc, key, value ? json_incref(value) : json_object());
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
