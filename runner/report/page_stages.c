/* The stages of a run: what became of each, and when. */
#include "html.h"
#include "journal.h"
#include "page.h"

#include <stdlib.h>
#include <string.h>

struct bar { /* one attempt */
    double from_s, to_s;
    const char *event;
};

/* Attempts of a stage: from each `started` to the record that ends it. */
static size_t attempts(const json_t *records, const char *stage, struct bar *bars, size_t most)
{
    size_t n = 0;
    bool open = false;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        const char *event = rn_json_str(r, "event", "");
        double time_s = rn_json_real(r, "time", 0);
        if (strcmp(rn_json_str(r, "stage", ""), stage) != 0)
            continue;
        if (strcmp(event, "started") == 0 && n < most) {
            bars[n++] = (struct bar){time_s, time_s, "interrupted"};
            open = true;
        } else if (open && (strcmp(event, "done") == 0 || strcmp(event, "failed") == 0 ||
                            strcmp(event, "interrupted") == 0)) {
            bars[n - 1].to_s = time_s;
            bars[n - 1].event = event;
            open = false;
        }
    }
    return n;
}

enum { MOST_ATTEMPTS = 64, BAR_WIDTH = 600, BAR_HEIGHT = 14 };

static void span_of(const struct rn_runstate *r, double *from_s, double *to_s)
{
    struct bar bars[MOST_ATTEMPTS];
    *from_s = r->seen_s;
    *to_s = r->began_s;
    for (size_t i = 0; i < r->n_stages; i++) {
        size_t n = attempts(r->records, r->stages[i].name, bars, MOST_ATTEMPTS);
        for (size_t b = 0; b < n; b++) {
            *from_s = bars[b].from_s < *from_s ? bars[b].from_s : *from_s;
            *to_s = bars[b].to_s > *to_s ? bars[b].to_s : *to_s;
        }
    }
    if (!(*to_s > *from_s))
        *to_s = *from_s + 1;
}

static void put_bars(struct rn_str *s, const struct rn_runstate *r, const char *stage,
                     double from_s, double to_s)
{
    struct bar bars[MOST_ATTEMPTS];
    size_t n = attempts(r->records, stage, bars, MOST_ATTEMPTS);
    rn_str_printf(s, "<svg class=bars viewBox=\"0 0 %d %d\" role=img aria-label=\"when\">",
                  BAR_WIDTH, BAR_HEIGHT);
    for (size_t i = 0; i < n; i++) {
        double x = (bars[i].from_s - from_s) / (to_s - from_s) * BAR_WIDTH;
        double width = (bars[i].to_s - bars[i].from_s) / (to_s - from_s) * BAR_WIDTH;
        rn_str_printf(s, "<rect class=%s x=%.1f y=2 width=%.1f height=10><title>", bars[i].event, x,
                      width < 1 ? 1 : width);
        char text[32];
        rn_html_printf(s, "%s, %s", bars[i].event,
                       rn_show_time(text, bars[i].to_s - bars[i].from_s));
        rn_str_puts(s, "</title></rect>");
    }
    rn_str_puts(s, "</svg>");
}

static void put_stage(struct rn_str *s, const struct rn_runstate *r,
                      const struct rn_stage_state *stage, double from_s, double to_s)
{
    char text[32];
    struct rn_str glance = {0};
    rn_str_printf(s, "<tr class=\"%s\"><th scope=row>",
                  strcmp(stage->word, "failed") == 0 ? "bad" : "");
    rn_html_text(s, stage->name);
    rn_str_puts(s, "<td>");
    rn_html_text(s, rn_json_str(stage->last, "kind", ""));
    rn_str_puts(s, "<td>");
    rn_html_text(s, stage->word);
    rn_str_puts(s, "<td class=n>");
    double wall_s = rn_json_real(stage->last, "wall_s", 0);
    rn_html_text(s, wall_s > 0 ? rn_show_time(text, wall_s) : "");
    rn_str_puts(s, "<td class=n>");
    rn_html_text(s, stage->size_bytes > 0 ? rn_show_bytes(text, stage->size_bytes) : "");
    rn_str_puts(s, "<td>");
    rn_runstate_glance(&glance, stage->numbers);
    rn_html_text(s, glance.p ? glance.p : "");
    rn_str_release(&glance);
    rn_str_puts(s, "<td>");
    put_bars(s, r, stage->name, from_s, to_s);
    rn_str_puts(s, "\n");
}

/* Why it failed, where the reader looks first. */
static void put_failures(struct rn_str *s, const struct rn_runstate *r)
{
    for (size_t i = 0; i < r->n_stages; i++) {
        const json_t *last = r->stages[i].last;
        if (strcmp(rn_json_str(last, "event", ""), "failed") != 0)
            continue;
        rn_str_puts(s, "<p class=alert>stage ");
        rn_html_text(s, r->stages[i].name);
        rn_str_puts(s, " failed: ");
        rn_html_text(s, rn_json_str(last, "message", ""));
        rn_str_puts(s, "</p>\n");
    }
}

void rn_page_stages(struct rn_str *s, const struct rn_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct rn_runstate *r = &p->runs[i].state;
        double from_s, to_s;
        span_of(r, &from_s, &to_s);
        if (p->n > 1) {
            rn_str_puts(s, "<h3>");
            rn_html_text(s, r->tag);
            rn_str_puts(s, "</h3>\n");
        }
        put_failures(s, r);
        rn_str_puts(s,
                    "<table><tr><th>stage<th>kind<th>state<th>took<th>size<th>numbers<th>when\n");
        for (size_t k = 0; k < r->n_stages; k++)
            put_stage(s, r, &r->stages[k], from_s, to_s);
        rn_str_puts(s, "</table>\n");
    }
}
