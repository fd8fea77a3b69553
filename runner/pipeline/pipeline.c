#include "pipeline.h"

#include "filled.h"
#include "gates.h"
#include "graph.h"
#include "http.h"
#include "loading.h"
#include "matrix.h"
#include "merge.h"
#include "overrides.h"
#include "same_graph.h"
#include "str.h"
#include "told.h"
#include "vars.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, TAG_MAX = 120 };

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

/* --- the top level --- */

static const struct rn_key monitor_keys[] = {
    RN_KEY_REAL(struct rn_pipeline, monitor_hz, "hz", RN_NEUTRAL, "0", 0, 100, "samples a second",
                "power, heat and load of the GPUs so often, into RUN/monitor; 0: never"),
    RN_KEYS_END};
static const struct rn_key alerts_keys[] = {
    RN_KEY_STR(struct rn_pipeline, alerts_file, "file", RN_NEUTRAL, "",
               "gets each as a line of JSON; from the pipeline file's folder"),
    RN_KEY_STR(struct rn_pipeline, alerts_webhook, "webhook", RN_NEUTRAL, "",
               "https url that each is posted to, best as ${env.NAME}: it may hold a secret"),
    RN_KEYS_END};
const struct rn_key rn_whole_keys[] = {
    RN_KEY_BOOL(struct rn_pipeline, tensorboard, "tensorboard", RN_NEUTRAL, "true",
                "write event files of the numbers while stages run, in RUN/tensorboard"),
    RN_KEY_TABLE("monitor", monitor_keys, "watch the GPUs while stages run"),
    RN_KEY_TABLE("alerts", alerts_keys,
                 "tell what somebody who is away should hear; {}: in log, journal and status"),
    RN_KEYS_END};

static const char *const top_keys[] = {"runnel",  "name",        "tag",     "vars",
                                       "stages",  "profiles",    "include", "matrix",
                                       "monitor", "tensorboard", "alerts",  NULL};

static void check_top_key(struct rn_loading *l, const struct rn_entry *e)
{
    for (size_t i = 0; top_keys[i]; i++)
        if (strcmp(e->key, top_keys[i]) == 0)
            return;
    struct rn_err *err = rn_problem_add(&l->problems, e->at, "unknown key '%.64s'", e->key);
    const char *near = rn_nearest(e->key, top_keys);
    if (near)
        rn_hint(err, "did you mean '%s'?", near);
}

static void check_is_map(struct rn_loading *l, const char *key)
{
    const struct rn_node *node = rn_node_get(l->root, key);
    char shown[96];
    if (node && node->kind != RN_NODE_MAP && node->kind != RN_NODE_NULL)
        rn_problem_add(&l->problems, node->at, "'%s' takes a mapping, found %s", key,
                       rn_node_show(node, shown));
}

static bool is_whole_key(const char *name)
{
    for (const struct rn_key *k = rn_whole_keys; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return true;
    return false;
}

static void fill_whole(struct rn_loading *l)
{
    struct rn_node *some = rn_arena_alloc(&l->p->arena, sizeof *some);
    *some = *l->root;
    some->n = 0;
    some->entries = rn_arena_alloc(&l->p->arena, (l->root->n + 1) * sizeof *some->entries);
    for (size_t i = 0; i < l->root->n; i++)
        if (is_whole_key(l->root->entries[i].key))
            some->entries[some->n++] = l->root->entries[i];
    struct rn_fill fill = {.arena = &l->p->arena, .problems = &l->problems, .what = "the file"};
    struct rn_part part = {rn_whole_keys, l->p};
    rn_schema_fill(&fill, &part, 1, some, l->root->at);
}

/* `alerts:` with nothing below it is on, too. */
static void read_alerts(struct rn_loading *l)
{
    const struct rn_node *node = rn_node_get(l->root, "alerts");
    const char *webhook = l->p->alerts_webhook;
    l->p->alerts = node && node->kind == RN_NODE_MAP;
    if (!webhook)
        return;
    struct rn_url url = rn_url_parse(webhook);
    if (!rn_url_allowed(&url, false))
        rn_hint(rn_problem_add(&l->problems, rn_node_get(node, "webhook")->at,
                               "'alerts.webhook' is no https url"),
                "plain http is for loopback");
}

static void list_profiles(struct rn_loading *l)
{
    const struct rn_node *all = rn_node_get(l->root, "profiles");
    size_t n = all && all->kind == RN_NODE_MAP ? all->n : 0;
    l->p->profiles = rn_arena_alloc(&l->p->arena, n * sizeof *l->p->profiles);
    for (size_t i = 0; i < n; i++)
        l->p->profiles[l->p->n_profiles++] = all->entries[i].key;
}

/* A name that may become part of a folder's name. */
static bool is_folder_name(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= TAG_MAX && text[0] != '.' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static void read_name(struct rn_loading *l)
{
    const struct rn_node *node = rn_node_get(l->root, "name");
    char shown[96];
    if (!node || node->kind == RN_NODE_NULL)
        rn_problem_add(&l->problems, l->root->at, "missing key 'name'");
    else if (node->bad)
        return;
    else if (node->kind != RN_NODE_SCALAR || !is_folder_name(node->text))
        rn_hint(rn_problem_add(&l->problems, node->at, "'name' cannot be %s",
                               rn_node_show(node, shown)),
                "letters, digits, '.', '_' and '-', beginning with a letter or digit");
    else
        l->p->name = node->text;
}

static void read_tag(struct rn_loading *l, struct rn_vars *vars)
{
    struct rn_node fallback = {.kind = RN_NODE_SCALAR, .text = "${name}-${key8}"};
    struct rn_node *node = rn_node_get(l->root, "tag");
    struct rn_place at = node ? node->at : l->root->at;
    const char *tag = rn_vars_tag(vars, node ? node : &fallback, l->p->key8);
    if (tag && is_folder_name(tag))
        l->p->tag = tag;
    else if (!node || !node->bad)
        rn_hint(rn_problem_add(&l->problems, at, "'tag' cannot be '%.100s'", tag ? tag : ""),
                "it names a folder: letters, digits, '.', '_' and '-', 120 at most");
}

/* --- stages --- */

static void unknown_kind(struct rn_loading *l, const struct rn_entry *stage,
                         const struct rn_node *kind)
{
    const char *words[WORDS_MAX + 1];
    struct rn_str all = {0};
    size_t n = 0;
    for (const struct rn_stage *const *k = l->kinds; *k && n < WORDS_MAX; k++) {
        rn_str_printf(&all, "%s%s", n ? ", " : "known: ", (*k)->kind);
        words[n++] = (*k)->kind;
    }
    words[n] = NULL;
    struct rn_err *e = rn_problem_add(&l->problems, kind->at, "unknown kind '%.64s' of stage %s",
                                      kind->text, stage->key);
    const char *near = rn_nearest(kind->text, words);
    if (near)
        rn_hint(e, "did you mean '%s'?", near);
    else if (n)
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
    bool taken = is_whole_key(e->key);
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

static void fill_stages(struct rn_loading *l)
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

static void check_stages(struct rn_loading *l)
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

static void keep_json(struct rn_pstage *s)
{
    s->identity = rn_filled_cut(s->stage->keys, s->cfg, RN_IDENTITY);
    s->extend = rn_filled_cut(s->stage->keys, s->cfg, RN_EXTEND);
    s->source = rn_filled_cut(s->stage->keys, s->cfg, RN_SOURCE);
}

/* --- the whole --- */

/* Lays over the file what is asked for: profile, cell, overrides. */
static void lay_over(struct rn_loading *l, const struct rn_pipeline_how *how)
{
    if (how->profile)
        rn_merge_profile(l, how->profile);
    if (how->cell)
        rn_matrix_lay(l, how->cell, how->overrides);
    else if (rn_node_get(l->root, "matrix"))
        rn_problem_add(&l->problems, rn_node_entry(l->root, "matrix")->at,
                       "a file with a matrix is many pipelines: one must be chosen");
    for (const char *const *o = how->overrides; o && *o; o++)
        rn_override_text(l, *o);
    rn_node_remove(l->root, "matrix");
}

/* Everything up to the graph; what cannot be read is left out. */
static void build(struct rn_loading *l, const struct rn_pipeline_how *how)
{
    lay_over(l, how);
    l->device = how->device;
    for (size_t i = 0; i < l->root->n; i++)
        check_top_key(l, &l->root->entries[i]);
    check_is_map(l, "vars");
    check_is_map(l, "stages");
    check_is_map(l, "profiles");
    list_profiles(l);
    struct rn_vars vars = {.l = l};
    rn_vars_apply(&vars);
    fill_whole(l);
    read_alerts(l);
    read_name(l);
    fill_stages(l);
    rn_graph_resolve(l);
    check_stages(l);
    if (l->p->n_stages)
        rn_graph_sort(l);
    if (rn_problems_count(&l->problems))
        return;
    char key8[9];
    l->p->told = rn_told_new(l->p);
    for (size_t i = 0; i < l->p->n_stages; i++)
        keep_json(&l->p->stages[i]);
    rn_graph_key8(l->p, key8);
    l->p->key8 = rn_arena_dup(&l->p->arena, key8);
    read_tag(l, &vars);
}

static void load(struct rn_loading *l, const struct rn_document *doc,
                 const struct rn_pipeline_how *how)
{
    l->p = rn_new(struct rn_pipeline);
    l->p->path = doc->path;
    l->p->dir = doc->dir;
    l->p->text = doc->text;
    l->p->profile = how->profile ? rn_arena_dup(&l->p->arena, how->profile) : NULL;
    l->p->cell = how->cell ? how->cell->name : NULL;
    l->kinds = how->kinds ? how->kinds : rn_stages;
    l->tree = (struct rn_tree){.arena = &l->p->arena, .problems = &l->problems};
    l->root = rn_node_copy(&l->tree, doc->root);
    if (l->root)
        build(l, how);
}

/* Loads the file without its profile and compares; its own problems are told only if the profile
 * has none, because then they are what is in the way. */
static void compare_with_file(struct rn_loading *with, const struct rn_document *doc,
                              const struct rn_pipeline_how *how)
{
    struct rn_pipeline_how plain = *how;
    struct rn_loading alone = {.lenient_env = true};
    plain.profile = NULL;
    load(&alone, doc, &plain);
    for (size_t i = 0; i < alone.problems.n; i++)
        rn_hint(alone.problems.items[i], "the file must also hold without its profile");
    rn_problems_join(&with->problems, &alone.problems);
    if (!alone.problems.n)
        rn_same_graph(with, alone.p);
    rn_problems_release(&alone.problems);
    rn_pipeline_free(alone.p);
}

struct rn_pipeline *rn_pipeline_compose(const struct rn_document *doc,
                                        const struct rn_pipeline_how *how,
                                        struct rn_problems *problems)
{
    struct rn_loading l = {0};
    if (!doc->root)
        return NULL;
    load(&l, doc, how);
    if (how->profile && !rn_problems_count(&l.problems))
        compare_with_file(&l, doc, how);
    bool good = !rn_problems_count(&l.problems);
    rn_problems_join(problems, &l.problems);
    rn_problems_release(&l.problems);
    if (good)
        return l.p;
    rn_pipeline_free(l.p);
    return NULL;
}

int rn_pipeline_tell(struct rn_problems *problems, struct rn_err *err)
{
    if (!problems->n)
        return RN_OK;
    rn_problems_sort(problems);
    for (size_t i = 0; i + 1 < problems->n; i++)
        rn_err_print(problems->items[i], stderr);
    if (problems->dropped)
        fprintf(stderr, "and %zu more\n", problems->dropped);
    return rn_fail_as(err, problems->items[problems->n - 1]);
}

int rn_pipeline_load(struct rn_pipeline **out, const char *path, const struct rn_pipeline_how *how,
                     struct rn_err *err)
{
    static const struct rn_pipeline_how nothing = {0};
    struct rn_document *doc = rn_document_open(path, NULL);
    struct rn_pipeline *p = rn_pipeline_compose(doc, how ? how : &nothing, &doc->problems);
    int rc = rn_pipeline_tell(&doc->problems, err);
    *out = rc == RN_OK ? p : NULL;
    if (*out) {
        p->document = doc;
        return RN_OK;
    }
    rn_pipeline_free(p);
    rn_document_free(doc);
    return rc;
}

void rn_pipeline_free(struct rn_pipeline *p)
{
    if (!p)
        return;
    rn_told_free(p);
    for (size_t i = 0; i < p->n_stages; i++) {
        json_decref(p->stages[i].identity);
        json_decref(p->stages[i].extend);
        json_decref(p->stages[i].source);
    }
    rn_document_free(p->document);
    struct rn_arena arena = p->arena;
    rn_arena_release(&arena);
    free(p);
}

const struct rn_pstage *rn_pipeline_stage(const struct rn_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (strcmp(p->stages[i].name, name) == 0)
            return &p->stages[i];
    return NULL;
}
