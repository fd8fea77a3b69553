#include "cards.h"
#include "markdown.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* nanochat's names for what a stage does, and for what is measured on its model. */
static const struct section {
    const char *kind, *title, *scores; /* scores NULL: makes no model */
} sections[] = {{"fetch", "Data", NULL},
                {"train-tokenizer", "Tokenizer training", NULL},
                {"tokenize", "Tokenizer evaluation", NULL},
                {"base-train", "Base model training", "Base model evaluation"},
                {"mid-train", "Midtraining", "Chat evaluation"},
                {"sft", "Chat SFT", "Chat evaluation"}};

static const struct section *section_of(const struct rn_account *a, size_t stage)
{
    const char *kind = rn_account_kind(a, stage);
    for (size_t i = 0; i < RN_COUNT(sections); i++)
        if (strcmp(sections[i].kind, kind) == 0)
            return &sections[i];
    return NULL;
}

static bool makes_model(const struct rn_account *a, size_t stage)
{
    const struct section *s = section_of(a, stage);
    return s && s->scores;
}

/* --- scores --- */

/* An evaluation's metrics are STAGE.MODEL.TASK. */
void rn_card_scores(const struct rn_account *a, const char *model,
                    void (*each)(void *ctx, const char *task, json_t *value), void *ctx)
{
    const char *key;
    json_t *value;
    json_object_foreach(a->facts.results, key, value)
    {
        const char *rest = strchr(key, '.');
        size_t n = strlen(model);
        if (rest && strncmp(rest + 1, model, n) == 0 && rest[n + 1] == '.')
            each(ctx, rest + n + 2, value);
    }
}

static void put_score(void *ctx, const char *task, json_t *value)
{
    rn_md_item(ctx, task, value);
}

static void put_scores(struct rn_str *s, const struct rn_account *a, const char *title,
                       const char *model)
{
    struct rn_str items = {0};
    rn_card_scores(a, model, put_score, &items);
    if (items.n) {
        rn_str_printf(s, "## %s: ", title);
        rn_md_text(s, model);
        rn_str_printf(s, "\n\n%s\n", items.p);
    }
    rn_str_release(&items);
}

/* --- one stage --- */

/* Values that say "as usual" are left out. */
static bool is_unset(const json_t *value)
{
    static const char *const unset[] = {"", "-1", "~", "null", "auto", "none"};
    for (size_t i = 0; i < RN_COUNT(unset); i++)
        if (json_is_string(value) && strcmp(json_string_value(value), unset[i]) == 0)
            return true;
    return !value;
}

/* What `map` has below PARENT + STAGE. */
static void put_below(struct rn_str *s, json_t *map, const char *parent, const char *stage)
{
    char *prefix = rn_xprintf("%s%s.", parent, stage);
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value) if (rn_starts_with(key, prefix) && !is_unset(value))
        rn_md_item(s, key + strlen(prefix), value);
    free(prefix);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void put_median(struct rn_str *s, const struct rn_curves *c, const char *name)
{
    const struct rn_curve *curve = rn_curves_find(c, name);
    double *known = rn_xalloc((c->n + 1) * sizeof *known);
    size_t n = 0;
    for (size_t i = 0; curve && i < c->n; i++)
        if (curve->known[i] && isfinite(curve->values[i]))
            known[n++] = curve->values[i];
    if (n) {
        qsort(known, n, sizeof *known, by_value);
        rn_str_printf(s, "- %s, median: ", name);
        rn_md_number(s, known[n / 2]);
        rn_str_putc(s, '\n');
    }
    free(known);
}

static void put_pace(struct rn_str *s, const struct rn_account *a, size_t stage)
{
    char text[32];
    double wall_s = rn_json_real(a->state.stages[stage].last, "wall_s", 0);
    if (wall_s > 0)
        rn_str_printf(s, "- time: %s\n", rn_show_time(text, wall_s));
    for (size_t i = 0; i < a->numbers.n; i++)
        if (strcmp(a->numbers.stages[i].stage, a->state.stages[stage].name) == 0) {
            put_median(s, &a->numbers.stages[i], "tok_per_sec");
            put_median(s, &a->numbers.stages[i], "mfu");
        }
}

static void put_sample(struct rn_str *s, const struct rn_account *a, const char *stage)
{
    for (size_t i = 0; i < a->numbers.n; i++) {
        const struct rn_curves *c = &a->numbers.stages[i];
        if (strcmp(c->stage, stage) != 0 || c->n_said == 0)
            continue;
        const struct rn_said *said = &c->said[c->n_said - 1];
        rn_str_printf(s, "\nSample at step %lld:\n\n", (long long)said->step);
        rn_md_fenced(s, said->text);
    }
}

static void put_stage(struct rn_str *s, const struct rn_account *a, size_t i)
{
    const struct rn_stage_state *stage = &a->state.stages[i];
    const struct section *section = section_of(a, i);
    if (!section)
        return;
    rn_str_printf(s, "## %s: ", section->title);
    rn_md_text(s, stage->name);
    rn_str_printf(s, "\n\n- state: %s\n", stage->word);
    put_pace(s, a, i);
    put_below(s, a->facts.config, "stages.", stage->name);
    put_below(s, a->facts.results, "", stage->name);
    rn_str_putc(s, '\n');
    put_sample(s, a, stage->name);
    if (section->scores)
        put_scores(s, a, section->scores, stage->name);
}

/* --- the table --- */

static void add_task(void *ctx, const char *task, json_t *value)
{
    if (json_is_number(value))
        json_object_set(ctx, task, value);
}

static json_t *scores_of(const struct rn_account *a, const char *stage)
{
    static const char *const own[] = {"val_bpb", "core", "hellaswag"};
    json_t *scores = json_object();
    for (size_t i = 0; i < RN_COUNT(own); i++) {
        char *key = rn_xprintf("%s.%s", stage, own[i]);
        if (json_object_get(a->facts.results, key))
            json_object_set(scores, own[i], json_object_get(a->facts.results, key));
        free(key);
    }
    rn_card_scores(a, stage, add_task, scores);
    return scores;
}

static void put_row(struct rn_str *s, const json_t *columns, const char *metric)
{
    rn_str_puts(s, "| ");
    rn_md_text(s, metric);
    for (size_t i = 0; i < json_array_size(columns); i++) {
        rn_str_puts(s, " | ");
        rn_md_value(s, json_object_get(json_array_get(columns, i), metric));
    }
    rn_str_puts(s, " |\n");
}

void rn_card_table(struct rn_str *s, const struct rn_account *a)
{
    json_t *columns = json_array(), *metrics = json_object(), *value;
    const char *metric;
    struct rn_str rule = {0};
    rn_str_puts(s, "| Metric");
    for (size_t i = 0; i < a->state.n_stages; i++)
        if (makes_model(a, i)) {
            rn_str_puts(s, " | ");
            rn_md_text(s, a->state.stages[i].name);
            rn_str_puts(&rule, "---:|");
            json_array_append_new(columns, scores_of(a, a->state.stages[i].name));
            json_object_update_missing(metrics,
                                       json_array_get(columns, json_array_size(columns) - 1));
        }
    rn_str_printf(s, " |\n|---|%s\n", rule.p ? rule.p : "");
    json_object_foreach(metrics, metric, value) put_row(s, columns, metric);
    rn_str_release(&rule);
    json_decref(metrics);
    json_decref(columns);
}

/* --- the whole --- */

void rn_card_machine(struct rn_str *s, const struct rn_account *a)
{
    static const char *const names[] = {"runnel",   "device",  "processor",
                                        "features", "threads", "isa"};
    json_t *stages = json_object_get(a->receipt, "stages");
    const json_t *stage = json_object_iter_value(json_object_iter(stages));
    const json_t *machine = json_object_get(stage, "machine");
    machine = machine ? machine : a->state.run;
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        const json_t *value = json_object_get(machine, names[i]);
        if (!is_unset(value))
            rn_md_item(s, names[i], value);
    }
    rn_str_putc(s, '\n');
}

void rn_report_card(struct rn_str *s, const struct rn_account *a)
{
    int minutes = (int)(rn_account_took_s(a) / 60);
    rn_str_puts(s, "# ");
    rn_md_text(s, a->state.tag);
    rn_str_puts(s, "\n\n## Environment\n\n");
    rn_card_machine(s, a);
    for (size_t i = 0; i < a->state.n_stages; i++)
        put_stage(s, a, i);
    rn_str_puts(s, "## Summary\n\n");
    rn_card_table(s, a);
    rn_str_printf(s, "\nTotal wall clock time: %dh%dm\n", minutes / 60, minutes % 60);
}
