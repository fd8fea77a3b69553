#include "alert_list.h"

#include "mem.h"

#include <string.h>

const struct rn_column rn_alert_columns[] = {{"when", "time", rn_cell_moment},
                                             {"stage", "stage", rn_cell_text},
                                             {"step", "step", rn_cell_exact},
                                             {"level", "level", rn_cell_text},
                                             {"alert", "alert", rn_cell_text},
                                             {"", "text", rn_cell_text},
                                             {0}};

/* A journal may hold anything. */
static json_t *row_of(const json_t *record)
{
    static const char *const texts[] = {"stage", "level", "alert", "text"};
    json_t *row = json_pack("{s:f}", "time", rn_json_real(record, "time", 0));
    for (size_t i = 0; i < RN_COUNT(texts); i++)
        json_object_set_new(row, texts[i], json_string(rn_json_str(record, texts[i], "")));
    int64_t step = rn_json_int(record, "step", -1);
    if (step >= 0)
        json_object_set_new(row, "step", json_integer((json_int_t)step));
    return row;
}

json_t *rn_alert_list(const json_t *records, const char *stage, size_t most)
{
    json_t *rows = json_array();
    for (size_t i = json_array_size(records); i-- > 0 && json_array_size(rows) < most;) {
        const json_t *r = json_array_get(records, i);
        bool of_stage = !stage || strcmp(rn_json_str(r, "stage", ""), stage) == 0;
        if (of_stage && strcmp(rn_json_str(r, "event", ""), "alert") == 0)
            json_array_insert_new(rows, 0, row_of(r));
    }
    return rows;
}
