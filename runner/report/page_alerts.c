/* The alerts of a run, newest last. */
#include "alert_list.h"
#include "html.h"
#include "mem.h"
#include "page.h"

static void put_alert(struct rn_str *s, const json_t *row)
{
    static const char *const keys[] = {"stage", "level", "alert", "text"};
    struct rn_str cell = {0};
    rn_str_puts(s, "<tr><td>");
    rn_cell_moment(&cell, row, "time");
    rn_html_text(s, cell.p ? cell.p : "");
    rn_str_release(&cell);
    rn_str_puts(s, "<td class=n>");
    if (json_object_get(row, "step"))
        rn_str_printf(s, "%lld", (long long)rn_json_int(row, "step", 0));
    for (size_t i = 0; i < RN_COUNT(keys); i++) {
        rn_str_puts(s, "<td>");
        rn_html_text(s, rn_json_str(row, keys[i], ""));
    }
    rn_str_puts(s, "\n");
}

void rn_page_alerts(struct rn_str *s, const struct rn_page *p)
{
    enum { MOST = 100 };
    for (size_t i = 0; i < p->n; i++) {
        json_t *rows = rn_alert_list(p->runs[i].state.records, NULL, MOST);
        size_t n = json_array_size(rows);
        rn_str_puts(s, n ? "<table><tr><th>when<th class=n>step<th>stage<th>level<th>alert<th>\n"
                         : "<p class=soft>none</p>\n");
        for (size_t k = 0; k < n; k++)
            put_alert(s, json_array_get(rows, k));
        rn_str_puts(s, n ? "</table>\n" : "");
        json_decref(rows);
    }
}
