#include "exports.h"

#include "journal.h"
#include "mem.h"
#include "path.h"
#include "prometheus.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

static json_t *stages_of(const char *dir)
{
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path), *stages = rn_journal_stages(records);
    json_decref(records);
    free(path);
    return stages;
}

static int read_stages(struct rn_numbers *n, const json_t *stages, const char *only,
                       struct rn_err *err)
{
    n->stages = rn_xalloc((json_array_size(stages) + 1) * sizeof *n->stages);
    bool found = !only;
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        if (only && strcmp(stage, only) != 0)
            continue;
        found = true;
        RN_TRY(rn_curves_read(&n->stages[n->n], n->dir, stage, err));
        if (n->stages[n->n].n > 0)
            n->n++;
        else
            rn_curves_release(&n->stages[n->n]);
    }
    return found ? RN_OK : rn_fail(err, RN_EUSAGE, RN_NOWHERE, "the run has no stage '%s'", only);
}

int rn_numbers_read(struct rn_numbers *n, const char *run_dir, const char *only, struct rn_err *err)
{
    json_t *stages = stages_of(run_dir);
    *n = (struct rn_numbers){.dir = rn_xdup(run_dir), .only = only};
    n->tag = rn_basename(n->dir);
    int rc = read_stages(n, stages, only, err);
    json_decref(stages);
    if (rc != RN_OK)
        rn_numbers_release(n);
    return rc;
}

void rn_numbers_release(struct rn_numbers *n)
{
    for (size_t i = 0; i < n->n; i++)
        rn_curves_release(&n->stages[i]);
    free(n->stages);
    free(n->dir);
    *n = (struct rn_numbers){0};
}

/* --- CSV --- */

/* The columns of nanochat's training log, in its order; every other name follows. */
static const char *const first_columns[] = {"loss",        "grad_norm", "lrm",           "dt_ms",
                                            "tok_per_sec", "mfu",       "total_time_min"};

struct columns {
    const char **names; /* borrowed */
    size_t n, cap;
};

static void add_column(struct columns *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->names[i], name) == 0)
            return;
    RN_PUSH(c->names, c->n, c->cap, name);
}

static struct columns columns_of(const struct rn_numbers *n)
{
    struct columns c = {0};
    for (size_t i = 0; i < RN_COUNT(first_columns); i++)
        add_column(&c, first_columns[i]);
    add_column(&c, "time");
    for (size_t s = 0; s < n->n; s++)
        for (size_t i = 0; i < n->stages[s].n_curves; i++)
            add_column(&c, n->stages[s].curves[i].name);
    return c;
}

/* RFC 4180: quoted where it must be. */
static void print_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++)
        fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    putc('"', out);
}

static void print_number(FILE *out, double value)
{
    char text[32];
    fputs(isfinite(value) ? rn_show_real(text, value) : "nan", out);
}

static void print_row(FILE *out, const struct rn_curves *s, size_t row, const struct columns *c)
{
    fprintf(out, "%lld", (long long)s->steps[row]);
    for (size_t i = 0; i < c->n; i++) {
        const struct rn_curve *curve = rn_curves_find(s, c->names[i]);
        putc(',', out);
        if (strcmp(c->names[i], "time") == 0)
            print_number(out, s->times_s[row]);
        else if (curve && curve->known[row])
            print_number(out, curve->values[row]);
    }
    putc(',', out);
    print_field(out, s->stage);
    putc('\n', out);
}

static int export_csv(const struct rn_numbers *n, FILE *out, const char *folder, struct rn_err *err)
{
    struct columns c = columns_of(n);
    (void)folder, (void)err;
    fputs("step", out);
    for (size_t i = 0; i < c.n; i++) {
        putc(',', out);
        print_field(out, c.names[i]);
    }
    fputs(",stage\n", out);
    for (size_t s = 0; s < n->n; s++)
        for (size_t row = 0; row < n->stages[s].n; row++)
            print_row(out, &n->stages[s], row, &c);
    free(c.names);
    return RN_OK;
}

/* --- JSON --- */

static json_t *row_json(const struct rn_curves *s, size_t row)
{
    json_t *doc = json_pack("{s:I, s:f, s:s}", "step", (json_int_t)s->steps[row], "time",
                            s->times_s[row], "stage", s->stage);
    for (size_t i = 0; i < s->n_curves; i++) {
        double value = s->curves[i].values[row];
        if (s->curves[i].known[row])
            json_object_set_new(doc, s->curves[i].name,
                                isfinite(value) ? json_real(value) : json_null());
    }
    return doc;
}

static int export_json(const struct rn_numbers *n, FILE *out, const char *folder,
                       struct rn_err *err)
{
    (void)folder, (void)err;
    for (size_t s = 0; s < n->n; s++)
        for (size_t row = 0; row < n->stages[s].n; row++) {
            json_t *doc = row_json(&n->stages[s], row);
            char *line = rn_json_canonical(doc);
            fprintf(out, "%s\n", line);
            free(line);
            json_decref(doc);
        }
    return RN_OK;
}

/* --- Prometheus --- */

static int export_prometheus(const struct rn_numbers *n, FILE *out, const char *folder,
                             struct rn_err *err)
{
    (void)folder, (void)err;
    rn_prometheus_print(out, n->dir, n->only);
    return RN_OK;
}

/* --- the table --- */

static const struct rn_exporter exporters[] = {
    {"csv", "a row a step; columns of nanochat's training log first", NULL, export_csv},
    {"json", "an object a step", NULL, export_json},
    {"prometheus", "newest values, for node_exporter's textfile collector", NULL,
     export_prometheus},
    {"tensorboard", "event files, a folder a stage", "tensorboard", rn_export_tensorboard},
    {"wandb-offline", "offline runs for `wandb sync`, one a stage", "wandb", rn_export_wandb},
    {0}};

const struct rn_exporter *rn_exporter_find(const char *name)
{
    for (const struct rn_exporter *e = exporters; e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}
