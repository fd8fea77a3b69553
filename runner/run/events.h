/* events.h - the table of events.def, and the JSON Schema written from it.
 *
 *     json_t *schema = rn_events_schema();     docs/events.schema.json, `runnel schema events` */
#ifndef RN_EVENTS_H
#define RN_EVENTS_H

#include "json.h"

/* An event, or below it a field of it. */
struct rn_event_row {
    const char *event, *field; /* one of the two is NULL; both: the end */
    const char *type;          /* "string", "integer", "number", "object" */
    bool always;
    const char *doc;
};
extern const struct rn_event_row rn_event_rows[];

json_t *rn_events_schema(void); /* a new object */

#endif
