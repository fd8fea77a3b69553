/* compose.c - from a document and what is asked for to a pipeline: loading.h's steps, in order. */
#include "filled.h"
#include "graph.h"
#include "loading.h"
#include "matrix.h"
#include "merge.h"
#include "overrides.h"
#include "same_graph.h"
#include "told.h"
#include "vars.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_MAX = 120 };

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

static void keep_json(struct rn_pstage *s)
{
    s->identity = rn_filled_cut(s->stage->keys, s->cfg, RN_IDENTITY);
    s->extend = rn_filled_cut(s->stage->keys, s->cfg, RN_EXTEND);
    s->source = rn_filled_cut(s->stage->keys, s->cfg, RN_SOURCE);
}

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
    rn_loading_check_keys(l);
    struct rn_vars vars = {.l = l};
    rn_vars_apply(&vars);
    rn_loading_fill_whole(l);
    read_name(l);
    rn_loading_fill_stages(l);
    rn_graph_resolve(l);
    rn_loading_check_stages(l);
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

static void unload(struct rn_loading *l)
{
    rn_problems_release(&l->problems);
    rn_pipeline_free(l->p);
}

/* Loads the file without its profile and compares; its own problems are told only if the profile
 * has none, because then they are what is in the way. The command line speaks to the profile: where
 * it clashes with what that takes away, the file stands alone. */
static void compare_with_file(struct rn_loading *with, const struct rn_document *doc,
                              const struct rn_pipeline_how *how)
{
    struct rn_pipeline_how plain = *how;
    struct rn_loading both = {.lenient_env = true}, alone = {.lenient_env = true};
    plain.profile = NULL;
    load(&both, doc, &plain);
    if (!rn_problems_count(&both.problems)) {
        rn_same_graph(with, both.p);
    } else {
        plain.overrides = NULL;
        load(&alone, doc, &plain);
        for (size_t i = 0; i < alone.problems.n; i++)
            rn_hint(alone.problems.items[i], "the file must also hold without its profile");
        rn_problems_join(&with->problems, &alone.problems);
    }
    unload(&both);
    unload(&alone);
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
