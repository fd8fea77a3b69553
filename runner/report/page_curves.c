/* The curves: pictures for everybody, and the same numbers for the script. */
#include "card_log.h"
#include "chart.h"
#include "html.h"
#include "mem.h"
#include "page.h"
#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *metric, *title;
    bool log_y;
} charts[] = {{"loss", "Training loss", false},
              {"val_bpb", "Validation, bits per byte", false},
              {"core", "CORE", false},
              {"tok_per_sec", "Throughput, tokens/s", false},
              {"mfu", "Model FLOPs utilisation, %", false},
              {"lrm", "Learning rate, share of its peak", false},
              {"grad_norm", "Gradient norm", true},
              {"dt_ms", "Step time, ms", true},
              {"gpu_power_w", "Power of the GPUs, W", false},
              {"gpu_temp_c", "Temperature of the hottest GPU, degrees C", false},
              {"j_per_token", "Energy of a token, J", false}};

static json_t *numbers_json(const double *values, const size_t *keep, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        double v = values[keep[i]];
        json_array_append_new(list, isfinite(v) ? json_real(v) : json_null());
    }
    return list;
}

static json_t *line_json(const struct rn_series *d, size_t most)
{
    size_t keep[RN_CHART_POINTS], n = rn_chart_thin(d->y, d->n, most, keep);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "label", d->label, "step",
                     numbers_json(d->step, keep, n), "time", numbers_json(d->time_s, keep, n),
                     "tokens", numbers_json(d->tokens, keep, n), "flops",
                     numbers_json(d->flops, keep, n), "y", numbers_json(d->y, keep, n));
}

/* All lines of all charts share one budget, so that the page stays small however many there are. */
static size_t points_each(const struct rn_page *p)
{
    enum { BUDGET = 16000, LEAST = 64 };
    size_t lines = 1;
    for (size_t r = 0; r < p->n; r++)
        lines += p->runs[r].numbers.n * RN_COUNT(charts);
    size_t each = BUDGET / lines / 2 * 2;
    return each < LEAST ? LEAST : each > RN_CHART_POINTS ? RN_CHART_POINTS : each;
}

static void draw(struct rn_str *s, size_t chart, const struct rn_series *d, size_t n)
{
    struct rn_line *lines = rn_xalloc(n * sizeof *lines);
    for (size_t i = 0; i < n; i++)
        lines[i] = (struct rn_line){d[i].label, d[i].step, d[i].y, d[i].n};
    struct rn_chart c = {.id = charts[chart].metric,
                         .title = charts[chart].title,
                         .x_label = "step",
                         .lines = lines,
                         .n = n,
                         .log_y = charts[chart].log_y};
    rn_chart_draw(s, &c);
    free(lines);
}

static void put_controls(struct rn_str *s)
{
    rn_str_puts(s, "<form id=controls hidden>"
                   "<label>x <select name=x><option value=step>step<option value=time>time, s"
                   "<option value=tokens>tokens<option value=flops>FLOPs</select></label> "
                   "<label><input type=checkbox name=logx> log x</label> "
                   "<label><input type=checkbox name=logy> log y</label> "
                   "<label>smoothing <input type=range name=smooth min=0 max=0.99 step=0.01 "
                   "value=0></label></form>\n");
}

/* Of all cards that monitoring has seen, one line each; over time, and still: they are of the run,
 * not of a stage. */
static void put_card_chart(struct rn_str *s, const struct rn_card_log *log, const char *tag,
                           const char *what, const char *title)
{
    struct rn_line lines[RN_CARD_COLUMNS];
    size_t n = 0;
    for (size_t i = 0; i < log->n_columns; i++)
        if (rn_ends_with(log->columns[i].name, what))
            lines[n++] =
                (struct rn_line){log->columns[i].name, log->time_s, log->columns[i].values, log->n};
    char *id = rn_xprintf("%s%s", tag, what), *titled = rn_xprintf("%s %s", title, tag);
    struct rn_chart c = {.id = id, .title = titled, .x_label = "time, s", .lines = lines, .n = n};
    if (n && log->n > 1)
        rn_chart_draw(s, &c);
    free(titled);
    free(id);
}

static void put_cards(struct rn_str *s, const struct rn_page *p)
{
    for (size_t r = 0; r < p->n; r++) {
        struct rn_card_log log;
        rn_card_log_read(&log, p->runs[r].numbers.dir);
        const char *tag = p->n > 1 ? p->runs[r].numbers.tag : "";
        put_card_chart(s, &log, tag, "_power_w", "Power of the cards, W");
        put_card_chart(s, &log, tag, "_temp_c", "Temperature of the cards, degrees C");
        rn_card_log_release(&log);
    }
}

void rn_page_curves(struct rn_str *s, const struct rn_page *p)
{
    json_t *data = json_array();
    size_t most = points_each(p);
    put_controls(s);
    rn_str_puts(s, "<div class=charts>\n");
    for (size_t i = 0; i < RN_COUNT(charts); i++) {
        size_t n;
        struct rn_series *d = rn_series_collect(p->runs, p->n, charts[i].metric, &n);
        if (n) {
            json_t *lines = json_array();
            draw(s, i, d, n);
            for (size_t l = 0; l < n; l++)
                json_array_append_new(lines, line_json(&d[l], most));
            json_array_append_new(data, json_pack("{s:s, s:b, s:o}", "id", charts[i].metric, "log",
                                                  charts[i].log_y, "lines", lines));
        }
        rn_series_free(d, n);
    }
    put_cards(s, p);
    rn_str_puts(s, "</div>\n<script id=data type=\"application/json\">");
    rn_html_json(s, data);
    rn_str_puts(s, "</script>\n");
    json_decref(data);
}
