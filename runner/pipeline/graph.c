#include "graph.h"

#include "filled.h"
#include "nearest.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = -1 };

/* --- references --- */

struct resolving {
    struct rn_loading *l;
    struct rn_pstage *stage;
    struct rn_draft *draft;
    bool neutral;
    size_t cap;
};

static int stage_index(const struct rn_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (strcmp(p->stages[i].name, name) == 0)
            return (int)i;
    return NONE;
}

static void unknown_stage(struct resolving *r, const char *key, const struct rn_ref *ref)
{
    const struct rn_pipeline *p = r->l->p;
    struct rn_nearest near = {.to = ref->stage};
    for (size_t i = 0; i < p->n_stages; i++)
        rn_nearest_try(&near, p->stages[i].name);
    struct rn_err *e = rn_problem_add(&r->l->problems, ref->at, "'%s' in stage %s: no stage '%s'",
                                      key, r->stage->name, ref->stage);
    rn_hint_near(e, near.word);
}

/* "best", "step_005000": checkpoints of a stage that trains stand for its first output. */
static bool names_checkpoint(const char *output)
{
    if (strcmp(output, "best") == 0)
        return true;
    size_t digits = rn_starts_with(output, "step_") ? strspn(output + 5, "0123456789") : 0;
    return digits == 6 && output[11] == '\0';
}

static const struct rn_output *find_output(const struct rn_pstage *s, const char *name)
{
    for (size_t i = 0; i < s->n_outputs; i++)
        if (strcmp(s->outputs[i].name, name) == 0)
            return &s->outputs[i];
    return name && s->stage->trains && names_checkpoint(name) && s->n_outputs ? s->outputs : NULL;
}

static const struct rn_output *default_output(struct resolving *r, const char *key,
                                              const struct rn_ref *ref, const struct rn_pstage *s)
{
    if (s->n_outputs == 1 || (s->n_outputs && s->stage->outputs))
        return &s->outputs[0];
    struct rn_err *e =
        rn_problem_add(&r->l->problems, ref->at, "'%s' in stage %s: stage '%s' has %zu outputs",
                       key, r->stage->name, s->name, s->n_outputs);
    if (s->n_outputs)
        rn_hint(e, "name one, such as '%s.%s'", s->name, s->outputs[0].name);
    return NULL;
}

static void unknown_output(struct resolving *r, const char *key, const struct rn_ref *ref,
                           const struct rn_pstage *s)
{
    struct rn_nearest near = {.to = ref->output};
    struct rn_str all = {0};
    for (size_t i = 0; i < s->n_outputs; i++) {
        rn_nearest_try(&near, s->outputs[i].name);
        rn_str_printf(&all, "%s%s", i ? ", " : "it has ", s->outputs[i].name);
    }
    struct rn_err *e =
        rn_problem_add(&r->l->problems, ref->at, "'%s' in stage %s: stage '%s' has no output '%s'",
                       key, r->stage->name, s->name, ref->output);
    if (near.word)
        rn_hint(e, "did you mean '%s.%s'?", s->name, near.word);
    else if (all.n)
        rn_hint(e, "%s", all.p);
    rn_str_release(&all);
}

static bool kind_accepted(const char *const *kinds, const char *kind)
{
    if (!kinds)
        return true;
    for (; *kinds; kinds++)
        if (strcmp(*kinds, kind) == 0)
            return true;
    return false;
}

/* What could stand there instead. */
static void hint_givers(const struct resolving *r, const char *const *kinds, struct rn_err *e)
{
    struct rn_str all = {0};
    for (size_t i = 0; i < r->l->p->n_stages; i++) {
        const struct rn_pstage *s = &r->l->p->stages[i];
        for (size_t k = 0; k < s->n_outputs && all.n < 200; k++)
            if (s != r->stage && kind_accepted(kinds, s->outputs[k].kind))
                rn_str_printf(&all, "%s%s%s%s", all.n ? ", " : "such are: ", s->name,
                              s->n_outputs > 1 ? "." : "",
                              s->n_outputs > 1 ? s->outputs[k].name : "");
    }
    if (all.n)
        rn_hint(e, "%s", all.p);
    rn_str_release(&all);
}

static void check_kind(struct resolving *r, const char *key, const struct rn_ref *ref,
                       const struct rn_key *row, const struct rn_output *output)
{
    struct rn_str kinds = {0};
    bool sliced = ref->first != 0 || ref->end != INT64_MAX;
    for (size_t i = 0; row->words && row->words[i]; i++)
        rn_str_printf(&kinds, "%s%s", i ? " or " : "", row->words[i]);
    if (!kind_accepted(row->words, output->kind))
        hint_givers(r, row->words,
                    rn_problem_add(&r->l->problems, ref->at,
                                   "'%s' in stage %s takes %s, but '%s' gives %s", key,
                                   r->stage->name, kinds.p, ref->text, output->kind));
    else if (sliced && strcmp(output->kind, "files") != 0)
        rn_problem_add(&r->l->problems, ref->at,
                       "'%s' in stage %s: only files can be sliced, '%s' "
                       "gives %s",
                       key, r->stage->name, ref->text, output->kind);
    rn_str_release(&kinds);
}

/* Name of the output, "" if it cannot be told; problems are added. */
static const char *resolve_output(struct resolving *r, const char *key, const struct rn_ref *ref,
                                  const struct rn_key *row, size_t producer)
{
    const struct rn_pstage *s = &r->l->p->stages[producer];
    if (!s->stage || (r->l->drafts[producer].bad && !s->stage->outputs))
        return ""; /* its problems are told already */
    const struct rn_output *output =
        ref->output ? find_output(s, ref->output) : default_output(r, key, ref, s);
    if (!output) {
        if (ref->output)
            unknown_output(r, key, ref, s);
        return "";
    }
    check_kind(r, key, ref, row, output);
    return ref->output ? ref->output : output->name;
}

static void add_edge(void *ctx, const char *key, const struct rn_ref *ref, const struct rn_key *row)
{
    struct resolving *r = ctx;
    int producer = stage_index(r->l->p, ref->stage);
    if (producer == NONE) {
        unknown_stage(r, key, ref);
        return;
    }
    struct rn_edge edge = {ref, rn_arena_dup(r->l->tree.arena, key), (size_t)producer, NULL,
                           r->neutral};
    edge.output = resolve_output(r, key, ref, row, edge.producer);
    RN_PUSH(r->stage->edges, r->stage->n_edges, r->cap, edge);
}

/* Edges grow on the heap and then live in the arena. */
static void settle_edges(struct rn_loading *l, struct rn_pstage *s)
{
    struct rn_edge *kept = rn_arena_alloc(l->tree.arena, s->n_edges * sizeof *kept);
    if (s->n_edges)
        memcpy(kept, s->edges, s->n_edges * sizeof *kept);
    free(s->edges);
    s->edges = kept;
}

void rn_graph_resolve(struct rn_loading *l)
{
    for (size_t i = 0; i < l->p->n_stages; i++) {
        struct rn_pstage *s = &l->p->stages[i];
        struct resolving r = {.l = l, .stage = s, .draft = &l->drafts[i]};
        if (!s->stage)
            continue;
        rn_filled_refs(s->stage->keys, s->cfg, add_edge, &r);
        r.neutral = true;
        rn_filled_refs(rn_common_keys, &l->drafts[i].common, add_edge, &r);
        settle_edges(l, s);
    }
}

/* --- order --- */

static bool ready(const struct rn_pstage *s, const bool *done)
{
    for (size_t i = 0; i < s->n_edges; i++)
        if (!done[s->edges[i].producer])
            return false;
    return true;
}

/* From any stage left over, waiting leads round in a circle: walk until a stage repeats. */
static void tell_cycle(struct rn_loading *l, const bool *done, size_t start)
{
    const struct rn_pstage *all = l->p->stages;
    size_t n = l->p->n_stages, at = start, steps = 0;
    bool *seen = rn_xalloc(n);
    const struct rn_ref *ref = NULL;
    struct rn_str path = {0};
    for (bool second = false; steps <= 2 * n; steps++) {
        if (seen[at] && second)
            break;
        if (seen[at]) {
            second = true; /* now on the circle itself */
            memset(seen, 0, n);
            rn_str_clear(&path);
        }
        seen[at] = true;
        rn_str_printf(&path, "%s -> ", all[at].name);
        for (size_t i = 0; i < all[at].n_edges; i++)
            if (!done[all[at].edges[i].producer]) {
                ref = all[at].edges[i].ref;
                at = all[at].edges[i].producer;
                break;
            }
    }
    rn_problem_add(&l->problems, ref->at, "stages wait for each other in a circle: %.600s%s",
                   path.p, all[at].name);
    rn_str_release(&path);
    free(seen);
}

/* order[k] = index of the k-th stage to run; false after a problem. */
static bool find_order(struct rn_loading *l, size_t *order)
{
    size_t n = l->p->n_stages;
    bool *done = rn_xalloc(n);
    size_t k = 0;
    while (k < n) {
        size_t i = 0;
        while (i < n && (done[i] || !ready(&l->p->stages[i], done)))
            i++;
        if (i == n)
            break;
        done[i] = true;
        order[k++] = i;
    }
    for (size_t i = 0; k < n && i < n; i++)
        if (!done[i]) {
            tell_cycle(l, done, i);
            break;
        }
    free(done);
    return k == n;
}

static void apply_order(struct rn_loading *l, const size_t *order)
{
    size_t n = l->p->n_stages;
    struct rn_pstage *stages = rn_arena_alloc(l->tree.arena, n * sizeof *stages);
    struct rn_draft *drafts = rn_arena_alloc(l->tree.arena, n * sizeof *drafts);
    size_t *new_index = rn_arena_alloc(l->tree.arena, n * sizeof *new_index);
    for (size_t k = 0; k < n; k++) {
        stages[k] = l->p->stages[order[k]];
        drafts[k] = l->drafts[order[k]];
        new_index[order[k]] = k;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < stages[k].n_edges; i++)
            stages[k].edges[i].producer = new_index[stages[k].edges[i].producer];
    l->p->stages = stages;
    l->drafts = drafts;
}

void rn_graph_sort(struct rn_loading *l)
{
    size_t *order = rn_arena_alloc(l->tree.arena, l->p->n_stages * sizeof *order);
    if (find_order(l, order))
        apply_order(l, order);
}

/* --- digest --- */

static json_t *edge_digest_doc(const struct rn_edge *e, char (*digests)[RN_HEX])
{
    return json_pack("{s:s, s:s, s:I, s:I}", "from", digests[e->producer], "output", e->output,
                     "first", (json_int_t)e->ref->first, "end", (json_int_t)e->ref->end);
}

static void stage_digest(const struct rn_pstage *s, char (*digests)[RN_HEX], char hex[RN_HEX])
{
    json_t *edges = json_object(); /* by key, so that the order of a map is nothing */
    for (size_t i = 0; i < s->n_edges; i++)
        if (!s->edges[i].neutral)
            json_object_set_new(edges, s->edges[i].key, edge_digest_doc(&s->edges[i], digests));
    json_t *doc = json_pack("{s:s, s:O, s:O, s:o}", "kind", s->stage->kind, "identity", s->identity,
                            "extend", s->extend, "edges", edges);
    RN_ASSERT(doc);
    rn_json_digest(doc, hex);
    json_decref(doc);
}

static int by_hex(const void *a, const void *b)
{
    return strcmp(a, b);
}

void rn_graph_key8(const struct rn_pipeline *p, char key8[9])
{
    char(*digests)[RN_HEX] = rn_xalloc((p->n_stages + 1) * sizeof *digests), hex[RN_HEX];
    for (size_t i = 0; i < p->n_stages; i++)
        stage_digest(&p->stages[i], digests, digests[i]);
    qsort(digests, p->n_stages, sizeof *digests, by_hex);
    rn_sha256_hex(digests, p->n_stages * sizeof *digests, hex);
    snprintf(key8, 9, "%.8s", hex);
    free(digests);
}
