/* runnel explain - everything about one stage: keys, inputs, digests, what is there, why it would
 * run, what it would cost. Reads only. */
#include "loading.h"
#include "path.h"
#include "planview.h"
#include "str.h"
#include "target.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE, RN_OPT_DEVICE, RN_OPT_THREADS, RN_OPT_VERIFY, {0}};

static const struct rn_example examples[] = {
    {"explain smoke.yaml base", "why it would run, and what it is made of"},
    {"explain smoke.yaml base base.seed=7", "what a change would do"},
    {0}};

/* --- keys: every value with its class and where it comes from --- */

static const struct rn_key *row_of(const struct rn_pstage *s, const char *path)
{
    const struct rn_key *row = rn_schema_row(s->stage->keys, path);
    return row ? row : rn_schema_row(rn_common_keys, path);
}

/* A list or map that is not identity gives its class to everything inside. */
static const char *class_of(const struct rn_pstage *s, const char *path)
{
    const struct rn_key *row = row_of(s, path);
    char *outer = rn_xdup(path);
    enum rn_key_class class = row ? row->class : RN_NEUTRAL;
    for (size_t n = strlen(outer); n > 0; n--) {
        if (outer[n] != '.' && outer[n] != '[')
            continue;
        outer[n] = '\0';
        const struct rn_key *around = row_of(s, outer);
        bool holds = around && (around->type == RN_T_LIST || around->type == RN_T_MAP);
        class = holds && around->class != RN_IDENTITY ? around->class : class;
    }
    free(outer);
    return row && (row->type == RN_T_REF || row->item == RN_T_REF) ? "input"
                                                                   : rn_key_class_words[class];
}

struct keys {
    const struct rn_pipeline *p;
    const struct rn_pstage *s;
    json_t *list;
};

static void add_keys(const struct keys *k, const char *path, const json_t *value)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, v)
        {
            char *below = *path ? rn_xprintf("%s.%s", path, key) : rn_xdup(key);
            add_keys(k, below, v);
            free(below);
        }
    } else if (json_array_size(value) && json_is_object(json_array_get(value, 0))) {
        json_array_foreach(value, i, v)
        {
            char *below = rn_xprintf("%s[%zu]", path, i);
            add_keys(k, below, v);
            free(below);
        }
    } else if (!json_is_null(value)) {
        char *full = rn_xprintf("%s.%s", k->s->name, path);
        json_array_append_new(k->list,
                              json_pack("{s:s, s:s, s:O, s:s}", "key", path, "class",
                                        class_of(k->s, path), "value", value, "from",
                                        rn_json_str(rn_pipeline_origins(k->p), full, "default")));
        free(full);
    }
}

/* --- the document --- */

static json_t *inputs_json(const struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    json_t *list = json_array();
    for (size_t e = 0; e < s->n_edges; e++) {
        const struct rn_edge *edge = &s->edges[e];
        const struct rn_artifact *a = plan->nodes[stage].inputs[e];
        const struct rn_stored *made = plan->nodes[edge->producer].entry;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:i, s:b}", "role", edge->key, "is",
                            edge->ref->text, "producer", plan->p->stages[edge->producer].name,
                            "digest", a ? a->digest : NULL, "entry", made ? made->name : NULL,
                            "files", a ? (int)a->n_files : 0, "neutral", edge->neutral));
    }
    return list;
}

static json_t *gates_json(const struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    const struct rn_stored *e = plan->nodes[stage].entry;
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_gates; i++) {
        json_t *measured = e ? json_object_get(rn_stored_metrics(e), s->gates[i].metric) : NULL;
        json_t *gate =
            json_pack("{s:s, s:i}", "gate", s->gates[i].text, "line", s->gates[i].at.line);
        json_object_set_new(gate, "measured", measured ? json_incref(measured) : json_null());
        json_array_append_new(list, gate);
    }
    return list;
}

static int by_step(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    size_t n = strlen(*x), m = strlen(*y);
    return n != m ? (n < m ? -1 : 1) : strcmp(*x, *y);
}

static json_t *checkpoints_json(const char *work)
{
    json_t *list = json_array();
    char **names = NULL;
    size_t n = 0, cap = 0;
    DIR *d = opendir(work);
    for (struct dirent *e; d && (e = readdir(d));)
        if (rn_starts_with(e->d_name, "step_"))
            RN_PUSH(names, n, cap, rn_xdup(e->d_name));
    if (d)
        closedir(d);
    if (n)
        qsort(names, n, sizeof *names, by_step);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_string(names[i]));
        free(names[i]);
    }
    free(names);
    return list;
}

static json_t *store_json(const struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    const struct rn_planned *n = &plan->nodes[stage];
    if (!n->keyed)
        return json_null();
    char *entry = rn_store_path(plan->store, s->stage->kind, n->keys.out, "");
    char *work = rn_store_path(plan->store, s->stage->kind, n->keys.progress, ".work");
    const char *state = n->entry ? "there" : n->damaged ? "damaged" : "not there";
    json_t *doc = json_pack("{s:s, s:s, s:I, s:s, s:o}", "entry", rn_basename(entry), "state",
                            state, "size_bytes", (json_int_t)(n->entry ? n->entry->size_bytes : 0),
                            "work", rn_basename(work), "checkpoints", checkpoints_json(work));
    free(work);
    free(entry);
    return doc;
}

static json_t *explain_json(struct rn_plan *plan, size_t stage)
{
    const struct rn_pstage *s = &plan->p->stages[stage];
    struct keys k = {plan->p, s, json_array()};
    add_keys(&k, "", rn_pipeline_resolved(plan->p, s));
    json_t *doc = rn_planview_json(plan, stage);
    json_object_set_new(doc, "doc", json_string(s->stage->doc));
    json_object_set_new(doc, "version", json_integer(s->stage->version));
    json_object_set_new(doc, "keys", k.list);
    json_object_set_new(doc, "inputs", inputs_json(plan, stage));
    json_object_set_new(doc, "store", store_json(plan, stage));
    json_object_set_new(doc, "gates", gates_json(plan, stage));
    return doc;
}

/* --- as text --- */

/* Rows of objects, the named members as columns, wide enough for all but the last. */
static void print_columns(const json_t *rows, const char *const *names, size_t n)
{
    int width[8] = {0};
    for (int pass = 0; pass < 2; pass++)
        for (size_t r = 0; r < json_array_size(rows); r++) {
            if (pass)
                printf(" ");
            for (size_t c = 0; c < n; c++) {
                json_t *v = json_object_get(json_array_get(rows, r), names[c]);
                char real[32];
                char *text = json_is_string(v) ? rn_xdup(json_string_value(v))
                             : json_is_null(v) ? rn_xdup("-")
                             : json_is_real(v) ? rn_xdup(rn_show_real(real, json_real_value(v)))
                                               : rn_json_canonical(v);
                if (pass)
                    printf(" %-*s", c + 1 < n ? width[c] + 1 : 0, text);
                else if ((int)strlen(text) > width[c])
                    width[c] = (int)strlen(text);
                free(text);
            }
            if (pass)
                printf("\n");
        }
}
#define PRINT_COLUMNS(doc, section, ...)                                                           \
    print_section(doc, section, (const char *const[]){__VA_ARGS__},                                \
                  RN_COUNT(((const char *const[]){__VA_ARGS__})))

static void print_section(const json_t *doc, const char *section, const char *const *names,
                          size_t n)
{
    const json_t *rows = json_object_get(doc, section);
    if (json_array_size(rows) == 0)
        return;
    printf("\n%s\n", section);
    print_columns(rows, names, n);
}

static void print_store(const json_t *doc)
{
    char size[32];
    const json_t *store = json_object_get(doc, "store");
    if (!json_is_object(store))
        return;
    printf("\nstore\n  progress key  %s\n  out key       %s\n", rn_json_str(doc, "progress", ""),
           rn_json_str(doc, "key", ""));
    printf("  %s  %s", rn_json_str(store, "entry", ""), rn_json_str(store, "state", ""));
    if (rn_json_int(store, "size_bytes", 0) > 0)
        printf(", %s", rn_show_bytes(size, rn_json_real(store, "size_bytes", 0)));
    printf("\n");
    const json_t *list = json_object_get(store, "checkpoints");
    if (json_array_size(list))
        printf("  %s ", rn_json_str(store, "work", ""));
    for (size_t i = 0; i < json_array_size(list); i++)
        printf(" %s", json_string_value(json_array_get(list, i)));
    printf("%s", json_array_size(list) ? "\n" : "");
}

static void print_estimate(const struct rn_planned *n)
{
    char b[4][32], cells[RN_CELLS][32];
    if (!rn_planview_is_work(n))
        return;
    rn_planview_cells(n, cells);
    printf("\nestimate\n  time %s, memory %s, disk %s, download %s\n", cells[RN_CELL_TIME],
           cells[RN_CELL_MEMORY], cells[RN_CELL_DISK], cells[RN_CELL_DOWNLOAD]);
    if (n->cost.activation_bytes > 0)
        printf("  weights and gradients %s, optimizer %s, activations %s\n",
               rn_show_bytes(b[0], n->cost.weights_bytes),
               rn_show_bytes(b[1], n->cost.optimizer_bytes),
               rn_show_bytes(b[2], n->cost.activation_bytes));
    if (n->cost.steps > 0)
        printf("  %s steps, %s tokens, %s parameters, %s FLOPs\n",
               rn_show_count(b[0], (double)n->cost.steps), rn_show_count(b[1], n->cost.tokens),
               rn_show_count(b[2], (double)n->cost.params), rn_show_count(b[3], n->cost.flops));
}

static void print_text(const struct rn_plan *plan, size_t stage, const json_t *doc)
{
    const struct rn_planned *n = &plan->nodes[stage];
    const struct rn_pstage *s = &plan->p->stages[stage];
    printf("%s  (%s, version %d: %s)  %s\n%c %s: %s\n", s->name, s->stage->kind, s->stage->version,
           s->stage->doc, plan->p->tag, rn_planview_symbol(n), rn_planview_word(n), n->reason);
    if (n->consent)
        printf("  needs consent: it %s; agree with --yes=%s\n", n->consent_for, s->name);
    PRINT_COLUMNS(doc, "changes", "path", "old", "new", "at");
    if (n->past)
        printf("  compared with %s\n", n->past);
    PRINT_COLUMNS(doc, "keys", "key", "class", "value", "from");
    PRINT_COLUMNS(doc, "inputs", "role", "is", "digest", "entry");
    print_store(doc);
    PRINT_COLUMNS(doc, "gates", "gate", "measured");
    print_estimate(n);
}

/* --- the command --- */

static int explain(const struct rn_cli *cli, struct rn_plan *plan, const char *stage,
                   struct rn_err *err)
{
    size_t i = 0;
    while (strcmp(plan->p->stages[i].name, stage) != 0)
        RN_TRY(rn_plan_decide(plan, i++, err));
    RN_TRY(rn_plan_decide(plan, i, err));
    if (plan->nodes[i].keyed && !plan->nodes[i].entry && !plan->nodes[i].past)
        rn_plan_compare(plan, i);
    json_t *doc = explain_json(plan, i);
    if (rn_cli_json(cli)) {
        char *line = rn_json_canonical(doc);
        printf("%s\n", line);
        free(line);
    } else {
        print_text(plan, i, doc);
    }
    json_decref(doc);
    return RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    struct rn_plan plan = {0};
    struct rn_run_how how;
    const char *stage;
    RN_TRY(rn_target_stage(&p, &stage, cli, err));
    int rc = rn_target_how(&how, cli, err);
    if (rc == RN_OK) {
        how.until = stage; /* also says so if there is no such stage */
        rc = rn_plan_init(&plan, p, &how, err);
        if (rc == RN_OK)
            rc = explain(cli, &plan, stage, err);
        rn_plan_release(&plan);
        rn_target_how_release(&how);
    }
    rn_pipeline_free(p);
    return rc;
}

const struct rn_command rn_command_explain = {
    "explain", "FILE STAGE [key=value ...]", "say everything about one stage of a plan", opts,
    run,       .examples = examples};
