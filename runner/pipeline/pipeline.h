/* pipeline.h - a pipeline file, read, merged, checked and turned into structs.
 *
 *     struct rn_pipeline *p;
 *     RN_TRY(rn_pipeline_load(&p, "smoke.yaml", &how, err));   all configuration errors in one pass
 *     for (size_t i = 0; i < p->n_stages; i++)
 *         use(p->stages[i].cfg);
 *     rn_pipeline_free(p);
 *
 * Loading touches nothing: no network, no run directory. Strings live in p->arena or in the
 * document. A file with a `matrix` is several pipelines: matrix.h, and cells.h for commands. */
#ifndef RN_PIPELINE_H
#define RN_PIPELINE_H

#include "document.h"
#include "stage.h"

struct rn_pipeline_how {          /* the command line's part */
    const char *profile;          /* -p, or NULL */
    const char *const *overrides; /* "base.horizon.steps=10", "vars.depth=4"; NULL-ended or NULL */
    const char *device;           /* that `auto` is settled for; NULL: the processor */
    const struct rn_cell *cell;   /* of the file's matrix, or NULL */
    const struct rn_stage *const *kinds; /* NULL-ended; NULL: rn_stages (tests bring their own) */
};

/* "finite(loss)", "min(val_bpb) < 1.0", "sft.tiny_world >= 0.9" (gates.h). The metric is a name of
 * the kind's table, or such a name behind one of the stage's references as written ('-' in a task
 * is '_' here). */
struct rn_gate {
    const char *text, *metric;
    enum rn_gate_op { RN_GATE_FINITE, RN_GATE_LT, RN_GATE_LE, RN_GATE_GT, RN_GATE_GE } op;
    double bound;
    struct rn_place at;
    enum rn_gate_fold { RN_FOLD_LAST, RN_FOLD_MIN, RN_FOLD_MAX, RN_FOLD_MEAN } fold;
};

/* `watch:`; a rule that is not given is 0 (watch.h). */
struct rn_watch {
    double no_step_s, grace_s;
    bool nan;
    const char *spike_metric, *floor_metric;
    double spike_factor, floor_min, floor_for_s;
    int64_t spike_window, max;
};

struct rn_edge {              /* one reference of a stage, wherever it stands */
    const struct rn_ref *ref; /* inside cfg, or in watch_in */
    const char *key;          /* "in.tokenizer", "mixture[0].in" */
    size_t producer;          /* index of the stage */
    const char *output;       /* resolved name of the output */
    bool neutral;             /* a watch_in edge */
};

struct rn_pstage {
    const char *name;
    const struct rn_stage *stage; /* its kind */
    void *cfg;                    /* struct of the kind, filled */
    json_t *identity; /* its RN_IDENTITY keys without references: the runner adds digests */
    json_t *extend;   /* its RN_EXTEND keys */
    json_t *source;   /* its RN_SOURCE keys */
    struct rn_edge *edges;
    size_t n_edges;
    struct rn_gate *gates;
    size_t n_gates;
    struct rn_watch watch;
    bool background;
    const struct rn_output *outputs;
    size_t n_outputs;
    struct rn_place at;
    const struct rn_node *node;     /* as composed, before defaults */
    const struct rn_common *common; /* keys that every stage has, filled */
};

struct rn_pipeline {
    struct rn_arena arena;
    const char *path, *dir, *text; /* the file, its directory, its bytes */
    const char *name, *tag, *key8; /* key8: digest of identity and extend values and of the graph */
    const char *profile, *cell;    /* or NULL */
    const char **profiles;         /* names of all profiles of the file */
    size_t n_profiles;
    bool tensorboard;  /* `tensorboard:`: event files beside the numbers */
    double monitor_hz; /* `monitor:`: samples of the GPUs a second; 0: none */
    bool alerts;       /* `alerts:` is given; its keys or NULL */
    const char *alerts_file, *alerts_webhook;
    struct rn_pstage *stages; /* in running order: topological, ties as written */
    size_t n_stages;
    struct rn_told *told;         /* what is told about it, made when first asked for */
    struct rn_document *document; /* if the pipeline owns it: rn_pipeline_load */
};

/* Adds every problem it finds; NULL if there was one. With a profile the graph is compared with
 * that of the file alone: same kinds, edges and gate metrics. The document is borrowed until the
 * pipeline is freed; its own problems are not repeated. */
struct rn_pipeline *rn_pipeline_compose(const struct rn_document *, const struct rn_pipeline_how *,
                                        struct rn_problems *);
/* Document and pipeline in one. RN_ECONFIG after printing every problem to stderr but the last,
 * which is in err. */
int rn_pipeline_load(struct rn_pipeline **, const char *path, const struct rn_pipeline_how *,
                     struct rn_err *);
/* Prints all problems but the last, which goes to err; its code. RN_OK if there are none. */
int rn_pipeline_tell(struct rn_problems *, struct rn_err *);
void rn_pipeline_free(struct rn_pipeline *); /* takes NULL */
/* NULL if there is none of that name. */
const struct rn_pstage *rn_pipeline_stage(const struct rn_pipeline *, const char *name);
/* Every key of a stage with its value, defaults included, in canonical units. Borrowed; NULL if
 * the pipeline was not composed from a document. */
const json_t *rn_pipeline_resolved(const struct rn_pipeline *, const struct rn_pstage *);
/* {"base.horizon.steps": "smoke.yaml:31", ..} for every value of every stage: "file:line",
 * "profile NAME", "command line" or "default", and the variable that brought it. Borrowed; NULL as
 * above. */
const json_t *rn_pipeline_origins(const struct rn_pipeline *);
/* resolved.yaml: the whole document, each value with its origin as a comment. Caller frees. */
char *rn_pipeline_resolved_yaml(const struct rn_pipeline *);

#endif
