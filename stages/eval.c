/* eval: what finished models know. Each task measures each model; a number is the metric
 * `<model>.<task>`, a line of the table in the log, and an entry of scores.json. */
#include "conversation.h"
#include "eval_bpb.h"
#include "eval_choices.h"
#include "eval_core.h"
#include "file.h"
#include "generate.h"
#include "model_in.h"
#include "stage.h"
#include "tokens_in.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_TOKENS = 64,
    SAMPLES = 3,
};

struct cfg {
    struct rn_list models, tasks, prompts;
    struct rn_ref tokenizer, tokens, core, tiny_world, choices;
    int64_t max_per_task, max_len, bpb_tokens;
    int protocol;
};

static const char *const model_kinds[] = {"model", NULL};
static const char *const tokenizer_kinds[] = {"tokenizer", NULL};
static const char *const file_kinds[] = {"files", NULL};
static const char *const protocols[] = {"nanochat", NULL};

static const struct rn_key in_keys[] = {
    RN_KEY_REFS(struct cfg, models, "models", model_kinds, RN_REQUIRED, "what is measured"),
    RN_KEY_REF(struct cfg, tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED, "of all models"),
    RN_KEY_REF(struct cfg, tokens, "tokens", rn_tokens_in_kinds, "~", "its val split is for bpb"),
    RN_KEY_REF(struct cfg, core, "core", file_kinds, "~", "CORE's unpacked bundle"),
    RN_KEY_REF(struct cfg, tiny_world, "tiny_world", file_kinds, "~", "questions for tiny-world"),
    RN_KEY_REF(struct cfg, choices, "choices", file_kinds, "~",
               "JSONL of {query, choices, gold} for choices"),
    RN_KEYS_END};
static const struct rn_key keys[] = {
    RN_KEY_TABLE("in", in_keys, "inputs"),
    RN_KEY_LIST_OF(struct cfg, tasks, "tasks", RN_IDENTITY, RN_REQUIRED, RN_T_STR,
                   "bpb, core, core_v2, tiny-world, choices, sample"),
    RN_KEY_INT(struct cfg, max_per_task, "max_per_task", RN_IDENTITY, "-1", -1, 1e9, "questions",
               "of each task, -1: all; CORE's examples change with it"),
    RN_KEY_COUNT(struct cfg, max_len, "max_len", RN_IDENTITY, "4096", 16, 1 << 20,
                 "prompts of CORE keep their last max_len tokens"),
    RN_KEY_COUNT(struct cfg, bpb_tokens, "bpb_tokens", RN_IDENTITY, "10485760", 1, 1e12,
                 "validation tokens for bpb, at most one pass"),
    RN_KEY_WORD(struct cfg, protocol, "protocol", RN_IDENTITY, "nanochat", protocols,
                "whose rules CORE follows"),
    RN_KEY_LIST_OF(struct cfg, prompts, "prompts", RN_IDENTITY, "~", RN_T_STR,
                   "questions that sample answers; by default the first of tiny-world or choices"),
    RN_KEYS_END};

static const struct rn_output outputs[] = {{"scores", "scores"}, {NULL, NULL}};
static const struct rn_metric metrics[] = {
    {"bpb", "bits/byte", -1, "on the validation tokens"},
    {"core", "", +1, "CORE, with the bundle's baselines"},
    {"core_v2", "", +1, "CORE, with the baselines corrected in 2025"},
    {"tiny_world", "", +1, "questions answered rightly, by loss over the answers in a chat"},
    {"tiny_world_letter", "", +1, "the same by the likeliest letter"},
    {"tiny_world_text", "", +1, "the same by loss in plain text"},
    {"choices", "", +1, "questions answered rightly, by loss over the answers in a chat"},
    {"choices_letter", "", +1, "the same by the likeliest letter"},
    {"choices_text", "", +1, "the same by loss in plain text"},
    {NULL, NULL, 0, NULL}};

struct eval {
    struct rn_job *job;
    const struct cfg *cfg;
    struct rn_device *device;
    struct rn_tokenizer *tokenizer;
    struct rn_core core; /* n 0: not asked for */
    json_t *scores;      /* {model: {metric: value, ..}} */
    char *scores_dir;
    /* the model in hand */
    const char *name;
    struct rn_model *model;
    struct rn_scorer *scorer;
    json_t *own; /* scores[name], borrowed */
    bool core_done;
};

/* Records a number of the model in hand. */
static void record(struct eval *e, const char *metric, double value)
{
    char *name = rn_xprintf("%s.%s", e->name, metric);
    struct rn_metric_value v = {name, value};
    rn_job_metrics(e->job, 0, &v, 1);
    rn_log(e->job->log, RN_INFO, "%s: %.6f", name, value);
    json_object_set_new(e->own, metric, json_real(value));
    free(name);
}

/* --- bits per byte --- */

static int open_val(struct eval *e, struct rn_corpus **out, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(e->job, &e->cfg->tokens);
    return rn_tokens_in_open(out, a, "val", e->tokenizer, e->job->log, err);
}

/* Numbers of other packers or counts of bytes are not comparable: both are noted beside it. */
struct bpb_rules {
    bool decoded; /* bytes as nanochat counted them until July 2026 */
    bool bestfit; /* rows of BOS best fit instead of the flat stream */
};

static struct bpb_rules rules_of(const struct rn_model_cfg *m)
{
    return (struct bpb_rules){.decoded = strcmp(m->arch, "nanochat-2025") == 0,
                              .bestfit = strcmp(m->arch, "nanochat-2026") == 0};
}

static void note_rules(struct eval *e, struct bpb_rules rules)
{
    json_object_set_new(e->own, "bpb_bytes", json_string(rules.decoded ? "decoded" : "raw"));
    json_object_set_new(e->own, "bpb_loader", json_string(rules.bestfit ? "bestfit" : "stream"));
}

static int measure_bpb(struct eval *e, const struct rn_corpus *val, struct bpb_rules rules,
                       struct rn_bpb *sum, struct rn_err *err)
{
    int64_t T = rn_model_config(e->model)->sequence_len;
    int64_t B = rn_bpb_rows(T, e->cfg->bpb_tokens);
    int64_t batches = e->cfg->bpb_tokens / (B * T);
    int32_t vocab = rn_tokenizer_vocab_size(e->tokenizer);
    struct rn_loader *loader;
    struct rn_loader_cfg cfg = {
        .rows = rules.bestfit ? RN_ROWS_BESTFIT : RN_ROWS_STREAM, .B = B, .T = T, .streams = 1};
    RN_TRY(rn_loader_open(&loader, val, &cfg, err));
    int32_t *bytes = rn_xalloc((size_t)vocab * sizeof *bytes);
    rn_tokenizer_byte_counts(e->tokenizer, rules.decoded, bytes);
    batches = batches > 0 ? batches : 1;
    int rc = rn_eval_bpb(e->scorer, loader, B, T, batches, bytes, vocab, sum, err);
    free(bytes);
    rn_loader_free(loader);
    return rc;
}

static int run_bpb(struct eval *e, struct rn_err *err)
{
    struct bpb_rules rules = rules_of(rn_model_config(e->model));
    struct rn_corpus *val;
    struct rn_bpb sum;
    RN_TRY(open_val(e, &val, err));
    int rc = measure_bpb(e, val, rules, &sum, err);
    rn_corpus_free(val);
    if (rc != RN_OK)
        return rc;
    record(e, "bpb", rn_bpb_value(&sum));
    note_rules(e, rules);
    return RN_OK;
}

/* --- CORE --- */

static bool core_progress(void *ctx, const char *task, size_t done, size_t all)
{
    struct eval *e = ctx;
    rn_job_progress(e->job, (double)done, (double)all, "questions", task);
    return !rn_job_stopping(e->job);
}

static void record_core(struct eval *e, const struct rn_core_result *r)
{
    json_t *tasks = json_object();
    for (size_t i = 0; i < e->core.n; i++) {
        const struct rn_core_task_result *t = &r->tasks[i];
        rn_log(e->job->log, RN_INFO, "%s.core: %-35s %.4f  centered %7.4f", e->name,
               e->core.tasks[i].label, t->accuracy, t->centered);
        json_object_set_new(tasks, e->core.tasks[i].label,
                            json_pack("{s:f, s:f, s:I}", "accuracy", t->accuracy, "centered",
                                      t->centered, "items", (json_int_t)t->items));
    }
    json_object_set_new(e->own, "core_tasks", tasks);
    record(e, "core", r->core);
    record(e, "core_v2", r->core_v2);
}

static int write_csv(struct eval *e, const struct rn_core_result *r, struct rn_err *err)
{
    char *file = rn_xprintf("core_%s.csv", e->name);
    char *path = rn_join(e->scores_dir, file);
    int rc = rn_core_write_csv(&e->core, r, path, err);
    free(path);
    free(file);
    return rc;
}

static int run_core(struct eval *e, struct rn_err *err)
{
    if (e->core_done) /* core and core_v2 are one measurement */
        return RN_OK;
    struct rn_core_run run = {.tokenizer = e->tokenizer,
                              .scorer = e->scorer,
                              .max_per_task = e->cfg->max_per_task,
                              .max_len = e->cfg->max_len,
                              .progress = core_progress,
                              .ctx = e};
    struct rn_core_result r;
    RN_TRY(rn_core_score(&e->core, &run, &r, err));
    record_core(e, &r);
    int rc = write_csv(e, &r, err);
    rn_core_result_release(&r);
    e->core_done = true;
    return rc;
}

/* --- multiple choice --- */

static int open_choices(struct eval *e, const struct rn_ref *ref, struct rn_choices **out,
                        struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(e->job, ref);
    if (a->n_files != 1)
        return rn_fail(err, RN_ECONFIG, ref->at, "%s is %zu files, expected one JSONL file",
                       a->name, a->n_files);
    return rn_choices_open(out, a->files[0].path, err);
}

static int score_forms(struct eval *e, const struct rn_choices *c, const char *task,
                       struct rn_err *err)
{
    static const char *const suffixes[] = {
        [RN_CHOICES_CHAT] = "", [RN_CHOICES_TEXT] = "_text", [RN_CHOICES_LETTER] = "_letter"};
    for (size_t form = 0; form < RN_COUNT(suffixes); form++) {
        double accuracy;
        RN_TRY(rn_choices_score(c, (enum rn_choices_form)form, e->tokenizer, e->scorer,
                                e->cfg->max_per_task, &accuracy, err));
        char *metric = rn_xprintf("%s%s", task, suffixes[form]);
        record(e, metric, accuracy);
        free(metric);
    }
    return RN_OK;
}

static int run_questions(struct eval *e, const struct rn_ref *ref, const char *task,
                         struct rn_err *err)
{
    struct rn_choices *c;
    RN_TRY(open_choices(e, ref, &c, err));
    int rc = score_forms(e, c, task, err);
    rn_choices_free(c);
    return rc;
}

static int run_tiny_world(struct eval *e, struct rn_err *err)
{
    return run_questions(e, &e->cfg->tiny_world, "tiny_world", err);
}
static int run_choices(struct eval *e, struct rn_err *err)
{
    return run_questions(e, &e->cfg->choices, "choices", err);
}

/* --- samples --- */

struct answer {
    const struct eval *e;
    int32_t stop[2];
    struct rn_str text;
};

static int add_token(void *ctx, int32_t id)
{
    struct answer *a = ctx;
    if (id == a->stop[0] || id == a->stop[1])
        return 1;
    return rn_tokenizer_decode(a->e->tokenizer, &id, 1, &a->text, NULL);
}

static int answer_one(struct eval *e, const char *question, const char *right, struct rn_err *err)
{
    struct rn_chat_tokens special;
    struct rn_conversation chat = {0};
    struct rn_ids prompt = {0};
    struct rn_generator *g;
    RN_TRY(rn_chat_tokens_find(&special, e->tokenizer, err));
    rn_conversation_say(&chat, question, strlen(question));
    rn_conversation_prompt(&chat, &special, e->tokenizer, &prompt);
    rn_conversation_release(&chat);
    struct answer a = {.e = e, .stop = {special.assistant_end, special.bos}};
    struct rn_sampling how = {.max_tokens = SAMPLE_TOKENS, .stop = a.stop, .n_stop = 2};
    int rc = rn_generator_new(&g, e->model, (int64_t)prompt.n + SAMPLE_TOKENS, err);
    if (rc == RN_OK) {
        rc = rn_generate(g, prompt.p, prompt.n, &how, add_token, &a, err);
        rn_generator_free(g);
    }
    if (rc == RN_OK)
        rn_log(e->job->log, RN_INFO, "%s answers '%s': %s%s%s", e->name, question,
               a.text.p ? a.text.p : "", right ? "   right: " : "", right ? right : "");
    rn_str_release(&a.text);
    rn_ids_release(&prompt);
    return rc;
}

static int answer_questions(struct eval *e, const struct rn_ref *ref, struct rn_err *err)
{
    struct rn_choices *c;
    RN_TRY(open_choices(e, ref, &c, err));
    size_t all = rn_choices_count(c), n = all < SAMPLES ? all : SAMPLES;
    int rc = RN_OK;
    for (size_t i = 0; i < n && rc == RN_OK; i++) {
        size_t at = i * (all / n) + i % (all / n); /* of different kinds, where they take turns */
        rc = answer_one(e, rn_choices_query(c, at), rn_choices_answer(c, at), err);
    }
    rn_choices_free(c);
    return rc;
}

static int run_sample(struct eval *e, struct rn_err *err)
{
    const char *const *prompts = e->cfg->prompts.items;
    for (size_t i = 0; i < e->cfg->prompts.n; i++)
        RN_TRY(answer_one(e, prompts[i], NULL, err));
    if (e->cfg->prompts.n)
        return RN_OK;
    if (e->cfg->tiny_world.text)
        return answer_questions(e, &e->cfg->tiny_world, err);
    if (e->cfg->choices.text)
        return answer_questions(e, &e->cfg->choices, err);
    return answer_one(e, "Why is the sky blue?", NULL, err);
}

/* --- tasks and models --- */

static const struct task {
    const char *name;
    int (*run)(struct eval *, struct rn_err *);
    const char *input;   /* key below in: that the task needs; NULL: none */
    size_t input_offset; /* of its reference in struct cfg */
} tasks[] = {
    {"bpb", run_bpb, "tokens", offsetof(struct cfg, tokens)},
    {"core", run_core, "core", offsetof(struct cfg, core)},
    {"core_v2", run_core, "core", offsetof(struct cfg, core)},
    {"tiny-world", run_tiny_world, "tiny_world", offsetof(struct cfg, tiny_world)},
    {"choices", run_choices, "choices", offsetof(struct cfg, choices)},
    {"sample", run_sample, NULL, 0},
};

static const struct task *find_task(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(tasks); i++)
        if (strcmp(tasks[i].name, name) == 0)
            return &tasks[i];
    return NULL;
}

static int unknown_task(const char *name, struct rn_err *err)
{
    const char *words[RN_COUNT(tasks) + 1] = {0};
    for (size_t i = 0; i < RN_COUNT(tasks); i++)
        words[i] = tasks[i].name;
    const char *near = rn_nearest(name, words);
    rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'tasks' has '%.60s', which this program cannot measure",
            name);
    if (near)
        rn_hint(err, "did you mean '%s'?", near);
    else
        rn_hint(err, "known: bpb, core, core_v2, tiny-world, choices, sample");
    return RN_ECONFIG;
}

static int check(const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    const char *const *names = c->tasks.items;
    for (size_t i = 0; i < c->tasks.n; i++) {
        const struct task *t = names[i] ? find_task(names[i]) : NULL;
        if (!t)
            return unknown_task(names[i] ? names[i] : "", err);
        const struct rn_ref *ref =
            (const struct rn_ref *)(const void *)((const char *)cfg + t->input_offset);
        if (t->input && !ref->text)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'tasks' has %s, which needs 'in.%s'",
                           t->name, t->input);
    }
    return RN_OK;
}

static bool asks_for_core(const struct cfg *c)
{
    const char *const *names = c->tasks.items;
    for (size_t i = 0; i < c->tasks.n; i++)
        if (find_task(names[i])->run == run_core)
            return true;
    return false;
}

/* The bundle's directory: where its core.yaml lies. */
static int open_core(struct eval *e, struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(e->job, &e->cfg->core);
    for (size_t i = 0; i < a->n_files; i++) {
        if (strcmp(rn_basename(a->files[i].path), "core.yaml") != 0)
            continue;
        char *dir = rn_dirname(a->files[i].path);
        int rc = rn_core_open(&e->core, dir, err);
        free(dir);
        return rc;
    }
    return rn_fail(err, RN_ECONFIG, e->cfg->core.at, "%s holds no core.yaml", a->name);
}

static int run_tasks(struct eval *e, struct rn_err *err)
{
    const char *const *names = e->cfg->tasks.items;
    for (size_t i = 0; i < e->cfg->tasks.n; i++) {
        if (rn_job_stopping(e->job))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped before the task %s", names[i]);
        if (find_task(names[i])->run(e, err) != RN_OK)
            return rn_while(err, "measuring %s of %s", names[i], e->name);
    }
    return RN_OK;
}

static int run_model(struct eval *e, const struct rn_ref *ref, struct rn_err *err)
{
    e->name = ref->text;
    e->model = NULL;
    e->scorer = NULL;
    e->core_done = false;
    e->own = json_object();
    json_object_set_new(e->scores, e->name, e->own);
    const struct rn_artifact *a = rn_job_artifact(e->job, ref);
    int rc = rn_model_in_check(a, e->tokenizer, err);
    if (rc == RN_OK)
        rc = rn_model_load(&e->model, a->dir, e->device, false, err);
    if (rc == RN_OK)
        rc = rn_scorer_model(&e->scorer, e->model, err);
    if (rc == RN_OK)
        rc = run_tasks(e, err);
    rn_scorer_free(e->scorer);
    rn_model_free(e->model);
    return rc;
}

/* --- the table and the file --- */

static void table_line(struct eval *e, const char *metric)
{
    struct rn_str line = {0};
    const struct rn_ref *refs = e->cfg->models.items;
    bool any = false;
    rn_str_printf(&line, "%-20s", metric ? metric : "");
    for (size_t i = 0; i < e->cfg->models.n; i++) {
        const json_t *own = json_object_get(e->scores, refs[i].text);
        const json_t *value = metric ? json_object_get(own, metric) : NULL;
        any |= value != NULL;
        if (!metric)
            rn_str_printf(&line, " %12s", refs[i].text);
        else if (value)
            rn_str_printf(&line, " %12.4f", json_number_value(value));
        else
            rn_str_printf(&line, " %12s", "-");
    }
    if (any || !metric)
        rn_log(e->job->log, RN_INFO, "%s", line.p);
    rn_str_release(&line);
}

static void show_table(struct eval *e)
{
    table_line(e, NULL);
    for (const struct rn_metric *m = metrics; m->name; m++)
        table_line(e, m->name);
}

static int write_scores(struct eval *e, struct rn_err *err)
{
    char *path = rn_join(e->scores_dir, "scores.json");
    json_t *doc =
        json_pack("{s:O, s:s, s:I}", "models", e->scores, "protocol", protocols[e->cfg->protocol],
                  "max_per_task", (json_int_t)e->cfg->max_per_task);
    int rc = rn_json_write(path, doc, err);
    json_decref(doc);
    free(path);
    return rc;
}

static int measure(struct eval *e, struct rn_err *err)
{
    const struct rn_ref *refs = e->cfg->models.items;
    const char *tokenizer_dir = rn_job_artifact(e->job, &e->cfg->tokenizer)->dir;
    RN_TRY(rn_mkdirs(e->scores_dir, err));
    RN_TRY(rn_tokenizer_load(&e->tokenizer, tokenizer_dir, err));
    if (asks_for_core(e->cfg))
        RN_TRY(open_core(e, err));
    RN_TRY(rn_device_open(&e->device, e->job->device, e->job->threads, e->job->log, err));
    for (size_t i = 0; i < e->cfg->models.n; i++)
        RN_TRY(run_model(e, &refs[i], err));
    show_table(e);
    return write_scores(e, err);
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    struct eval e = {.job = job, .cfg = cfg, .scores = json_object()};
    e.scores_dir = rn_join(job->out_dir, "scores");
    int rc = measure(&e, err);
    json_decref(e.scores);
    rn_core_release(&e.core);
    rn_tokenizer_free(e.tokenizer);
    rn_device_close(e.device);
    free(e.scores_dir);
    return rc;
}

const struct rn_stage rn_stage_eval = {.kind = "eval",
                                       .doc = "measure models",
                                       .version = 2,
                                       .keys = keys,
                                       .cfg_bytes = sizeof(struct cfg),
                                       .outputs = outputs,
                                       .metrics = metrics,
                                       .check = check,
                                       .run = run};
