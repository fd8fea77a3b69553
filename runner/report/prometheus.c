#include "prometheus.h"

#include "journal.h"
#include "mem.h"
#include "path.h"
#include "runstate.h"
#include "store.h"
#include "str.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct exposition {
    FILE *out;
    const struct rn_runstate *run;
    const char *only;
};

/* --- samples --- */

static void print_label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value; value++)
        if (*value == '\n')
            fputs("\\n", out);
        else
            fprintf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    putc('"', out);
}

/* more: further labels, name and value by turns, NULL-ended. */
static void print_sample(const struct exposition *e, const char *metric, const char *stage,
                         const char *const *more, double value)
{
    char text[32];
    fprintf(e->out, "%s{", metric);
    print_label(e->out, "run", e->run->tag);
    putc(',', e->out);
    print_label(e->out, "stage", stage);
    for (; more && *more; more += 2) {
        putc(',', e->out);
        print_label(e->out, more[0], more[1]);
    }
    fprintf(e->out, "} %s\n", isfinite(value) ? rn_show_real(text, value) : "NaN");
}

/* All samples of a metric stand together, below its one TYPE; value is false where a stage has
 * none. */
static void print_family(const struct exposition *e, const char *metric, const void *ctx,
                         bool (*value)(const struct rn_runstate *, const struct rn_stage_state *,
                                       const void *ctx, double *out))
{
    fprintf(e->out, "# TYPE %s gauge\n", metric);
    for (size_t i = 0; i < e->run->n_stages; i++) {
        const struct rn_stage_state *s = &e->run->stages[i];
        double v;
        if ((!e->only || strcmp(e->only, s->name) == 0) && value(e->run, s, ctx, &v))
            print_sample(e, metric, s->name, NULL, v);
    }
}

/* --- what a stage is at --- */

static bool step_of(const struct rn_runstate *r, const struct rn_stage_state *s, const void *ctx,
                    double *out)
{
    (void)r, (void)ctx;
    *out = (double)s->step;
    return s->step >= 0;
}

static bool step_time_of(const struct rn_runstate *r, const struct rn_stage_state *s,
                         const void *ctx, double *out)
{
    (void)r, (void)ctx;
    *out = s->step_s;
    return s->step_s > 0;
}

/* The work directory's `latest` was replaced when the newest checkpoint was whole. */
static bool save_time_of(const struct rn_runstate *r, const struct rn_stage_state *s,
                         const void *ctx, double *out)
{
    struct stat st;
    const char *key = rn_json_str(s->last, "progress", "");
    char *runs = rn_dirname(r->dir), *store = rn_join(runs, ".store");
    char *work = rn_store_path(store, rn_json_str(s->last, "kind", ""), key, ".work");
    char *latest = rn_join(work, "latest");
    bool there = *key && stat(latest, &st) == 0;
    (void)ctx;
    *out = there ? (double)st.st_mtime : 0;
    free(latest);
    free(work);
    free(store);
    free(runs);
    return there;
}

static void print_states(const struct exposition *e)
{
    fputs("# TYPE runnel_stage_state gauge\n", e->out);
    for (size_t i = 0; i < e->run->n_stages; i++) {
        const struct rn_stage_state *s = &e->run->stages[i];
        const char *const state[] = {"state", s->word, NULL};
        if (!e->only || strcmp(e->only, s->name) == 0)
            print_sample(e, "runnel_stage_state", s->name, state, 1);
    }
}

/* --- its numbers --- */

/* Base units and the names that the field uses; every other metric is runnel_<name>. */
static const struct base_unit {
    const char *name, *prometheus;
    double factor;
} base_units[] = {
    {"tok_per_sec", "tokens_per_second", 1}, {"mfu", "mfu_ratio", 0.01},
    {"dt_ms", "step_seconds", 1e-3},         {"total_time_min", "training_seconds", 60},
    {"gpu_power_w", "gpu_power_watts", 1},   {"gpu_temp_c", "gpu_temperature_celsius", 1},
    {"j_per_token", "joules_per_token", 1}};

struct number {
    const char *name;
    double factor;
};

static bool number_of(const struct rn_runstate *r, const struct rn_stage_state *s, const void *ctx,
                      double *out)
{
    const struct number *n = ctx;
    const json_t *value = json_object_get(s->numbers, n->name);
    (void)r;
    *out = json_is_number(value) ? n->factor * json_number_value(value) : NAN;
    return value != NULL;
}

static void print_number(const struct exposition *e, const char *name)
{
    struct rn_str metric = {0};
    struct number n = {name, 1};
    const char *shown = name;
    for (size_t i = 0; i < RN_COUNT(base_units); i++)
        if (strcmp(name, base_units[i].name) == 0) {
            shown = base_units[i].prometheus;
            n.factor = base_units[i].factor;
        }
    rn_str_puts(&metric, "runnel_");
    for (; *shown; shown++)
        rn_str_putc(&metric, isalnum((unsigned char)*shown) ? *shown : '_');
    print_family(e, metric.p, &n, number_of);
    rn_str_release(&metric);
}

/* A name once, in the order in which stages have them. */
static void print_numbers(const struct exposition *e)
{
    json_t *names = json_object(), *value;
    const char *name;
    for (size_t i = 0; i < e->run->n_stages; i++)
        if (!e->only || strcmp(e->only, e->run->stages[i].name) == 0)
            json_object_update_missing(names, e->run->stages[i].numbers);
    json_object_foreach(names, name, value) print_number(e, name);
    json_decref(names);
}

/* --- alerts --- */

/* Counted by "stage alert level", which a journal may hold in any order. */
static json_t *count_alerts(const struct exposition *e)
{
    json_t *counts = json_object();
    for (size_t i = 0; i < json_array_size(e->run->records); i++) {
        const json_t *r = json_array_get(e->run->records, i);
        const char *stage = rn_json_str(r, "stage", "");
        if (strcmp(rn_json_str(r, "event", ""), "alert") != 0 ||
            (e->only && strcmp(e->only, stage) != 0))
            continue;
        json_t *key =
            json_pack("[s, s, s]", stage, rn_json_str(r, "alert", ""), rn_json_str(r, "level", ""));
        char *text = rn_json_canonical(key);
        json_t *row = json_object_get(counts, text);
        if (row)
            json_integer_set(json_array_get(row, 1),
                             json_integer_value(json_array_get(row, 1)) + 1);
        else
            json_object_set_new(counts, text, json_pack("[O, i]", key, 1));
        free(text);
        json_decref(key);
    }
    return counts;
}

static const char *text_at(const json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

static void print_alerts(const struct exposition *e)
{
    json_t *counts = count_alerts(e), *row;
    const char *key;
    fputs("# TYPE runnel_alerts_total counter\n", e->out);
    json_object_foreach(counts, key, row)
    {
        const json_t *of = json_array_get(row, 0);
        const char *const more[] = {"alert", text_at(of, 1), "level", text_at(of, 2), NULL};
        print_sample(e, "runnel_alerts_total", text_at(of, 0), more,
                     (double)json_integer_value(json_array_get(row, 1)));
    }
    json_decref(counts);
}

void rn_prometheus_print(FILE *out, const char *run_dir, const char *only)
{
    struct rn_runstate run;
    rn_runstate_init(&run, run_dir);
    struct exposition e = {out, &run, only};
    print_family(&e, "runnel_step", NULL, step_of);
    print_family(&e, "runnel_last_step_timestamp_seconds", NULL, step_time_of);
    print_family(&e, "runnel_checkpoint_last_success_timestamp_seconds", NULL, save_time_of);
    print_states(&e);
    print_numbers(&e);
    print_alerts(&e);
    rn_runstate_release(&run);
}
