/* stage_table.c - `stages:` of a file: each mapping becomes a struct rn_pstage of its kind. */
#include "loading.h"

#include "gates.h"
#include "nearest.h"
#include "str.h"

#include <stdio.h>
#include <string.h>

static const struct rn_key spike_keys[] = {
    RN_KEY_STR(struct rn_common, watch.spike_metric, "metric", RN_NEUTRAL, "loss", "which number"),
    RN_KEY_REAL(struct rn_common, watch.spike_factor, "factor", RN_NEUTRAL, "~", 1, 1e9, "",
                "so many times its median is a spike"),
    RN_KEY_INT(struct rn_common, watch.spike_window, "window", RN_NEUTRAL, "50", 1, 1000, "values",
               "median of so many values before"),
    RN_KEYS_END};
static const struct rn_key floor_keys[] = {
    RN_KEY_STR(struct rn_common, watch.floor_metric, "metric", RN_NEUTRAL, "tok_per_sec",
               "which number"),
    RN_KEY_REAL(struct rn_common, watch.floor_min, "min", RN_NEUTRAL, "~", 0, 1e30, "",
                "less than this is too slow"),
    RN_KEY_TIME(struct rn_common, watch.floor_for_s, "for", RN_NEUTRAL, "5 min", 0, 1e9,
                "for so long"),
    RN_KEYS_END};
static const struct rn_key watch_keys[] = {
    RN_KEY_TIME(struct rn_common, watch.no_step_s, "no_step", RN_NEUTRAL, "~", 0, 1e9,
                "neither numbers nor progress for so long"),
    RN_KEY_BOOL(struct rn_common, watch.nan, "nan", RN_NEUTRAL, "false",
                "a number that is not finite"),
    RN_KEY_TABLE("spike", spike_keys, "a number far above what it was"),
    RN_KEY_TABLE("floor", floor_keys, "a number that stays too low"),
    RN_KEY_INT(struct rn_common, watch.max, "max", RN_NEUTRAL, "3", 0, 1000, "times",
               "continue from the last checkpoint so often, then fail; at once if it derails "
               "at the same step again"),
    RN_KEY_TIME(struct rn_common, watch.grace_s, "grace", RN_NEUTRAL, "30 s", 0, 1e6,
                "to end well before it is killed"),
    RN_KEYS_END};
const struct rn_key rn_common_keys[] = {
    RN_KEY_STR(struct rn_common, kind, "kind", RN_IDENTITY, RN_REQUIRED, "what the stage does"),
    RN_KEY_MAP_OF(struct rn_common, watch_in, "watch_in", RN_NEUTRAL, "~", RN_T_REF, NULL,
                  "inputs whose change does not make the stage stale"),
    RN_KEY_LIST_OF(struct rn_common, gate, "gate", RN_NEUTRAL, "~", RN_T_STR,
                   "conditions on metrics that must hold when the stage is done"),
    RN_KEY_TABLE("watch", watch_keys, "when to stop the stage and continue from a checkpoint"),
    RN_KEY_BOOL(struct rn_common, background, "background", RN_NEUTRAL, "false",
                "may run beside later stages"),
    RN_KEYS_END};

static void unknown_kind(struct rn_loading *l, const struct rn_entry *stage,
                         const struct rn_node *kind)
{
    struct rn_nearest near = {.to = kind->text};
    struct rn_str all = {0};
    for (const struct rn_stage *const *k = l->kinds; *k; k++) {
        rn_nearest_try(&near, (*k)->kind);
        rn_str_printf(&all, "%s%s", all.n ? ", " : "known: ", (*k)->kind);
    }
    struct rn_err *e = rn_problem_add(&l->problems, kind->at, "unknown kind '%.64s' of stage %s",
                                      kind->text, stage->key);
    if (!rn_hint_near(e, near.word) && all.n)
        rn_hint(e, "%s", all.p);
    rn_str_release(&all);
}

static const struct rn_stage *find_kind(struct rn_loading *l, const struct rn_entry *stage)
{
    const struct rn_node *kind = rn_node_get(stage->value, "kind");
    if (!kind || kind->kind != RN_NODE_SCALAR) {
        rn_problem_add(&l->problems, kind ? kind->at : stage->at, "stage %s needs a 'kind'",
                       stage->key);
        return NULL;
    }
    for (const struct rn_stage *const *k = l->kinds; *k; k++)
        if (strcmp((*k)->kind, kind->text) == 0)
            return *k;
    if (!kind->bad)
        unknown_kind(l, stage, kind);
    return NULL;
}

static void check_stage_name(struct rn_loading *l, const struct rn_entry *e)
{
    static const char *const reserved[] = {"vars", "name", "tag", "stages"};
    bool taken = rn_is_whole_key(e->key);
    for (size_t i = 0; i < RN_COUNT(reserved); i++)
        taken |= strcmp(e->key, reserved[i]) == 0;
    if (taken)
        rn_problem_add(&l->problems, e->at, "a stage cannot be called '%s'", e->key);
    if (!rn_is_name(e->key))
        rn_problem_add(&l->problems, e->at,
                       "'%.64s' is not a name: letters, digits, '_' and '-', 64 at most", e->key);
}

/* A kind that makes its outputs from the config is not asked when the config has problems. */
static void list_outputs(struct rn_loading *l, struct rn_pstage *s, bool bad)
{
    struct rn_output *made = NULL;
    if (s->stage->outputs) {
        s->outputs = s->stage->outputs;
        while (s->outputs[s->n_outputs].name)
            s->n_outputs++;
    } else if (s->stage->list_outputs && !bad) {
        s->n_outputs = s->stage->list_outputs(s->cfg, &l->p->arena, &made);
        s->outputs = made;
    }
}

static void fill_stage(struct rn_loading *l, struct rn_pstage *s, struct rn_draft *draft,
                       const struct rn_entry *e)
{
    *draft = (struct rn_draft){.entry = e, .bad = true};
    *s = (struct rn_pstage){.name = e->key, .at = e->at, .node = e->value};
    check_stage_name(l, e);
    if (e->value->kind != RN_NODE_MAP) {
        if (!e->value->bad)
            rn_problem_add(&l->problems, e->value->at, "stage %s must be a mapping", e->key);
        return;
    }
    s->stage = find_kind(l, e);
    if (!s->stage)
        return;
    size_t before = rn_problems_count(&l->problems);
    struct rn_fill fill = {.arena = &l->p->arena, .problems = &l->problems};
    fill.what = rn_arena_printf(&l->p->arena, "stage %s", e->key);
    s->cfg = rn_arena_alloc(&l->p->arena, s->stage->cfg_bytes);
    struct rn_part parts[] = {{rn_common_keys, &draft->common}, {s->stage->keys, s->cfg}};
    rn_schema_fill(&fill, parts, RN_COUNT(parts), e->value, e->at);
    draft->bad = rn_problems_count(&l->problems) != before;
    if (s->stage->settle && !draft->bad)
        s->stage->settle(s->cfg, l->device);
    list_outputs(l, s, draft->bad);
}

void rn_loading_fill_stages(struct rn_loading *l)
{
    const struct rn_node *stages = rn_node_get(l->root, "stages");
    if (!stages || stages->kind == RN_NODE_NULL || (stages->kind == RN_NODE_MAP && !stages->n)) {
        rn_problem_add(&l->problems, stages ? stages->at : l->root->at, "the file has no stages");
        return;
    }
    if (stages->kind != RN_NODE_MAP)
        return;
    l->p->n_stages = stages->n;
    l->p->stages = rn_arena_alloc(&l->p->arena, stages->n * sizeof *l->p->stages);
    l->drafts = rn_arena_alloc(&l->p->arena, stages->n * sizeof *l->drafts);
    for (size_t i = 0; i < stages->n; i++)
        fill_stage(l, &l->p->stages[i], &l->drafts[i], &stages->entries[i]);
}

/* The key that a message names first in quotes, as a place below the stage. */
static struct rn_place place_named(const struct rn_draft *draft, const char *msg)
{
    char path[128];
    struct rn_place at = draft->entry->at;
    const char *open = strchr(msg, '\''), *close = open ? strchr(open + 1, '\'') : NULL;
    if (!close || close - open >= (long)sizeof path)
        return at;
    snprintf(path, sizeof path, "%.*s", (int)(close - open - 1), open + 1);
    rn_node_near(draft->entry->value, path, &at);
    return at;
}

static void ask_kind(struct rn_loading *l, const struct rn_pstage *s, const struct rn_draft *draft)
{
    struct rn_err err = {0};
    if (!s->stage->check || s->stage->check(s->cfg, &err) == RN_OK)
        return;
    struct rn_err *e =
        rn_problem_add(&l->problems, place_named(draft, err.msg), "stage %s: %s", s->name, err.msg);
    if (err.hint[0])
        rn_hint(e, "%s", err.hint);
}

/* A rule without its bound would look as if it watched. */
static void check_rule(struct rn_loading *l, const struct rn_pstage *s, const struct rn_node *watch,
                       const char *rule, const char *bound, double value, const char *metric)
{
    const struct rn_node *node = watch ? rn_node_get(watch, rule) : NULL;
    if (!node || node->kind != RN_NODE_MAP)
        return;
    if (!rn_node_get(node, bound))
        rn_problem_add(&l->problems, node->at, "stage %s: 'watch.%s' needs '%s'", s->name, rule,
                       bound);
    else if (value > 0)
        rn_gates_know_metric(l, s, metric, node->at);
}

static void read_watch(struct rn_loading *l, struct rn_pstage *s, const struct rn_draft *draft)
{
    const struct rn_node *watch = rn_node_get(draft->entry->value, "watch");
    s->watch = draft->common.watch;
    if (draft->bad)
        return;
    check_rule(l, s, watch, "spike", "factor", s->watch.spike_factor, s->watch.spike_metric);
    check_rule(l, s, watch, "floor", "min", s->watch.floor_min, s->watch.floor_metric);
}

static void read_gates(struct rn_loading *l, struct rn_pstage *s, const struct rn_draft *draft)
{
    const struct rn_node *node = draft->entry->value;
    s->n_gates = rn_gates_read(l, s, &draft->common.gate, rn_node_get(node, "gate"), &s->gates);
    read_watch(l, s, draft);
    s->background = draft->common.background;
    s->common = &draft->common;
}

void rn_loading_check_stages(struct rn_loading *l)
{
    for (size_t i = 0; i < l->p->n_stages; i++) {
        struct rn_pstage *s = &l->p->stages[i];
        if (!s->stage)
            continue;
        read_gates(l, s, &l->drafts[i]);
        if (!l->drafts[i].bad)
            ask_kind(l, s, &l->drafts[i]);
    }
}
