/* alert_list.h - the alerts that a run's journal holds.
 *
 *     json_t *rows = rn_alert_list(records, NULL, 5);
 *     rn_table_print(rn_alert_columns, rows, false);
 *     json_decref(rows); */
#ifndef RN_ALERT_LIST_H
#define RN_ALERT_LIST_H

#include "table.h"

/* The newest `most` of a stage (NULL: of all), oldest first: {"time", "stage", "step", "level",
 * "alert", "text"}; a step that is not known is not there. A new array. */
json_t *rn_alert_list(const json_t *records, const char *stage, size_t most);
extern const struct rn_column rn_alert_columns[];

#endif
