#include "dashboard.h"

#include "alert_list.h"
#include "card_log.h"
#include "mem.h"
#include "progress.h"
#include "spark.h"
#include "terminal.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What is being put on the screen. */
struct drawing {
    struct rn_str *out;
    const struct rn_view *view;
    int lines; /* so far */
};

/* --- lines --- */

static int room(const struct drawing *d)
{
    return d->view->lines - d->lines;
}

/* One line of clean text that fits; what is beyond the last line is dropped. */
static void put_line(struct drawing *d, const char *text)
{
    char *clean = rn_xdup(text);
    if (room(d) > 0) {
        rn_ui_clean(clean);
        rn_str_printf(d->out, "%s%.*s", d->lines++ ? "\n" : "",
                      rn_terminal_fit(clean, d->view->columns), clean);
    }
    free(clean);
}

RN_PRINTF(2, 3) static void put(struct drawing *d, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_line(d, text);
}

/* A text of many lines, each also cut where the screen ends; at most `most` lines of it. */
static void put_text(struct drawing *d, const char *text, int most)
{
    static const char indent[] = "    ";
    const int indented = sizeof indent - 1;
    struct rn_str line = {0};
    for (const char *p = text; *p && most-- > 0;) {
        size_t n = strcspn(p, "\n");
        rn_str_clear(&line);
        rn_str_puts(&line, indent);
        rn_str_add(&line, p, n);
        rn_ui_clean(line.p);
        int fits = rn_terminal_fit(line.p, d->view->columns);
        bool cut = line.p[fits] && fits > indented;
        p += cut ? (size_t)(fits - indented) : n + (p[n] == '\n');
        line.p[fits] = '\0';
        put_line(d, line.p);
    }
    rn_str_release(&line);
}

/* --- numbers --- */

static void show_number(struct rn_str *s, const char *name, double value)
{
    static const double LONG = 1e5;
    char shown[32];
    if (fabs(value) >= LONG)
        rn_str_printf(s, "%s %s", name, rn_show_count(shown, value));
    else
        rn_str_printf(s, "%s %.4g", name, value);
}

/* "tok_per_sec 431 k   mfu 43.8", as many lines as they take. */
static void put_numbers(struct drawing *d, const json_t *numbers)
{
    const char *name;
    json_t *value;
    struct rn_str line = {0};
    json_object_foreach((json_t *)numbers, name, value)
    {
        struct rn_str one = {0};
        if (!json_is_number(value))
            continue;
        show_number(&one, name, json_number_value(value));
        if (line.n && (int)(line.n + 3 + one.n) > d->view->columns) {
            put_line(d, line.p);
            rn_str_clear(&line);
        }
        rn_str_printf(&line, "%s%s", line.n ? "   " : "  ", one.p);
        rn_str_release(&one);
    }
    if (line.n)
        put_line(d, line.p);
    rn_str_release(&line);
}

/* --- the curve --- */

struct series {
    double *values;
    size_t n, cap;
    int64_t first, last; /* steps */
};

static struct series series_of(const json_t *lines, const char *name)
{
    struct series s = {0};
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i), *value = json_object_get(line, name);
        if (!value || json_is_string(value))
            continue;
        s.last = rn_json_int(line, "step", 0);
        s.first = s.n ? s.first : s.last;
        RN_PUSH(s.values, s.n, s.cap, json_is_number(value) ? json_number_value(value) : NAN);
    }
    return s;
}

static void put_curve(struct drawing *d, const json_t *lines, const char *name)
{
    enum { BESIDE = 48, LEAST = 8, MOST = 100 };
    int width = d->view->columns - BESIDE;
    struct series c = series_of(lines, name);
    struct rn_str spark = {0};
    if (c.n >= 2 && width >= LEAST) {
        rn_spark(&spark, c.values, c.n, (size_t)(width < MOST ? width : MOST), d->view->utf8);
        put(d, "  %s %.4g %s %.4g   steps %lld to %lld", name, c.values[0], spark.p,
            c.values[c.n - 1], (long long)c.first, (long long)c.last);
    }
    rn_str_release(&spark);
    free(c.values);
}

/* --- a stage at work --- */

static void show_steps(struct rn_str *s, const struct rn_stage_state *stage)
{
    if (stage->step >= 0 && stage->steps > 0)
        rn_str_printf(s, "%lld/%lld steps  %.1f %%", (long long)stage->step + 1,
                      (long long)stage->steps,
                      100.0 * (double)(stage->step + 1) / (double)stage->steps);
    else if (stage->step > 0)
        rn_str_printf(s, "step %lld", (long long)stage->step);
}

static void show_end(struct rn_str *s, const struct rn_stage_state *stage, double now_s)
{
    char left[32], moment[32];
    if (stage->eta_s > 0)
        rn_str_printf(s, "%s%s left, done %s", s->n ? "  " : "", rn_show_time(left, stage->eta_s),
                      rn_show_moment(moment, now_s + stage->eta_s, now_s));
}

void rn_dashboard_line(struct rn_str *s, const struct rn_stage_state *stage, double now_s)
{
    static const char *const names[] = {"loss", "val_bpb", "tok_per_sec"};
    show_steps(s, stage);
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        const json_t *value = json_object_get(stage->numbers, names[i]);
        if (json_is_number(value)) {
            rn_str_puts(s, s->n ? "  " : "");
            show_number(s, names[i], json_number_value(value));
        }
    }
    show_end(s, stage, now_s);
    if (s->n == 0)
        rn_str_puts(s, stage->said);
}

static void put_bar(struct drawing *d, const struct rn_stage_state *stage)
{
    enum { BAR = 30 };
    char bar[BAR + 1];
    struct rn_str s = {0};
    bool counted = stage->steps > 0 && stage->step >= 0;
    int full = counted ? (int)((double)BAR * (double)(stage->step + 1) / (double)stage->steps) : 0;
    memset(bar, '-', BAR);
    memset(bar, '#', (size_t)(full < BAR ? full : BAR));
    bar[BAR] = '\0';
    show_steps(&s, stage);
    if (counted)
        rn_str_printf(&s, "  [%s]", bar);
    show_end(&s, stage, d->view->now_s);
    put(d, "> %s  %s", stage->name, s.n ? s.p : stage->word);
    rn_str_release(&s);
}

/* The newest text among a stage's numbers, or NULL. */
static const char *newest_text(const json_t *lines, int64_t *step)
{
    const char *name;
    json_t *value;
    for (size_t i = json_array_size(lines); i-- > 0;)
        json_object_foreach(json_array_get(lines, i), name, value) if (json_is_string(value))
        {
            *step = rn_json_int(json_array_get(lines, i), "step", 0);
            return json_string_value(value);
        }
    return NULL;
}

static void put_stage(struct drawing *d, const struct rn_stage_state *stage)
{
    static const char *const curves[] = {"loss", "val_bpb"};
    enum { SAMPLE_LINES = 6 };
    int64_t step = 0;
    const char *sample = newest_text(stage->lines, &step);
    put_line(d, "");
    put_bar(d, stage);
    for (size_t i = 0; i < RN_COUNT(curves); i++)
        put_curve(d, stage->lines, curves[i]);
    put_numbers(d, stage->numbers);
    if (*stage->said)
        put(d, "  says: %s", stage->said);
    if (sample) {
        put(d, "  sample of step %lld:", (long long)step);
        put_text(d, sample, SAMPLE_LINES);
    }
}

/* --- what is wrong --- */

/* The newest alerts since the run was last started. */
static void put_alerts(struct drawing *d, const struct rn_runstate *r)
{
    enum { NEWEST = 3 };
    double began_s = rn_json_real(r->run, "time", 0);
    json_t *rows = rn_alert_list(r->records, NULL, NEWEST);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double time_s = rn_json_real(row, "time", 0);
        char when[32];
        if (time_s >= began_s)
            put(d, "! %s  %s  %s: %s", rn_show_moment(when, time_s, d->view->now_s),
                rn_json_str(row, "stage", ""), rn_json_str(row, "alert", ""),
                rn_json_str(row, "text", ""));
    }
    json_decref(rows);
}

/* --- the cards --- */

/* "gpu0  412 W  63 C  98 %  41.2 GiB": of the newest sample, if the run is monitored. */
static void put_cards(struct drawing *d, const char *run_dir)
{
    static const struct {
        const char *column, *form;
        double scale;
    } shown[] = {{"power_w", "  %.0f W", 1},
                 {"temp_c", "  %.0f C", 1},
                 {"util_pct", "  %.0f %%", 1},
                 {"mem_used_mib", "  %.1f GiB", 1.0 / 1024}};
    json_t *cards = rn_card_newest(run_dir);
    for (size_t g = 0; g < json_array_size(cards); g++) {
        struct rn_str line = {0};
        for (size_t i = 0; i < RN_COUNT(shown); i++) {
            const json_t *value = json_object_get(json_array_get(cards, g), shown[i].column);
            if (json_is_number(value))
                rn_str_printf(&line, shown[i].form, json_number_value(value) * shown[i].scale);
        }
        if (line.n)
            put(d, "  gpu%zu%s", g, line.p);
        rn_str_release(&line);
    }
    json_decref(cards);
}

/* --- all stages --- */

static void put_row(struct drawing *d, const struct rn_stage_state *s, int width)
{
    struct rn_str rest = {0};
    char took[32];
    double wall_s = rn_json_real(s->last, "wall_s", 0);
    const char *message = rn_json_str(s->last, "message", "");
    rn_runstate_glance(&rest, s->numbers);
    if (strcmp(s->word, "running") != 0) {
        if (wall_s > 0)
            rn_str_printf(&rest, "%s%s", rest.n ? "  " : "", rn_show_time(took, wall_s));
        if (*message)
            rn_str_printf(&rest, "%s%s", rest.n ? "  " : "", message);
    }
    put(d, "%c %-*s  %-11s  %s", rn_runstate_symbol(s->word), width, s->name, s->word,
        rest.p ? rest.p : "");
    rn_str_release(&rest);
}

/* Of more stages than may stand here, those around the one that works. */
static void put_rows(struct drawing *d, const struct rn_runstate *r)
{
    enum { LEAST = 3 };
    size_t half = d->view->lines / 2 < LEAST ? LEAST : (size_t)d->view->lines / 2, at = 0, from;
    int width = 0;
    for (size_t i = 0; i < r->n_stages; i++) {
        int n = (int)strlen(r->stages[i].name);
        width = n > width ? n : width;
        at = strcmp(r->stages[i].word, "running") == 0 ? i : at;
    }
    from = at < half / 2 || r->n_stages <= half ? 0 : at - half / 2;
    for (size_t i = from; i < r->n_stages && i < from + half; i++)
        put_row(d, &r->stages[i], width);
    if (r->n_stages > half)
        put(d, "  (%zu of %zu stages)", half, r->n_stages);
}

static void put_head(struct drawing *d, const struct rn_runstate *r)
{
    char began[32], ago[32];
    double silent_s = d->view->now_s - r->seen_s;
    put(d, "%s  %s  %zu of %zu stages done  began %s  last sign of life %s ago", r->tag, r->word,
        r->n_done, r->n_stages, rn_show_moment(began, r->began_s, d->view->now_s),
        rn_show_time(ago, silent_s > 0 ? silent_s : 0));
    put_line(d, "");
}

void rn_dashboard(struct rn_str *s, const struct rn_runstate *r, const struct rn_view *view)
{
    struct drawing d = {s, view, 0};
    put_head(&d, r);
    put_rows(&d, r);
    put_alerts(&d, r);
    for (size_t i = 0; i < r->n_stages; i++)
        if (strcmp(r->stages[i].word, "running") == 0)
            put_stage(&d, &r->stages[i]);
    put_cards(&d, r->dir);
    put_line(&d, "");
    put_line(&d, "q leaves; the run goes on");
}
