#include "same_graph.h"

#include "told.h"

#include <stdlib.h>
#include <string.h>

struct comparison {
    struct rn_loading *l; /* the profile's */
    const struct rn_pipeline *alone;
    const struct rn_pstage *with, *old; /* the stage in both */
};

/* --- places --- */

/* Where the profile speaks of the stage, or as near to it as it goes. */
static struct rn_place profile_place(const struct rn_loading *l, const char *stage, const char *key)
{
    struct rn_place at = RN_PATH(RN_COMMAND_LINE);
    char *path =
        rn_xprintf("profiles.%s.stages.%s%s%s", l->p->profile, stage, *key ? "." : "", key);
    rn_node_near(l->root, path, &at);
    free(path);
    return at;
}

/* "line 12", or "base.yaml:12" in an included file. */
static const char *show_place(const struct comparison *c, struct rn_place at, char buf[128])
{
    const char *path = c->l->p->path;
    if (at.path && strcmp(at.path, path) != 0)
        snprintf(buf, 128, "%.100s:%d", rn_told_file(c->l->p, at.path), at.line);
    else
        snprintf(buf, 128, "line %d", at.line);
    return buf;
}

/* --- inputs --- */

/* "mixture[2].in" and "mixture[0].in" are the same input: lists may change their length. */
static bool same_key(const char *a, const char *b)
{
    for (;; a++, b++) {
        if (*a == '[' && *b == '[') {
            a += strcspn(a, "]");
            b += strcspn(b, "]");
        }
        if (*a != *b)
            return false;
        if (!*a)
            return true;
    }
}

static const char *producer(const struct rn_pipeline *p, const struct rn_edge *e)
{
    return p->stages[e->producer].name;
}

static bool same_source(const struct rn_pipeline *p, const struct rn_edge *a,
                        const struct rn_pipeline *q, const struct rn_edge *b)
{
    return strcmp(producer(p, a), producer(q, b)) == 0 && strcmp(a->output, b->output) == 0;
}

/* Does stage t of q have the input e of p, from the same source? */
static bool has_edge(const struct rn_pipeline *q, const struct rn_pstage *t,
                     const struct rn_pipeline *p, const struct rn_edge *e)
{
    for (size_t i = 0; i < t->n_edges; i++)
        if (same_key(t->edges[i].key, e->key) && same_source(q, &t->edges[i], p, e))
            return true;
    return false;
}

/* Input of that key that the profile lacks; NULL if it has all of them. */
static const struct rn_edge *lost_edge(const struct comparison *c, const char *key)
{
    for (size_t i = 0; i < c->old->n_edges; i++) {
        const struct rn_edge *e = &c->old->edges[i];
        if (same_key(e->key, key) && !has_edge(c->l->p, c->with, c->alone, e))
            return e;
    }
    return NULL;
}

static void tell_new_edge(struct comparison *c, const struct rn_edge *e)
{
    const struct rn_edge *old = lost_edge(c, e->key);
    const struct rn_pipeline *p = c->l->p;
    char there[128];
    if (old)
        rn_problem_add(&c->l->problems, e->ref->at,
                       "profile '%s' takes '%s' of stage %s from %s.%s, the file from %s.%s (%s)",
                       p->profile, e->key, c->with->name, producer(p, e), e->output,
                       producer(c->alone, old), old->output, show_place(c, old->ref->at, there));
    else
        rn_problem_add(&c->l->problems, e->ref->at,
                       "profile '%s' adds the input '%s' to stage %s, where the file has none (%s)",
                       p->profile, e->key, c->with->name, show_place(c, c->old->at, there));
}

static bool has_new_edge(const struct comparison *c, const char *key)
{
    for (size_t i = 0; i < c->with->n_edges; i++)
        if (same_key(c->with->edges[i].key, key) &&
            !has_edge(c->alone, c->old, c->l->p, &c->with->edges[i]))
            return true;
    return false;
}

static void compare_edges(struct comparison *c)
{
    char there[128];
    for (size_t i = 0; i < c->with->n_edges; i++)
        if (!has_edge(c->alone, c->old, c->l->p, &c->with->edges[i]))
            tell_new_edge(c, &c->with->edges[i]);
    for (size_t i = 0; i < c->old->n_edges; i++) {
        const struct rn_edge *e = &c->old->edges[i];
        if (!has_edge(c->l->p, c->with, c->alone, e) && !has_new_edge(c, e->key))
            rn_problem_add(
                &c->l->problems, profile_place(c->l, c->with->name, e->key),
                "profile '%s' removes the input '%s' of stage %s, which the file takes from "
                "%s.%s (%s)",
                c->l->p->profile, e->key, c->with->name, producer(c->alone, e), e->output,
                show_place(c, e->ref->at, there));
    }
}

/* --- gates --- */

static bool has_gate(const struct rn_pstage *s, const char *metric)
{
    for (size_t i = 0; i < s->n_gates; i++)
        if (strcmp(s->gates[i].metric, metric) == 0)
            return true;
    return false;
}

static void compare_gates(struct comparison *c)
{
    const char *profile = c->l->p->profile;
    char there[128];
    for (size_t i = 0; i < c->with->n_gates; i++) {
        const struct rn_gate *g = &c->with->gates[i];
        if (!has_gate(c->old, g->metric))
            rn_problem_add(
                &c->l->problems, g->at,
                "profile '%s' adds a gate on '%s' to stage %s, where the file has none (%s)",
                profile, g->metric, c->with->name, show_place(c, c->old->at, there));
    }
    for (size_t i = 0; i < c->old->n_gates; i++) {
        const struct rn_gate *g = &c->old->gates[i];
        if (!has_gate(c->with, g->metric))
            rn_problem_add(&c->l->problems, profile_place(c->l, c->with->name, "gate"),
                           "profile '%s' removes the gate on '%s' of stage %s (%s)", profile,
                           g->metric, c->with->name, show_place(c, g->at, there));
    }
}

/* --- stages --- */

static void compare_stage(struct comparison *c)
{
    const char *profile = c->l->p->profile, *name = c->with->name;
    char there[128];
    c->old = rn_pipeline_stage(c->alone, name);
    if (!c->old) {
        rn_problem_add(&c->l->problems, profile_place(c->l, name, ""),
                       "profile '%s' adds the stage %s", profile, name);
        return;
    }
    if (c->old->stage != c->with->stage) {
        rn_problem_add(&c->l->problems, profile_place(c->l, name, "kind"),
                       "profile '%s' changes the kind of stage %s from %s (%s) to %s", profile,
                       name, c->old->stage->kind, show_place(c, c->old->at, there),
                       c->with->stage->kind);
        return;
    }
    compare_edges(c);
    compare_gates(c);
}

void rn_same_graph(struct rn_loading *with, const struct rn_pipeline *alone)
{
    struct comparison c = {.l = with, .alone = alone};
    char there[128];
    for (size_t i = 0; i < with->p->n_stages; i++) {
        c.with = &with->p->stages[i];
        compare_stage(&c);
    }
    for (size_t i = 0; i < alone->n_stages; i++)
        if (!rn_pipeline_stage(with->p, alone->stages[i].name))
            rn_problem_add(&with->problems, profile_place(with, alone->stages[i].name, ""),
                           "profile '%s' removes the stage %s (%s)", with->p->profile,
                           alone->stages[i].name, show_place(&c, alone->stages[i].at, there));
}
