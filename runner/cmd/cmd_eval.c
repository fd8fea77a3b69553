/* runnel eval MODEL...: what models know, measured by the tasks of evals.def. */
#include "corpus.h"
#include "evals.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "model_use.h"
#include "path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct rn_opt opts[] = {
    {"tasks", 't', "NAMES", "what to measure, with commas between"},
    {"data", 0, "INPUT=PATH", "a task's data: a file, or a folder of them (may repeat)"},
    {"max-per-task", 0, "N", "questions of each task (all)"},
    {"max-len", 0, "N", "prompts keep their last N tokens (4096)"},
    {"bpb-tokens", 0, "N", "validation tokens for bpb (10485760)"},
    {"precision", 0, "fp32|bf16", "of the products that score (fp32)"},
    {"run-code", 0, NULL, "let humaneval and chatcore run what models write, in a sandbox"},
    {"out", 'o', "DIR", "write scores.json, tables and what became of each question there"},
    RN_OPTS_MODEL,
    {0}};

struct input { /* of a task */
    char **paths;
    size_t n, cap;
};
struct measuring {
    const struct rn_cli *cli;
    struct input inputs[RN_EVAL_INPUTS];
    const struct rn_eval **tasks;
    size_t n_tasks;
    int64_t max_items, max_len, bpb_tokens;
    const char *precision;
    struct rn_eval_report **reports;
    size_t n_reports;
    bool terminal;
};

/* --- what is asked for --- */

static int add_path(void *ctx, const char *path, struct rn_err *err)
{
    struct input *in = ctx;
    (void)err;
    RN_PUSH(in->paths, in->n, in->cap, rn_xdup(path));
    return RN_OK;
}

struct folder {
    struct input *in;
    const char *root;
};

static int add_below(void *ctx, const char *relative, struct rn_err *err)
{
    const struct folder *f = ctx;
    char *path = rn_join(f->root, relative);
    int rc = add_path(f->in, path, err);
    free(path);
    return rc;
}

static int add_input(struct measuring *m, const char *text, struct rn_err *err)
{
    const char *equals = strchr(text, '='), *path = equals ? equals + 1 : "";
    struct stat st;
    for (int in = 0; equals && in < RN_EVAL_INPUTS; in++) {
        size_t n = strlen(rn_eval_input_names[in]);
        if (n != (size_t)(equals - text) || strncmp(text, rn_eval_input_names[in], n) != 0)
            continue;
        if (stat(path, &st) != 0)
            return rn_fail_errno(err, RN_PATH(path), "cannot be read");
        struct folder f = {&m->inputs[in], path};
        return S_ISDIR(st.st_mode) ? rn_walk(path, add_below, &f, err)
                                   : add_path(&m->inputs[in], path, err);
    }
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "--data is '%s', expected INPUT=PATH with an input such as core or gsm8k", text);
}

static int check_inputs(const struct measuring *m, const struct rn_eval *e, struct rn_err *err)
{
    if (e->task->runs_code && !rn_cli_opt(m->cli, "run-code"))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "%s runs what models write: allow it with --run-code", e->name);
    for (int in = 0; in < RN_EVAL_INPUTS; in++)
        if ((e->task->inputs >> in & 1) && m->inputs[in].n == 0)
            return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "%s needs --data %s=PATH", e->name,
                           rn_eval_input_names[in]);
    return RN_OK;
}

static int read_tasks(struct measuring *m, struct rn_err *err)
{
    const char *given = rn_cli_opt(m->cli, "tasks");
    if (!given)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--tasks says what to measure");
    char *all = rn_xdup(given), *rest = all, *name;
    m->tasks = rn_xalloc((strlen(given) + 1) * sizeof *m->tasks);
    int rc = RN_OK;
    while (rc == RN_OK && (name = strsep(&rest, ","))) {
        const struct rn_eval *e = rn_eval_find(name);
        rc = e ? check_inputs(m, e, err) : rn_eval_unknown(name, err);
        m->tasks[m->n_tasks++] = e;
    }
    free(all);
    return rc;
}

static int read_request(struct measuring *m, struct rn_err *err)
{
    const char *data;
    for (size_t i = 0; (data = rn_cli_opt_at(m->cli, "data", i)); i++)
        RN_TRY(add_input(m, data, err));
    RN_TRY(rn_cli_int(m->cli, "max-per-task", -1, 1, 1 << 30, &m->max_items, err));
    RN_TRY(rn_cli_int(m->cli, "max-len", 4096, 16, 1 << 20, &m->max_len, err));
    RN_TRY(rn_cli_int(m->cli, "bpb-tokens", 10485760, 1, INT64_MAX, &m->bpb_tokens, err));
    m->precision = rn_cli_opt(m->cli, "precision") ? rn_cli_opt(m->cli, "precision") : "fp32";
    return read_tasks(m, err);
}

/* --- measuring --- */

static bool progress(void *ctx, const char *what, size_t done, size_t all)
{
    const struct measuring *m = ctx;
    if (m->terminal)
        fprintf(stderr, all ? "\r\033[K%s %zu/%zu" : "\r\033[K%s %zu", what, done, all);
    return true;
}

static void say(void *ctx, enum rn_level level, const char *text)
{
    const struct measuring *m = ctx;
    (void)level;
    fprintf(stderr, "%s%s\n", m->terminal ? "\r\033[K" : "", text);
}

static int open_val(const struct measuring *m, const struct rn_model_use *use,
                    struct rn_corpus **out, struct rn_err *err)
{
    const struct input *in = &m->inputs[RN_EVAL_IN_tokens];
    *out = NULL;
    if (in->n == 0)
        return RN_OK;
    struct rn_tokens *tokens;
    RN_TRY(rn_tokens_open(&tokens, (const char *const *)in->paths, in->n, "val",
                          rn_tokenizer_digest(use->tokenizer), err));
    *out = rn_corpus_of_tokens(tokens);
    return RN_OK;
}

static int run_tasks(struct measuring *m, const struct rn_model_use *use,
                     struct rn_eval_report *report, struct rn_err *err)
{
    struct rn_eval_data data[RN_EVAL_INPUTS];
    struct rn_log log = {say, m};
    struct rn_eval_run run = {.model = use->model,
                              .tokenizer = use->tokenizer,
                              .data = data,
                              .report = report,
                              .max_items = m->max_items,
                              .max_len = m->max_len,
                              .bpb_tokens = m->bpb_tokens,
                              .log = &log,
                              .progress = progress,
                              .ctx = m};
    for (int in = 0; in < RN_EVAL_INPUTS; in++)
        data[in] = (struct rn_eval_data){(const char *const *)m->inputs[in].paths, m->inputs[in].n};
    struct rn_corpus *val;
    RN_TRY(open_val(m, use, &val, err));
    run.val = val;
    rn_model_compute_in(use->model, strcmp(m->precision, "bf16") == 0 ? RN_BF16 : RN_F32);
    run.scorer = rn_scorer_model(use->model);
    int rc = RN_OK;
    for (size_t i = 0; i < m->n_tasks && rc == RN_OK; i++)
        rc = rn_eval_measure(&run, m->tasks[i], err);
    rn_scorer_free(run.scorer);
    rn_corpus_free(val);
    if (m->terminal)
        fputs("\r\033[K", stderr);
    return rc;
}

/* What a model is called in tables and file names: its stage, or the last part of its path.. */
static const char *short_name(const char *text)
{
    const char *stage = strrchr(text, ':');
    return stage && !strchr(stage, '/') ? stage + 1 : rn_basename(text);
}

/* .. or all of it, where another model is called the same; caller frees. */
static char *name_of(const struct rn_cli *cli, size_t at)
{
    const char *text = rn_cli_arg(cli, at), *name = short_name(text);
    for (size_t i = 0; i < rn_cli_n(cli); i++)
        if (i != at && strcmp(short_name(rn_cli_arg(cli, i)), name) == 0)
            name = text;
    char *own = rn_xdup(name);
    for (char *p = own; (p = strchr(p, '/'));)
        *p = '_';
    return own;
}

static int measure(struct measuring *m, size_t at, struct rn_err *err)
{
    struct rn_model_use use;
    RN_TRY(rn_model_use_open(&use, m->cli, rn_cli_arg(m->cli, at), err));
    char *name = name_of(m->cli, at);
    struct rn_eval_report *r = rn_eval_report_new(name, rn_cli_opt(m->cli, "out"));
    free(name);
    m->reports[m->n_reports++] = r;
    int rc = run_tasks(m, &use, r, err);
    rn_model_use_close(&use);
    return rc;
}

/* --- results --- */

static json_t *results(const struct measuring *m)
{
    json_t *models = json_object();
    for (size_t i = 0; i < m->n_reports; i++)
        json_object_set_new(models, rn_eval_model(m->reports[i]),
                            rn_eval_report_json(m->reports[i]));
    return json_pack("{s:o, s:s, s:I}", "models", models, "precision", m->precision, "max_per_task",
                     (json_int_t)m->max_items);
}

static int tell(const struct measuring *m, struct rn_err *err)
{
    json_t *doc = results(m);
    char *line = rn_json_canonical(doc);
    struct rn_str table = {0};
    rn_eval_table(m->reports, m->n_reports, &table);
    fputs(rn_cli_json(m->cli) ? line : table.p, stdout);
    if (rn_cli_json(m->cli))
        puts("");
    int rc = RN_OK;
    if (rn_cli_opt(m->cli, "out")) {
        char *path = rn_join(rn_cli_opt(m->cli, "out"), "scores.json");
        rc = rn_json_write(path, doc, err);
        free(path);
    }
    rn_str_release(&table);
    free(line);
    json_decref(doc);
    return rc;
}

static int measure_all(struct measuring *m, struct rn_err *err)
{
    const char *out = rn_cli_opt(m->cli, "out");
    RN_TRY(read_request(m, err));
    if (out)
        RN_TRY(rn_mkdirs(out, err));
    for (size_t i = 0; i < rn_cli_n(m->cli); i++)
        RN_TRY(measure(m, i, err));
    return tell(m, err);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct measuring m = {.cli = cli, .terminal = isatty(STDERR_FILENO)};
    m.reports = rn_xalloc((rn_cli_n(cli) + 1) * sizeof *m.reports);
    int rc = measure_all(&m, err);
    for (size_t i = 0; i < m.n_reports; i++)
        rn_eval_report_free(m.reports[i]);
    for (int in = 0; in < RN_EVAL_INPUTS; in++) {
        for (size_t i = 0; i < m.inputs[in].n; i++)
            free(m.inputs[in].paths[i]);
        free(m.inputs[in].paths);
    }
    free(m.reports);
    free(m.tasks);
    return rc;
}

static const char details[] = "A task whose data is not given is refused. Tasks:"
#define EVAL(id, name, unit, better, doc) " " name
#include "evals.def"
                              ". Inputs: tokens"
#define INPUT(id, doc) " " #id
#include "evals.def"
                              ".";
static const struct rn_example examples[] = {
    {"eval smoke-1a2b3c4d:base smoke-1a2b3c4d:sft --tasks core --data core=eval_bundle",
     "CORE of two models, side by side"},
    {"eval hf/gpt2 --tokenizer gpt2/vocab.bpe --tasks hellaswag --data "
     "hellaswag=hellaswag_val.jsonl",
     "HellaSwag of a model from elsewhere"},
    {0}};
const struct rn_command rn_command_eval = {.name = "eval",
                                           .args = "MODEL [MODEL ...]",
                                           .doc = "measure what models know",
                                           .opts = opts,
                                           .run = run,
                                           .details = details,
                                           .examples = examples};
