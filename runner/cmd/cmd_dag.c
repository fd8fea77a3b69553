/* runnel dag - the graph of a pipeline: for people, Graphviz, Mermaid and programs. Names of
 * pipelines, stages and outputs are plain: nothing needs quoting. */
#include "json.h"
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

typedef void print_fn(const struct rn_pipeline *);

/* Has an earlier edge of the stage drawn the same arrow? */
static bool is_drawn(const struct rn_pstage *s, size_t i)
{
    const struct rn_edge *e = &s->edges[i];
    for (size_t k = 0; k < i; k++)
        if (s->edges[k].producer == e->producer && s->edges[k].neutral == e->neutral &&
            strcmp(s->edges[k].output, e->output) == 0)
            return true;
    return false;
}

/* --- text --- */

/* Its references as written, such as "data.shards[0:8], tokenizer". */
static char *sources(const struct rn_pstage *s, bool neutral)
{
    struct rn_str text = {0};
    rn_str_puts(&text, "");
    for (size_t i = 0; i < s->n_edges; i++)
        if (s->edges[i].neutral == neutral)
            rn_str_printf(&text, "%s%s", text.n ? ", " : "", s->edges[i].ref->text);
    return text.p;
}

static void print_text(const struct rn_pipeline *p)
{
    int name = 0, kind = 0;
    for (size_t i = 0; i < p->n_stages; i++) {
        int n = (int)strlen(p->stages[i].name), k = (int)strlen(p->stages[i].stage->kind);
        name = n > name ? n : name;
        kind = k > kind ? k : kind;
    }
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct rn_pstage *s = &p->stages[i];
        char *inputs = sources(s, false), *watched = sources(s, true);
        if (*inputs || *watched)
            printf("%-*s  %-*s", name, s->name, kind, s->stage->kind);
        else
            printf("%-*s  %s", name, s->name, s->stage->kind);
        printf("%s%s%s%s\n", *inputs ? "  <- " : "", inputs, *watched ? "  watches " : "", watched);
        free(inputs);
        free(watched);
    }
}

/* --- Graphviz --- */

static void print_dot(const struct rn_pipeline *p)
{
    printf("digraph \"%s\" {\n  rankdir=LR; node [shape=box];\n", p->name);
    for (size_t i = 0; i < p->n_stages; i++)
        printf("  \"%s\" [label=\"%s\\n%s\"];\n", p->stages[i].name, p->stages[i].name,
               p->stages[i].stage->kind);
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct rn_pstage *s = &p->stages[i];
        for (size_t k = 0; k < s->n_edges; k++) {
            const struct rn_edge *e = &s->edges[k];
            if (is_drawn(s, k))
                continue;
            printf("  \"%s\" -> \"%s\" [label=\"%s\"%s];\n", p->stages[e->producer].name, s->name,
                   e->output, e->neutral ? ", style=dashed" : "");
        }
    }
    printf("}\n");
}

/* --- Mermaid --- */

static void print_mermaid(const struct rn_pipeline *p)
{
    printf("flowchart LR\n");
    for (size_t i = 0; i < p->n_stages; i++)
        printf("  s%zu[\"%s<br>%s\"]\n", i, p->stages[i].name, p->stages[i].stage->kind);
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct rn_pstage *s = &p->stages[i];
        for (size_t k = 0; k < s->n_edges; k++) {
            const struct rn_edge *e = &s->edges[k];
            if (is_drawn(s, k))
                continue;
            printf("  s%zu %s|%s| s%zu\n", e->producer, e->neutral ? "-.->" : "-->", e->output, i);
        }
    }
}

/* --- JSON --- */

static json_t *edge_json(const struct rn_pipeline *p, const struct rn_pstage *s,
                         const struct rn_edge *e)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "from", p->stages[e->producer].name,
                     "output", e->output, "to", s->name, "key", e->key, "ref", e->ref->text,
                     "neutral", (int)e->neutral);
}

static void print_json(const struct rn_pipeline *p)
{
    json_t *stages = json_array(), *edges = json_array();
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct rn_pstage *s = &p->stages[i];
        json_array_append_new(stages,
                              json_pack("{s:s, s:s}", "name", s->name, "kind", s->stage->kind));
        for (size_t k = 0; k < s->n_edges; k++)
            json_array_append_new(edges, edge_json(p, s, &s->edges[k]));
    }
    json_t *doc = json_pack("{s:s, s:s, s:o, s:o}", "name", p->name, "tag", p->tag, "stages",
                            stages, "edges", edges);
    RN_ASSERT(doc);
    char *text = rn_json_canonical(doc);
    puts(text);
    free(text);
    json_decref(doc);
}

static const struct {
    const char *name;
    print_fn *print;
} formats[] = {
    {"text", print_text}, {"dot", print_dot}, {"mermaid", print_mermaid}, {"json", print_json}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    const char *format = rn_cli_json(cli) ? "json" : rn_cli_opt(cli, "format");
    RN_TRY(rn_target_words(cli, 0, err));
    RN_TRY(rn_target_pipeline(&p, cli, err));
    for (size_t i = 0; i < RN_COUNT(formats); i++)
        if (strcmp(formats[i].name, format ? format : "text") == 0)
            formats[i].print(p);
    rn_pipeline_free(p);
    return RN_OK;
}

static const struct rn_opt opts[] = {
    RN_OPTS_PIPELINE, {"format", 0, "text|dot|mermaid|json", "how to draw (default: text)"}, {0}};
static const struct rn_example examples[] = {
    {"dag pipelines/smoke.yaml", "each stage, its kind and its inputs"},
    {"dag pipelines/smoke.yaml --format dot", "for `dot -Tsvg`"},
    {0}};
const struct rn_command rn_command_dag = {
    "dag", RN_ARGS_PIPELINE, "the graph of a pipeline", opts, run, .examples = examples};
