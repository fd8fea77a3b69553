#include "events.h"

#include <string.h>

enum { sometimes, always };
const struct rn_event_row rn_event_rows[] = {
#define EVENT(name, doc)                 {#name, NULL, NULL, false, doc},
#define FIELD(name, type, presence, doc) {NULL, #name, #type, presence, doc},
#include "events.def"
#undef FIELD
#undef EVENT
    {0}};

static json_t *schema_of_field(const struct rn_event_row *f)
{
    if (strcmp(f->type, "object") != 0)
        return json_pack("{s:s, s:s}", "type", f->type, "description", f->doc);
    return json_pack("{s:s, s:s, s:{s:[s,s]}}", "type", f->type, "description", f->doc,
                     "additionalProperties", "type", "number", "null");
}

/* An event with the fields below it. */
static json_t *schema_of_event(const struct rn_event_row *e)
{
    json_t *required = json_pack("[s,s,s]", "schema", "event", "time");
    json_t *properties =
        json_pack("{s:{s:i}, s:{s:s}, s:{s:s, s:s}}", "schema", "const", 1, "event", "const",
                  e->event, "time", "type", "number", "description", "seconds since 1970");
    for (const struct rn_event_row *f = e + 1; f->field; f++) {
        json_object_set_new(properties, f->field, schema_of_field(f));
        if (f->always)
            json_array_append_new(required, json_string(f->field));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "title", e->event, "description", e->doc,
                     "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

json_t *rn_events_schema(void)
{
    json_t *events = json_array();
    for (const struct rn_event_row *r = rn_event_rows; r->event || r->field; r++)
        if (r->event)
            json_array_append_new(events, schema_of_event(r));
    return json_pack("{s:s, s:s, s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                     "title", "events of `runnel run --json`, one a line", "oneOf", events);
}
