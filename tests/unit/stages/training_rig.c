#include "training_rig.h"
#include "../scratch.h"
#include "file.h"

/* --- a rig with artifacts in a directory of its own --- */

struct rn_runner rig;
struct rn_arena rig_arena;
struct rn_str rig_said;
struct rn_err rig_err;

static bool stopping(struct rn_runner *r)
{
    return r->stopping;
}
static const struct rn_artifact *artifact(struct rn_runner *r, const struct rn_ref *ref)
{
    return !strcmp(ref->text, "tokenizer") ? &r->tokenizer
           : !strcmp(ref->text, "strange") ? &r->strange
           : !strcmp(ref->text, "train")   ? &r->train
           : !strcmp(ref->text, "val")     ? &r->val
           : !strcmp(ref->text, "model")   ? &r->model
                                           : &r->tokens;
}
static const struct rn_artifact *watched(struct rn_runner *r, const char *name)
{
    return !strcmp(name, "core") && r->bundle.dir ? &r->bundle : NULL;
}
static bool of_machine(const char *name)
{
    return !strcmp(name, "dt_ms") || !strcmp(name, "tok_per_sec") || !strcmp(name, "mfu") ||
           !strcmp(name, "total_time_min");
}
static void metrics(struct rn_runner *r, int64_t step, const struct rn_metric_value *v, size_t n)
{
    struct rn_str s = {0};
    rn_str_printf(&s, "%d", (int)step);
    for (size_t i = 0; i < n; i++)
        if (!of_machine(v[i].name))
            rn_str_printf(&s, " %s %.17g", v[i].name, v[i].value);
    cr_assert_lt(r->n_lines, LINES_MAX);
    r->lines[r->n_lines++] = rn_arena_dup(&rig_arena, s.p);
    rn_str_release(&s);
    r->stopping |= r->stop_at >= 0 && step >= r->stop_at;
}
static double last_metric(struct rn_runner *r, const char *name)
{
    (void)r, (void)name;
    return NAN;
}
static int64_t metrics_offset(struct rn_runner *r)
{
    return r->n_lines;
}
static int metrics_cut(struct rn_runner *r, int64_t offset, struct rn_err *e)
{
    (void)e;
    cr_assert_leq(offset, r->n_lines, "the metrics end before the checkpoint's offset");
    r->n_lines = offset;
    return RN_OK;
}
static void progress(struct rn_runner *r, double done, double total, const char *unit,
                     const char *text)
{
    (void)unit;
    cr_expect(!(total > 0) || done <= total);
    r->stopping |= r->stop_in_core && text && strcmp(text, "copa") == 0;
}
static const struct rn_job_ops ops = {.stopping = stopping,
                                      .artifact = artifact,
                                      .watched = watched,
                                      .metrics = metrics,
                                      .last_metric = last_metric,
                                      .metrics_offset = metrics_offset,
                                      .metrics_cut = metrics_cut,
                                      .progress = progress};

static void listen_to(void *ctx, enum rn_level level, const char *text)
{
    (void)ctx, (void)level;
    rn_str_printf(&rig_said, "%s\n", text);
}
static const struct rn_log logbook = {listen_to, NULL};

char *rig_path(const char *name)
{
    return rn_arena_printf(&rig_arena, "%s/%s", dir, name);
}

/* Runs a stage with keys as a user writes them; `name` is its output and work directory. */
int rig_run(const struct rn_stage *stage, const char *keys, const char *name)
{
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &rig_arena, .problems = &problems};
    struct rn_fill fill = {.arena = &rig_arena, .problems = &problems, .what = "a stage"};
    void *cfg = rn_arena_alloc(&rig_arena, stage->cfg_bytes);
    struct rn_part part = {stage->keys, cfg};
    struct rn_node *root = rn_yaml_parse(&tree, keys, strlen(keys), "test.yaml");
    cr_assert(root);
    rn_schema_fill(&fill, &part, 1, root, RN_NOWHERE);
    cr_assert_eq(rn_problems_count(&problems), 0, "%s", problems.n ? problems.items[0]->msg : "");
    char *out = rn_arena_printf(&rig_arena, "%s/%s.out", dir, name);
    char *work = rn_arena_printf(&rig_arena, "%s/%s.work", dir, name);
    rn_remove_tree(out, NULL);
    cr_assert_eq(rn_mkdirs(out, NULL), RN_OK);
    cr_assert_eq(rn_mkdirs(work, NULL), RN_OK);
    struct rn_job job = {.kind = stage,
                         .stage = "base",
                         .out_dir = out,
                         .work_dir = work,
                         .key = "0123abcd",
                         .device = "cpu",
                         .threads = 1,
                         .log = &logbook,
                         .runner = &rig,
                         .ops = &ops};
    rig_err = (struct rn_err){0};
    rig.stopping = false;
    if (stage->settle)
        stage->settle(cfg, "cpu");
    return stage->check && stage->check(cfg, &rig_err) != RN_OK ? (int)rig_err.code
                                                                : stage->run(&job, cfg, &rig_err);
}

static void train_tokenizer(struct rn_artifact *a, const char *name, int merges)
{
    static const char text[] = "the cat and the dog and the bird and the fish sat on a mat";
    struct rn_tokenizer *t;
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, text, strlen(text));
    cr_assert_eq(
        rn_bpe_trainer_finish(trainer, merges, rn_special_nanochat, NULL, NULL, &t, &rig_err),
        RN_OK, "%s", rig_err.msg);
    a->dir = rig_path(name);
    cr_assert_eq(rn_mkdirs(a->dir, &rig_err), RN_OK);
    cr_assert_eq(rn_tokenizer_save(t, a->dir, &rig_err), RN_OK, "%s", rig_err.msg);
    rn_bpe_trainer_free(trainer);
    rn_tokenizer_free(t);
}

void rig_documents(struct rn_artifact *a, int i, const char *name, int rows)
{
    struct rn_str text = {0};
    for (int row = 0; row < rows; row++)
        rn_str_printf(&text, "{\"text\": \"the cat number %d and its %d dogs\"}\n", row, row % 13);
    char *path = rig_path(name);
    cr_assert_eq(rn_file_write(path, text.p, text.n, &rig_err), RN_OK);
    rig.files[i] = (struct rn_artifact_file){name, path, (int64_t)text.n, name};
    *a = (struct rn_artifact){.kind = "files", .files = &rig.files[i], .n_files = 1};
    rn_str_release(&text);
}

void rig_enter(void)
{
    scratch_up();
    rig.stop_at = -1;
    train_tokenizer(&rig.tokenizer, "tokenizer", 10);
    train_tokenizer(&rig.strange, "strange", 5);
    rig_documents(&rig.train, 0, "train.jsonl", 300);
    rig_documents(&rig.val, 1, "val.jsonl", 40);
    cr_assert_eq(rig_run(&rn_stage_tokenize, "in: {tokenizer: tokenizer, train: train, val: val}\n",
                         "tokens"),
                 RN_OK, "%s", rig_err.msg);
    static const char *const names[] = {"train_00000.bin", "val_00000.bin"};
    for (int i = 0; i < 2; i++)
        rig.files[2 + i] = (struct rn_artifact_file){
            names[i], rn_arena_printf(&rig_arena, "%s/tokens.out/tokens/%s", dir, names[i]), 0,
            "c"};
    rig.tokens = (struct rn_artifact){
        .kind = "tokens", .name = "tokens", .files = &rig.files[2], .n_files = 2};
    rig.n_lines = 0;
    rig_said.n = 0;
}
void rig_leave(void)
{
    rn_remove_tree(dir, NULL);
    rn_arena_release(&rig_arena);
    rn_str_release(&rig_said);
}
char *rig_digest(const char *run_name, const char *output)
{
    char *hex = rn_arena_alloc(&rig_arena, RN_HEX);
    char *path =
        rn_arena_printf(&rig_arena, "%s/%s.out/%s/model.safetensors", dir, run_name, output);
    cr_assert_eq(rn_sha256_file(path, hex, NULL, &rig_err), RN_OK, "%s: %s", path, rig_err.msg);
    return hex;
}

/* The metrics so far, and none from here on. */
char *rig_lines(void)
{
    struct rn_str s = {0};
    for (int64_t i = 0; i < rig.n_lines; i++)
        rn_str_printf(&s, "%s\n", rig.lines[i]);
    rig.n_lines = 0;
    return s.p ? s.p : rn_xdup("");
}

void rig_unbroken(const char *keys, char **lines)
{
    cr_assert_eq(rig_run(&rn_stage_base_train, keys, "whole"), RN_OK, "%s", rig_err.msg);
    *lines = rig_lines();
}

void rig_ends_as_unbroken(const char *lines)
{
    char *mine = rig_lines();
    cr_expect_str_eq(mine, lines);
    cr_expect_str_eq(rig_digest("broken", "model"), rig_digest("whole", "model"));
    cr_expect_str_eq(rig_digest("broken", "best"), rig_digest("whole", "best"));
    free(mine);
}
