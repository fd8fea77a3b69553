/* The curves: pictures for everybody, and the same numbers for the script. */
#include "chart.h"
#include "html.h"
#include "mem.h"
#include "page.h"

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
              {"dt_ms", "Step time, ms", true}};

/* One line: the known values of a metric in one stage of one run. */
struct drawn {
    char *label;
    double *step, *time_s, *tokens, *y;
    size_t n;
};

/* Tokens trained on up to a row: rate times duration, added up. Rows without both add nothing. */
static double tokens_of(const struct rn_curve *rate, const struct rn_curve *dt, size_t row)
{
    if (!rate || !dt || !rate->known[row] || !dt->known[row])
        return 0;
    double n = rate->values[row] * dt->values[row] / 1000;
    return isfinite(n) ? n : 0;
}

static struct drawn drawn_of(const struct rn_curves *c, const struct rn_curve *curve, char *label)
{
    const struct rn_curve *rate = rn_curves_find(c, "tok_per_sec"),
                          *dt = rn_curves_find(c, "dt_ms");
    size_t bytes = c->n * sizeof(double);
    struct drawn d = {label, rn_xalloc(bytes), rn_xalloc(bytes), rn_xalloc(bytes), rn_xalloc(bytes),
                      0};
    double tokens = 0;
    for (size_t row = 0; row < c->n; row++) {
        tokens += tokens_of(rate, dt, row);
        if (!curve->known[row])
            continue;
        d.step[d.n] = (double)c->steps[row];
        d.time_s[d.n] = c->times_s[row] - c->times_s[0];
        d.tokens[d.n] = tokens;
        d.y[d.n++] = curve->values[row];
    }
    return d;
}

static void release(struct drawn *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(d[i].label);
        free(d[i].step);
        free(d[i].time_s);
        free(d[i].tokens);
        free(d[i].y);
    }
    free(d);
}

static struct drawn *collect(const struct rn_page *p, const char *metric, size_t *n)
{
    struct drawn *all = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t r = 0; r < p->n; r++) {
        const struct rn_numbers *numbers = &p->runs[r].numbers;
        for (size_t s = 0; s < numbers->n; s++) {
            const struct rn_curves *c = &numbers->stages[s];
            const struct rn_curve *curve = rn_curves_find(c, metric);
            if (!curve || c->n < 2)
                continue;
            char *label =
                p->n > 1 ? rn_xprintf("%s %s", numbers->tag, c->stage) : rn_xdup(c->stage);
            struct drawn d = drawn_of(c, curve, label);
            RN_PUSH(all, *n, cap, d);
        }
    }
    return all;
}

static json_t *numbers_json(const double *values, const size_t *keep, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        double v = values[keep[i]];
        json_array_append_new(list, isfinite(v) ? json_real(v) : json_null());
    }
    return list;
}

static json_t *line_json(const struct drawn *d, size_t most)
{
    size_t keep[RN_CHART_POINTS], n = rn_chart_thin(d->y, d->n, most, keep);
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "label", d->label, "step",
                     numbers_json(d->step, keep, n), "time", numbers_json(d->time_s, keep, n),
                     "tokens", numbers_json(d->tokens, keep, n), "y", numbers_json(d->y, keep, n));
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

static void draw(struct rn_str *s, size_t chart, const struct drawn *d, size_t n)
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
                   "<option value=tokens>tokens</select></label> "
                   "<label><input type=checkbox name=logx> log x</label> "
                   "<label><input type=checkbox name=logy> log y</label> "
                   "<label>smoothing <input type=range name=smooth min=0 max=0.99 step=0.01 "
                   "value=0></label></form>\n");
}

void rn_page_curves(struct rn_str *s, const struct rn_page *p)
{
    json_t *data = json_array();
    size_t most = points_each(p);
    put_controls(s);
    rn_str_puts(s, "<div class=charts>\n");
    for (size_t i = 0; i < RN_COUNT(charts); i++) {
        size_t n;
        struct drawn *d = collect(p, charts[i].metric, &n);
        if (n) {
            json_t *lines = json_array();
            draw(s, i, d, n);
            for (size_t l = 0; l < n; l++)
                json_array_append_new(lines, line_json(&d[l], most));
            json_array_append_new(data, json_pack("{s:s, s:b, s:o}", "id", charts[i].metric, "log",
                                                  charts[i].log_y, "lines", lines));
        }
        release(d, n);
    }
    rn_str_puts(s, "</div>\n<script id=data type=\"application/json\">");
    rn_html_json(s, data);
    rn_str_puts(s, "</script>\n");
    json_decref(data);
}
