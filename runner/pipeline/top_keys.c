/* top_keys.c - keys of the file itself, beside those of its stages. */
#include "loading.h"

#include "http.h"
#include "nearest.h"

#include <string.h>

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

const struct rn_top_key rn_top_keys[] = {
    {"runnel", "the version of the format: 1"},
    {"name", "of the pipeline: letters, digits, '.', '_' and '-'"},
    {"tag", "name of the run's folder, by default ${name}-${key8}; key8 is of all that shapes the "
            "numbers"},
    {"vars", "values for ${vars.x}; beside them stand ${env.NAME}, ${env.NAME:-default}, ${name}, "
             "and $$ for a dollar"},
    {"stages", "by name: what is done; a stage runs when what it refers to is there"},
    {"profiles",
     "by name: what `-p NAME` lays over name, tag, vars and stages; null removes a key"},
    {"include", "files laid under this one: mappings merge by key, other values give way"},
    {"matrix",
     "one pipeline for each combination: {vars.depth: [12, 16]}; its own keys are include, "
     "exclude and fail_fast"},
    {0}};

bool rn_is_whole_key(const char *name)
{
    for (const struct rn_key *k = rn_whole_keys; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return true;
    return false;
}

static void hint_key(const char *name, struct rn_err *err)
{
    struct rn_nearest near = {.to = name};
    struct rn_str all = {0};
    for (const struct rn_top_key *k = rn_top_keys; k->name; k++) {
        rn_nearest_try(&near, k->name);
        rn_str_printf(&all, "%s%s", all.n ? ", " : "", k->name);
    }
    for (const struct rn_key *k = rn_whole_keys; k->name; k++) {
        rn_nearest_try(&near, k->name);
        rn_str_printf(&all, ", %s", k->name);
    }
    if (!rn_hint_near(err, near.word))
        rn_hint(err, "known keys: %s", all.p);
    rn_str_release(&all);
}

static void check_key(struct rn_loading *l, const struct rn_entry *e)
{
    for (const struct rn_top_key *k = rn_top_keys; k->name; k++)
        if (strcmp(e->key, k->name) == 0)
            return;
    if (!rn_is_whole_key(e->key))
        hint_key(e->key, rn_problem_add(&l->problems, e->at, "unknown key '%.64s'", e->key));
}

static void check_is_map(struct rn_loading *l, const char *key)
{
    const struct rn_node *node = rn_node_get(l->root, key);
    char shown[96];
    if (node && node->kind != RN_NODE_MAP && node->kind != RN_NODE_NULL)
        rn_problem_add(&l->problems, node->at, "'%s' takes a mapping, found %s", key,
                       rn_node_show(node, shown));
}

static void fill(struct rn_loading *l)
{
    struct rn_node *some = rn_arena_alloc(&l->p->arena, sizeof *some);
    *some = *l->root;
    some->n = 0;
    some->entries = rn_arena_alloc(&l->p->arena, (l->root->n + 1) * sizeof *some->entries);
    for (size_t i = 0; i < l->root->n; i++)
        if (rn_is_whole_key(l->root->entries[i].key))
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

void rn_loading_check_keys(struct rn_loading *l)
{
    for (size_t i = 0; i < l->root->n; i++)
        check_key(l, &l->root->entries[i]);
    check_is_map(l, "vars");
    check_is_map(l, "stages");
    check_is_map(l, "profiles");
    list_profiles(l);
}

void rn_loading_fill_whole(struct rn_loading *l)
{
    fill(l);
    read_alerts(l);
}
