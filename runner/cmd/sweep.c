#include "sweep.h"

#include "links.h"
#include "path.h"
#include "runstate.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16 };

/* --- one cell --- */

static const struct rn_stage_state *state_of(const struct rn_runstate *r, const char *stage)
{
    for (size_t i = 0; i < r->n_stages; i++)
        if (strcmp(r->stages[i].name, stage) == 0)
            return &r->stages[i];
    return NULL;
}

/* {"base.val_bpb": 1.02, ..}: what the gates of the pipeline look at. */
static json_t *gate_numbers(const struct rn_pipeline *p, const struct rn_runstate *r)
{
    json_t *numbers = json_object();
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct rn_pstage *s = &p->stages[i];
        const struct rn_stage_state *state = state_of(r, s->name);
        /* of a stage that another run made, the numbers are with its outputs */
        json_t *stored = s->n_gates && state ? rn_link_metrics(r->dir, s->name) : NULL;
        for (size_t k = 0; k < s->n_gates && state; k++) {
            const char *metric = s->gates[k].metric;
            json_t *value = json_object_get(state->numbers, metric);
            char *name = rn_xprintf("%s.%s", s->name, metric);
            json_object_set(numbers, name, value ? value : json_object_get(stored, metric));
            free(name);
        }
        json_decref(stored);
    }
    return numbers;
}

static char *glance(const struct rn_runstate *r)
{
    struct rn_str text = {0};
    rn_str_puts(&text, "");
    for (size_t i = r->n_stages; i-- > 0 && !text.n;)
        rn_runstate_glance(&text, r->stages[i].numbers);
    return text.p;
}

static json_t *row_of(const struct rn_pipeline *p, size_t number, const char *runs)
{
    struct rn_runstate r;
    char *dir = rn_join(runs, p->tag);
    rn_runstate_init(&r, dir);
    char *text = glance(&r);
    json_t *row = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "cell", (json_int_t)number,
                            "name", p->cell ? p->cell : p->name, "tag", p->tag, "state", r.word,
                            "done", (json_int_t)r.n_done, "stages", (json_int_t)p->n_stages,
                            "glance", text, "numbers", gate_numbers(p, &r));
    RN_ASSERT(row);
    free(text);
    rn_runstate_release(&r);
    free(dir);
    return row;
}

/* --- the table --- */

static void cell_done(struct rn_str *s, const json_t *row, const char *key)
{
    rn_str_printf(s, "%lld/%lld", (long long)rn_json_int(row, key, 0),
                  (long long)rn_json_int(row, "stages", 0));
}

static void cell_gate(struct rn_str *s, const json_t *row, const char *key)
{
    rn_cell_number(s, json_object_get(row, "numbers"), key);
}

static const struct rn_column fixed[] = {{"cell", "cell", rn_cell_exact},
                                         {"values", "name", rn_cell_text},
                                         {"run", "tag", rn_cell_text},
                                         {"state", "state", rn_cell_text},
                                         {"stages", "done", cell_done}};

static void add_column(struct rn_column *columns, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(columns[i].key, name) == 0)
            return;
    if (*n < COLUMNS_MAX)
        columns[(*n)++] = (struct rn_column){name, name, cell_gate};
}

static void print_table(const json_t *rows)
{
    struct rn_column columns[COLUMNS_MAX + 2] = {0};
    size_t n = RN_COUNT(fixed), i;
    const char *name;
    json_t *row, *value;
    memcpy(columns, fixed, sizeof fixed);
    json_array_foreach((json_t *)rows, i, row)
        json_object_foreach(json_object_get(row, "numbers"), name, value)
            add_column(columns, &n, name);
    if (n == RN_COUNT(fixed))
        columns[n] = (struct rn_column){"newest number", "glance", rn_cell_text};
    rn_table_print(columns, rows, false);
}

void rn_sweep_print(const struct rn_cells *cells, const char *runs, bool json)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < cells->n; i++) {
        struct rn_pipeline *p = rn_cells_compose(cells, i);
        json_array_append_new(rows, row_of(p, i + 1, runs));
        rn_pipeline_free(p);
    }
    if (json)
        rn_table_print(fixed, rows, true);
    else
        print_table(rows);
    json_decref(rows);
}
