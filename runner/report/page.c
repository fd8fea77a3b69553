#include "page.h"

#include "chart.h"
#include "file.h"
#include "html.h"
#include "json.h"
#include "mem.h"
#include "page_assets.h"
#include "path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- pieces --- */

static void put_pair(struct rn_str *s, const char *name, const char *value)
{
    if (!*value)
        return;
    rn_str_puts(s, "<tr><th scope=row>");
    rn_html_text(s, name);
    rn_str_puts(s, "<td>");
    rn_html_text(s, value);
    rn_str_puts(s, "\n");
}

static void put_moment(struct rn_str *s, const char *name, double time_s)
{
    char text[sizeof "2026-11-21 11:24:05 UTC"];
    time_t t = (time_t)time_s;
    struct tm tm;
    if (time_s <= 0 || !gmtime_r(&t, &tm))
        return;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    put_pair(s, name, text);
}

static void put_json_value(struct rn_str *s, const json_t *value)
{
    if (json_is_number(value))
        rn_html_printf(s, "%.6g", json_number_value(value));
    else if (json_is_string(value))
        rn_html_text(s, json_string_value(value));
    else
        rn_str_puts(s, "-");
}

/* --- sections --- */

static void put_summary_of(struct rn_str *s, const struct rn_runstate *r)
{
    static const char *const facts[] = {"pipeline", "path", "profile", "device", "version"};
    char text[32];
    rn_str_puts(s, "<table>\n");
    put_pair(s, "run", r->tag);
    put_pair(s, "state", r->word);
    for (size_t i = 0; i < RN_COUNT(facts); i++)
        put_pair(s, facts[i], rn_json_str(r->run, facts[i], ""));
    put_moment(s, "began", r->began_s);
    put_moment(s, "last seen", r->seen_s);
    put_pair(s, "size of its outputs", rn_show_bytes(text, r->size_bytes));
    rn_str_puts(s, "</table>\n");
}

static void put_summary(struct rn_str *s, const struct rn_page *p)
{
    for (size_t i = 0; i < p->n; i++)
        put_summary_of(s, &p->runs[i].state);
}

static bool has_core(json_t *results)
{
    const char *key;
    json_t *value;
    json_object_foreach(results, key, value) if (rn_ends_with(key, ".core")) return true;
    return false;
}

/* A row a metric, a column a run. Scores of GPT-2 stand beside CORE, as its bundle gives them. */
static void put_results(struct rn_str *s, const struct rn_page *p)
{
    const char *key;
    json_t *value, *all = json_object();
    rn_str_puts(s, "<table><tr><th>result");
    for (size_t i = 0; i < p->n; i++) {
        rn_str_puts(s, "<th class=n>");
        rn_html_text(s, p->runs[i].state.tag);
        json_object_update_missing(all, p->runs[i].facts.results);
    }
    json_object_foreach(all, key, value) if (json_is_number(value))
    {
        rn_str_puts(s, "\n<tr><th scope=row>");
        rn_html_text(s, key);
        for (size_t i = 0; i < p->n; i++) {
            rn_str_puts(s, "<td class=n>");
            put_json_value(s, json_object_get(p->runs[i].facts.results, key));
        }
    }
    rn_str_puts(s, "</table>\n");
    if (has_core(all))
        rn_str_puts(s, "<p class=soft>For comparison, CORE of GPT-2 as its bundle has it: 124M "
                       "0.1139, 355M 0.1849, 774M 0.2146, 1.5B 0.2565.</p>\n");
    json_decref(all);
}

static void put_samples(struct rn_str *s, const struct rn_page *p)
{
    enum { NEWEST = 12 };
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->runs[i].numbers.n; k++) {
            const struct rn_curves *c = &p->runs[i].numbers.stages[k];
            for (size_t j = c->n_said > NEWEST ? c->n_said - NEWEST : 0; j < c->n_said; j++) {
                rn_str_puts(s, "<h3>");
                rn_html_printf(s, "%.64s %.64s, step %lld", p->n > 1 ? p->runs[i].state.tag : "",
                               c->stage, (long long)c->said[j].step);
                rn_str_puts(s, "</h3><pre>");
                rn_html_text(s, c->said[j].text);
                rn_str_puts(s, "</pre>\n");
            }
        }
}

static void put_difference(struct rn_str *s, const json_t *row)
{
    rn_str_puts(s, "<tr><td>");
    rn_html_text(s, rn_json_str(row, "part", ""));
    rn_str_puts(s, "<th scope=row>");
    rn_html_text(s, rn_json_str(row, "key", ""));
    rn_str_puts(s, "<td>");
    put_json_value(s, json_object_get(row, "a"));
    rn_str_puts(s, "<td>");
    put_json_value(s, json_object_get(row, "b"));
    rn_str_puts(s, "<td class=n>");
    if (json_object_get(row, "change"))
        put_json_value(s, json_object_get(row, "change"));
    rn_str_puts(s, "\n");
}

/* Each later run against the first. */
static void put_differences(struct rn_str *s, const struct rn_page *p)
{
    for (size_t i = 1; i < p->n; i++) {
        json_t *rows = rn_facts_differences(&p->runs[0].facts, &p->runs[i].facts);
        rn_str_puts(s, "<table><tr><th>part<th>key<th>");
        rn_html_text(s, p->runs[0].state.tag);
        rn_str_puts(s, "<th>");
        rn_html_text(s, p->runs[i].state.tag);
        rn_str_puts(s, "<th class=n>change\n");
        for (size_t k = 0; k < json_array_size(rows); k++)
            put_difference(s, json_array_get(rows, k));
        rn_str_puts(s, "</table>\n");
        json_decref(rows);
    }
}

static void put_data(struct rn_str *s, const struct rn_page *p)
{
    const char *key;
    json_t *value;
    for (size_t i = 0; i < p->n; i++) {
        rn_str_puts(s, "<table><tr><th>output<th>sha256\n");
        json_object_foreach(p->runs[i].facts.data, key, value)
        {
            rn_str_puts(s, "<tr><th scope=row>");
            rn_html_text(s, key);
            rn_str_puts(s, "<td><code>");
            put_json_value(s, value);
            rn_str_puts(s, "</code>\n");
        }
        rn_str_puts(s, "</table>\n");
    }
}

static void put_file(struct rn_str *s, const char *dir, const char *name)
{
    enum { CAP = 256 << 10 };
    char *path = rn_join(dir, name), *text = NULL;
    size_t n;
    if (rn_file_read(path, CAP, &text, &n, NULL) == RN_OK) {
        rn_str_puts(s, "<details><summary>");
        rn_html_text(s, name);
        rn_str_puts(s, "</summary><pre>");
        rn_html_text(s, text);
        rn_str_puts(s, "</pre></details>\n");
        free(text);
    }
    free(path);
}

static void put_configuration(struct rn_str *s, const struct rn_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        put_file(s, p->runs[i].numbers.dir, "resolved.yaml");
        put_file(s, p->runs[i].numbers.dir, "receipt.json");
    }
}

enum { ALONE = 1, BESIDE = 2 };
static const struct section {
    const char *id, *title;
    int where;
    void (*put)(struct rn_str *, const struct rn_page *);
} sections[] = {{"summary", "Summary", ALONE | BESIDE, put_summary},
                {"differences", "Differences", BESIDE, put_differences},
                {"stages", "Stages", ALONE | BESIDE, rn_page_stages},
                {"curves", "Curves", ALONE | BESIDE, rn_page_curves},
                {"results", "Results", ALONE | BESIDE, put_results},
                {"alerts", "Alerts", ALONE, rn_page_alerts},
                {"samples", "Samples", ALONE, put_samples},
                {"data", "Data", ALONE, put_data},
                {"configuration", "Configuration and environment", ALONE, put_configuration}};

/* --- the page --- */

static void put_title(struct rn_str *s, const struct rn_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        rn_str_puts(s, i ? ", " : "");
        rn_html_text(s, p->runs[i].state.tag);
    }
}

static void put_head(struct rn_str *s, const struct rn_page *p)
{
    rn_str_puts(s,
                "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
                "<meta name=viewport content=\"width=device-width\">\n"
                "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src "
                "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<title>");
    put_title(s, p);
    rn_str_puts(s, "</title>\n<style>\n");
    rn_str_puts(s, rn_page_css);
    for (size_t i = 0; i < RN_CHART_COLOURS; i++)
        rn_str_printf(s, ".c%zu { --c: #%06x }\n", i, rn_chart_colours[i]);
    rn_str_puts(s, "</style>\n<h1>");
    put_title(s, p);
    rn_str_puts(s, "</h1>\n");
}

static void put_sections(struct rn_str *s, const struct rn_page *p)
{
    int where = p->n > 1 ? BESIDE : ALONE;
    rn_str_puts(s, "<nav>");
    for (size_t i = 0; i < RN_COUNT(sections); i++)
        if (sections[i].where & where)
            rn_str_printf(s, "<a href=\"#%s\">%s</a>", sections[i].id, sections[i].title);
    rn_str_puts(s, "</nav>\n");
    for (size_t i = 0; i < RN_COUNT(sections); i++) {
        if (!(sections[i].where & where))
            continue;
        rn_str_printf(s, "<h2 id=%s>%s</h2>\n", sections[i].id, sections[i].title);
        sections[i].put(s, p);
    }
}

int rn_page_write(struct rn_str *s, const char *const *run_dirs, size_t n, struct rn_err *err)
{
    struct rn_page p = {.runs = rn_xalloc(n * sizeof *p.runs)};
    int rc = RN_OK;
    for (size_t i = 0; i < n && rc == RN_OK; i++)
        rc = rn_account_read(&p.runs[p.n++], run_dirs[i], err);
    if (rc == RN_OK) {
        put_head(s, &p);
        put_sections(s, &p);
        rn_str_puts(s, "<script>\n");
        rn_str_puts(s, rn_page_js);
        rn_str_puts(s, "</script>\n</html>\n");
    }
    for (size_t i = 0; i < p.n; i++)
        rn_account_release(&p.runs[i]);
    free(p.runs);
    return rc;
}
