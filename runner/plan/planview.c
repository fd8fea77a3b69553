#include "planview.h"

#include "str.h"

#include <string.h>

static const struct {
    char symbol;
    const char *word;
} actions[] = {[RN_ACT_KEEP] = {'=', "keep"},
               [RN_ACT_RUN] = {'+', "run"},
               [RN_ACT_RESUME] = {'>', "resume"},
               [RN_ACT_BLOCKED] = {'-', "blocked"},
               [RN_ACT_SKIP] = {' ', "skip"}};

char rn_planview_symbol(const struct rn_planned *n)
{
    return n->consent ? '!' : actions[n->action].symbol;
}

const char *rn_planview_word(const struct rn_planned *n)
{
    return actions[n->action].word;
}

bool rn_planview_is_work(const struct rn_planned *n)
{
    return n->action == RN_ACT_RUN || n->action == RN_ACT_RESUME;
}

/* --- cells --- */

const char *const rn_planview_heads[RN_CELLS] = {"TIME", "MEMORY", "DISK", "DOWNLOAD"};

struct amounts {
    double time_s, memory_bytes, disk_bytes, download_bytes;
    bool guessed;
};

static struct amounts amounts_of(const struct rn_planned *n)
{
    if (!rn_planview_is_work(n))
        return (struct amounts){0};
    return (struct amounts){n->time_s, n->cost.memory_bytes, n->cost.disk_bytes,
                            n->cost.download_bytes, n->time_guessed};
}

static void show_bytes(char cell[32], double bytes)
{
    if (bytes > 0)
        rn_show_bytes(cell, bytes);
    else
        snprintf(cell, 32, "-");
}

static void show_amounts(const struct amounts *a, char cells[RN_CELLS][32])
{
    char time[32];
    snprintf(cells[RN_CELL_TIME], sizeof cells[0], "%s%s", a->guessed && a->time_s > 0 ? "~" : "",
             a->time_s > 0 ? rn_show_time(time, a->time_s) : "-");
    show_bytes(cells[RN_CELL_MEMORY], a->memory_bytes);
    show_bytes(cells[RN_CELL_DISK], a->disk_bytes);
    show_bytes(cells[RN_CELL_DOWNLOAD], a->download_bytes);
}

void rn_planview_cells(const struct rn_planned *n, char cells[RN_CELLS][32])
{
    struct amounts a = amounts_of(n);
    show_amounts(&a, cells);
}

/* Stages run one after another: their times add up, and the largest memory counts. */
void rn_planview_totals(const struct rn_plan *plan, char cells[RN_CELLS][32])
{
    struct amounts sum = {0};
    for (size_t i = 0; i < plan->p->n_stages; i++) {
        struct amounts a = amounts_of(&plan->nodes[i]);
        sum.time_s += a.time_s;
        sum.guessed |= a.guessed;
        sum.disk_bytes += a.disk_bytes;
        sum.download_bytes += a.download_bytes;
        sum.memory_bytes = a.memory_bytes > sum.memory_bytes ? a.memory_bytes : sum.memory_bytes;
    }
    show_amounts(&sum, cells);
}

/* --- JSON --- */

static json_t *cost_json(const struct rn_planned *n)
{
    const struct rn_estimate *c = &n->cost;
    if (!rn_planview_is_work(n))
        return json_null();
    return json_pack("{s:I, s:f, s:I, s:f, s:f, s:b, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:f}",
                     "steps", (json_int_t)c->steps, "tokens", c->tokens, "params",
                     (json_int_t)c->params, "flops", c->flops, "time_s", n->time_s, "time_guessed",
                     n->time_guessed, "memory_bytes", c->memory_bytes, "disk_bytes", c->disk_bytes,
                     "download_bytes", c->download_bytes, "note", c->note, "weights_bytes",
                     c->weights_bytes, "optimizer_bytes", c->optimizer_bytes, "activation_bytes",
                     c->activation_bytes, "ranks_bytes", c->ranks_bytes);
}

static json_t *changes_json(const struct rn_plan *plan, size_t stage)
{
    static const char *const kinds[] = {"version", "value", "input", "content"};
    const struct rn_planned *n = &plan->nodes[stage];
    json_t *list = json_array();
    for (size_t i = 0; i < n->diff.n; i++) {
        const struct rn_change *c = &n->diff.changes[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s?}", "kind", kinds[c->kind],
                                        "path", c->path, "old", c->old, "new", c->now, "at",
                                        rn_change_origin(c, plan->p, plan->p->stages[stage].name)));
    }
    return list;
}

json_t *rn_planview_json(const struct rn_plan *plan, size_t stage)
{
    const struct rn_planned *n = &plan->nodes[stage];
    char symbol[2] = {rn_planview_symbol(n), '\0'};
    int64_t resume = n->action == RN_ACT_RESUME ? n->cost.resume_step : -1;
    json_t *doc = json_pack(
        "{s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:b, s:s?, s:I, s:s, s:s, s:s?, s:o, s:o}", "tag",
        plan->p->tag, "cell", plan->p->cell, "stage", plan->p->stages[stage].name, "kind",
        plan->p->stages[stage].stage->kind, "symbol", symbol, "action", rn_planview_word(n),
        "reason", n->reason, "consent", n->consent, "consent_for",
        n->consent ? n->consent_for : NULL, "resume_step", (json_int_t)resume, "key",
        n->keyed ? n->keys.out : "", "progress", n->keyed ? n->keys.progress : "", "compared_with",
        n->past, "changes", changes_json(plan, stage), "cost", cost_json(n));
    RN_ASSERT(doc);
    return doc;
}
