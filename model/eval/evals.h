/* evals.h - what a model knows: a table of tasks, each a line of evals.def.
 *
 *     struct rn_eval_report *r = rn_eval_report_new("sft", dir);
 *     struct rn_eval_run run = {.model = m, .tokenizer = t, .scorer = s, .data = d, .report = r};
 *     RN_TRY(rn_eval_measure(&run, rn_eval_find("arc-easy"), err));
 *     double share = rn_eval_value(r, "arc_easy");
 *     json_t *scores = rn_eval_report_json(r);
 *     rn_eval_report_free(r);
 *
 * To add a task: a line in evals.def, and a file with
 *
 *     static int run(struct rn_eval_run *r, struct rn_err *err) { .. }
 *     const struct rn_eval_task rn_eval_task_mine = {
 *         .protocol = "..", .version = 1, .inputs = RN_EVAL_IN(mine), .run = run}; */
#ifndef RN_EVALS_H
#define RN_EVALS_H

#include "loader.h"
#include "scorer.h"
#include "tokenizer.h"

enum rn_eval_input {                    /* data that tasks read */
                     RN_EVAL_IN_tokens, /* opened by the caller: rn_eval_run.val */
#define INPUT(id, doc) RN_EVAL_IN_##id,
#include "evals.def"
                     RN_EVAL_INPUTS
};
extern const char *const rn_eval_input_names[RN_EVAL_INPUTS + 1]; /* NULL-ended */
struct rn_eval_data {                                             /* of one input; n 0: not given */
    const char *const *paths;
    size_t n;
};
#define RN_EVAL_IN(id) (1u << RN_EVAL_IN_##id)

struct rn_eval_run;
struct rn_eval_task {
    const char *protocol; /* whose rules: numbers of different ones are not comparable */
    int version;          /* raised when its numbers change */
    unsigned inputs;      /* RN_EVAL_IN(core) | .. */
    const char *split;    /* which rows its data are; NULL: as the name of the first file says */
    bool runs_code;       /* of the model, in a sandbox: only where that is allowed */
    int (*run)(struct rn_eval_run *, struct rn_err *);
};
struct rn_eval { /* a line of the table */
    const char *id, *name;
    const struct rn_eval_task *task;
};
const struct rn_eval *rn_eval_find(const char *name); /* NULL: unknown */
/* RN_ECONFIG: says which names are known, or which is near. */
int rn_eval_unknown(const char *name, struct rn_err *);

struct rn_eval_report;
struct rn_eval_run { /* one model and how to ask it; borrowed */
    struct rn_model *model;
    const struct rn_tokenizer *tokenizer;
    struct rn_scorer *scorer;
    const struct rn_eval_data *data; /* RN_EVAL_INPUTS of them */
    const struct rn_corpus *val;     /* for bpb */
    struct rn_eval_report *report;
    int64_t max_items;          /* of each task; < 0: all */
    int64_t max_len;            /* prompts keep their last max_len tokens; 0: all */
    int64_t bpb_tokens;         /* at most, and at most one pass */
    const char *const *prompts; /* for sample */
    size_t n_prompts;
    const struct rn_log *log;
    /* Told after every few questions; false stops with RN_ESTOPPED. May be NULL. */
    bool (*progress)(void *ctx, const char *what, size_t done, size_t all);
    void *ctx;
};
/* Runs the task unless the report has its number already. */
int rn_eval_measure(struct rn_eval_run *, const struct rn_eval *, struct rn_err *);
double rn_eval_value(const struct rn_eval_report *, const char *metric); /* NaN: not measured */

/* --- for tasks --- */

/* RN_ESTOPPED if progress says so. */
int rn_eval_goes_on(const struct rn_eval_run *, const char *what, size_t done, size_t all,
                    struct rn_err *);
/* The one file of an input; RN_ECONFIG if there are more. */
int rn_eval_file(const struct rn_eval_run *, enum rn_eval_input, const char **path,
                 struct rn_err *);
/* Tokens that a prompt may have: the lesser of max_len and what the model reads; 0: any number. */
int64_t rn_eval_max_len(const struct rn_eval_run *);

/* A number, with its standard error (NaN: unknown). */
void rn_eval_metric(struct rn_eval_report *, const char *id, double value, double standard_error);
/* right of n: the share, with the standard error of a mean. */
void rn_eval_share(struct rn_eval_report *, const char *id, size_t right, size_t n);
/* So many prompts of the task were longer than rn_eval_max_len, and lost their beginning. */
void rn_eval_cut(struct rn_eval_report *, size_t prompts);
/* What became of one question; takes the reference. */
void rn_eval_item(struct rn_eval_report *, json_t *item);
/* <dir>/<what>_<model>.<ending>, NULL if the report has no directory; caller frees. */
char *rn_eval_path(const struct rn_eval_report *, const char *what, const char *ending);
/* Something to know about the number, under its own key; takes the reference. */
void rn_eval_note(struct rn_eval_report *, const char *key, json_t *value);

/* --- reports --- */

/* dir (NULL: none): what became of each question goes to <dir>/<task>_<model>.jsonl. */
struct rn_eval_report *rn_eval_report_new(const char *model, const char *dir);
void rn_eval_report_free(struct rn_eval_report *); /* takes NULL */
const char *rn_eval_model(const struct rn_eval_report *);
/* {metric: value, .., "tasks": {name: {protocol, version, split, ..}}}; new reference. */
json_t *rn_eval_report_json(const struct rn_eval_report *);
/* Numbers of several models side by side, a line for each metric. */
void rn_eval_table(struct rn_eval_report *const *, size_t n, struct rn_str *out);
/* Calls each for every number in the order of measuring. */
void rn_eval_each(const struct rn_eval_report *, void (*each)(void *, const char *id, double value),
                  void *ctx);

#endif
