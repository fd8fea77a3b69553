/* The training loop under a runner that stops it, takes its disk away and breaks its evaluations:
 * what is published is what an unbroken run publishes. */
#include "file.h"
#include "mem.h"
#include "model.h"
#include "stage.h"
#include "str.h"
#include "tokenizer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct rn_stage rn_stage_tokenize, rn_stage_base_train, rn_stage_sft, rn_stage_export;

/* --- a runner with artifacts in a directory of its own --- */

enum { LINES_MAX = 200 };
struct rn_runner {
    struct rn_artifact tokenizer, strange, train, val, tokens, model;
    struct rn_artifact_file files[16];
    char *lines[LINES_MAX]; /* metrics without what the machine decides */
    int64_t n_lines;
    int64_t stop_at;   /* stop once this step was reported; -1: never */
    bool stop_in_core; /* stop when the first questions of CORE are asked */
    bool stopping;
    struct rn_artifact bundle; /* dir NULL: none */
};

static char dir[64];
static struct rn_runner runner;
static struct rn_arena arena;
static struct rn_str said;
static struct rn_err err;

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
    r->lines[r->n_lines++] = s.p;
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
    r->stopping |= r->stop_in_core && text && strncmp(text, "CORE", 4) == 0;
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
    rn_str_printf(&said, "%s\n", text);
}
static const struct rn_log logbook = {listen_to, NULL};

static char *in_dir(const char *name)
{
    return rn_arena_printf(&arena, "%s/%s", dir, name);
}

/* Runs a stage with keys as a user writes them; `name` is its output and work directory. */
static int run(const struct rn_stage *stage, const char *keys, const char *name)
{
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    struct rn_fill fill = {.arena = &arena, .problems = &problems, .what = "a stage"};
    void *cfg = rn_arena_alloc(&arena, stage->cfg_bytes);
    struct rn_part part = {stage->keys, cfg};
    struct rn_node *root = rn_yaml_parse(&tree, keys, strlen(keys), "test.yaml");
    cr_assert(root);
    rn_schema_fill(&fill, &part, 1, root, RN_NOWHERE);
    cr_assert_eq(rn_problems_count(&problems), 0, "%s", problems.n ? problems.items[0]->msg : "");
    char *out = rn_arena_printf(&arena, "%s/%s.out", dir, name);
    char *work = rn_arena_printf(&arena, "%s/%s.work", dir, name);
    rn_remove_tree(out, NULL);
    cr_assert_eq(rn_mkdirs(out, NULL), RN_OK);
    cr_assert_eq(rn_mkdirs(work, NULL), RN_OK);
    struct rn_job job = {.stage = "base",
                         .out_dir = out,
                         .work_dir = work,
                         .key = "0123abcd",
                         .device = "cpu",
                         .threads = 1,
                         .log = &logbook,
                         .runner = &runner,
                         .ops = &ops};
    err = (struct rn_err){0};
    runner.stopping = false;
    if (stage->settle)
        stage->settle(cfg);
    return stage->check && stage->check(cfg, &err) != RN_OK ? (int)err.code
                                                            : stage->run(&job, cfg, &err);
}

static void train_tokenizer(struct rn_artifact *a, const char *name, int merges)
{
    static const char text[] = "the cat and the dog and the bird and the fish sat on a mat";
    struct rn_tokenizer *t;
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, text, strlen(text));
    cr_assert_eq(rn_bpe_trainer_finish(trainer, merges, rn_special_nanochat, NULL, NULL, &t, &err),
                 RN_OK, "%s", err.msg);
    a->dir = in_dir(name);
    cr_assert_eq(rn_mkdirs(a->dir, &err), RN_OK);
    cr_assert_eq(rn_tokenizer_save(t, a->dir, &err), RN_OK, "%s", err.msg);
    rn_bpe_trainer_free(trainer);
    rn_tokenizer_free(t);
}

static void write_documents(struct rn_artifact *a, int i, const char *name, int rows)
{
    struct rn_str text = {0};
    for (int row = 0; row < rows; row++)
        rn_str_printf(&text, "{\"text\": \"the cat number %d and its %d dogs\"}\n", row, row % 13);
    char *path = in_dir(name);
    cr_assert_eq(rn_file_write(path, text.p, text.n, &err), RN_OK);
    runner.files[i] = (struct rn_artifact_file){name, path, (int64_t)text.n, name};
    *a = (struct rn_artifact){.kind = "files", .files = &runner.files[i], .n_files = 1};
    rn_str_release(&text);
}

static void enter(void)
{
    strcpy(dir, "/tmp/runnel-train-XXXXXX");
    cr_assert(mkdtemp(dir));
    runner.stop_at = -1;
    train_tokenizer(&runner.tokenizer, "tokenizer", 10);
    train_tokenizer(&runner.strange, "strange", 5);
    write_documents(&runner.train, 0, "train.jsonl", 300);
    write_documents(&runner.val, 1, "val.jsonl", 40);
    cr_assert_eq(
        run(&rn_stage_tokenize, "in: {tokenizer: tokenizer, train: train, val: val}\n", "tokens"),
        RN_OK, "%s", err.msg);
    static const char *const names[] = {"train_00000.bin", "val_00000.bin"};
    for (int i = 0; i < 2; i++)
        runner.files[2 + i] = (struct rn_artifact_file){
            names[i], rn_arena_printf(&arena, "%s/tokens.out/tokens/%s", dir, names[i]), 0, "c"};
    runner.tokens = (struct rn_artifact){
        .kind = "tokens", .name = "tokens", .files = &runner.files[2], .n_files = 2};
    runner.n_lines = 0;
    said.n = 0;
}
static void leave(void)
{
    rn_remove_tree(dir, NULL);
    rn_arena_release(&arena);
    rn_str_release(&said);
}
TestSuite(training, .init = enter, .fini = leave, .timeout = 300);

#define BASE                                                                                       \
    "in: {tokenizer: tokenizer, tokens: tokens}\n"                                                 \
    "model: {arch: nanochat-2025, depth: 1, n_embd: 16, head_dim: 8, sequence_len: 16}\n"          \
    "batch: {tokens: 64}\nhorizon: {steps: 12}\n"
#define EVERY_4                                                                                    \
    "checkpoint: {every: 4 steps, keep: 2}\neval: {bpb: {every: 4 steps, tokens: 256}}\n"
#define RARELY "checkpoint: {every: 100 steps, keep: 2}\n"

static char *digest(const char *run_name, const char *output)
{
    char *hex = rn_arena_alloc(&arena, RN_HEX);
    char *path = rn_arena_printf(&arena, "%s/%s.out/%s/model.safetensors", dir, run_name, output);
    cr_assert_eq(rn_sha256_file(path, hex, NULL, &err), RN_OK, "%s: %s", path, err.msg);
    return hex;
}

/* The metrics so far, and none from here on. */
static char *take_lines(void)
{
    struct rn_str s = {0};
    for (int64_t i = 0; i < runner.n_lines; i++)
        rn_str_printf(&s, "%s\n", runner.lines[i]);
    runner.n_lines = 0;
    return s.p ? s.p : rn_xdup("");
}

static void run_unbroken(const char *keys, char **lines)
{
    cr_assert_eq(run(&rn_stage_base_train, keys, "whole"), RN_OK, "%s", err.msg);
    *lines = take_lines();
}

static void ends_as_unbroken(const char *lines)
{
    char *mine = take_lines();
    cr_expect_str_eq(mine, lines);
    cr_expect_str_eq(digest("broken", "model"), digest("whole", "model"));
    cr_expect_str_eq(digest("broken", "best"), digest("whole", "best"));
    free(mine);
}

/* --- */

Test(training, stopped_after_any_step_it_ends_with_the_same_bits_and_metrics)
{
    char *lines;
    run_unbroken(BASE EVERY_4, &lines);
    for (int64_t at = 0; at < 12; at++) {
        char *work = in_dir("broken.work");
        rn_remove_tree(work, NULL);
        runner.stop_at = at;
        cr_assert_eq(run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_ESTOPPED, "at %d",
                     (int)at);
        runner.stop_at = -1;
        cr_assert_eq(run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s", err.msg);
        ends_as_unbroken(lines);
    }
    free(lines);
}

Test(training, a_damaged_newest_checkpoint_is_passed_over_and_the_end_is_the_same)
{
    char *lines;
    run_unbroken(BASE EVERY_4, &lines);
    runner.stop_at = 9;
    cr_assert_eq(run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_ESTOPPED);
    runner.stop_at = -1;
    cr_assert_eq(truncate(in_dir("broken.work/step_000010/optimizer.safetensors"), 9), 0);
    cr_assert_eq(run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s", err.msg);
    cr_expect(strstr(said.p, "step_000010 is passed over"));
    cr_expect(strstr(said.p, "resumed at step 8 of 12"));
    ends_as_unbroken(lines);
    free(lines);
}

/* A bundle of one task, whose questions are never answered: the runner stops at the first. */
static void make_bundle(void)
{
    static const char *const files[][2] = {
        {"core/core.yaml", "icl_tasks:\n- label: copa\n  icl_task_type: multiple_choice\n"
                           "  dataset_uri: copa.jsonl\n  num_fewshot: [0]\n"},
        {"core/eval_meta_data.csv", "Eval Task,Random baseline\ncopa,50\n"},
        {"core/eval_data/copa.jsonl",
         "{\"query\": \"the cat\", \"choices\": [\"sat\", \"mat\"], \"gold\": 0}\n"}};
    cr_assert_eq(rn_mkdirs(in_dir("core/eval_data"), &err), RN_OK);
    for (size_t i = 0; i < RN_COUNT(files); i++)
        cr_assert_eq(rn_file_write(in_dir(files[i][0]), files[i][1], strlen(files[i][1]), &err),
                     RN_OK);
    runner.bundle.dir = in_dir("core");
}

#define BPB_AND_CORE                                                                               \
    RARELY "eval: {bpb: {every: 6 steps, tokens: 256}, core: {every: 6 steps, max_per_task: 1}}\n"

Test(training, an_evaluation_that_was_interrupted_is_made_up_for)
{
    char *lines;
    make_bundle();
    run_unbroken(BASE BPB_AND_CORE, &lines);
    cr_assert(strstr(lines, " core "), "%s%s", lines, said.p);
    runner.stop_in_core = true;
    cr_assert_eq(run(&rn_stage_base_train, BASE BPB_AND_CORE, "broken"), RN_ESTOPPED);
    runner.stop_in_core = false;
    cr_assert_eq(run(&rn_stage_base_train, BASE BPB_AND_CORE, "broken"), RN_OK, "%s", err.msg);
    ends_as_unbroken(lines);
    free(lines);
}

Test(training, an_evaluation_that_fails_is_a_warning)
{
    char *lines;
    make_bundle();
    cr_assert_eq(truncate(in_dir("core/core.yaml"), 5), 0);
    run_unbroken(BASE BPB_AND_CORE, &lines);
    cr_expect(strstr(said.p, "CORE failed, training goes on"));
    cr_expect(strstr(lines, "val_bpb"));
    cr_expect_not(strstr(lines, " core "));
    free(lines);
}

/* --- a full disk --- */

static int full_for; /* so many writes fail; then there is room again */

static ssize_t full_write(int fd, const void *bytes, size_t n)
{
    if (full_for > 0 && full_for--) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, bytes, n);
}

Test(training, on_a_full_disk_exit_fails_and_the_same_command_goes_on)
{
    char *lines;
    static const char keys[] = BASE "checkpoint: {every: 4 steps, on_full: exit}\n"
                                    "eval: {bpb: {every: 4 steps, tokens: 256}}\n";
    run_unbroken(keys, &lines);
    rn_io.write = full_write;
    full_for = 1;
    cr_expect_eq(run(&rn_stage_base_train, keys, "broken"), RN_ENOSPACE, "%s", err.msg);
    cr_expect_eq(run(&rn_stage_base_train, keys, "broken"), RN_OK, "%s", err.msg);
    ends_as_unbroken(lines);
    free(lines);
}

Test(training, on_a_full_disk_pause_waits_says_so_once_and_goes_on)
{
    char *lines;
    run_unbroken(BASE EVERY_4, &lines);
    said.n = 0;
    rn_io.write = full_write;
    full_for = 2; /* two attempts */
    cr_expect_eq(run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s", err.msg);
    const char *first = strstr(said.p, "waiting for room");
    cr_assert(first);
    cr_expect_null(strstr(first + 1, "waiting for room"));
    ends_as_unbroken(lines);
    free(lines);
}

/* --- what follows a base model --- */

#define LIKE_2026                                                                                  \
    "in: {tokenizer: tokenizer, tokens: tokens}\n"                                                 \
    "model: {arch: nanochat-2026, depth: 1, n_embd: 32, head_dim: 8, sequence_len: 16}\n"          \
    "batch: {tokens: 96}\nhorizon: {steps: 2}\n"

Test(training, sft_of_2026_takes_the_batch_of_its_base_model)
{
    static const char chats[] = "[{\"role\":\"user\",\"content\":\"a\"},"
                                "{\"role\":\"assistant\",\"content\":\"b\"}]\n";
    write_documents(&runner.val, 5, "chats.jsonl", 1);
    cr_assert_eq(rn_file_write(in_dir("chats.jsonl"), chats, strlen(chats), &err), RN_OK);
    cr_assert_eq(run(&rn_stage_base_train, LIKE_2026, "whole"), RN_OK, "%s", err.msg);
    runner.model.dir = in_dir("whole.out/model");
    cr_assert_eq(run(&rn_stage_sft,
                     "in: {model: model, tokenizer: tokenizer}\nhorizon: {steps: 1}\n"
                     "mixture: [{task: conversations, in: val}]\n",
                     "sft"),
                 RN_OK, "%s", err.msg);
    cr_expect(strstr(said.p, "1 steps of 96"), "%s", said.p);
}

Test(training, an_exported_gpt2_is_read_back_as_it_was)
{
    char was[RN_HEX], is[RN_HEX];
    struct rn_device *device;
    struct rn_model *model;
    cr_assert_eq(run(&rn_stage_base_train,
                     "in: {tokenizer: tokenizer, tokens: tokens}\n"
                     "model: {arch: gpt2, depth: 1, n_embd: 16, n_head: 2, sequence_len: 16, "
                     "vocab_pad: 1}\nbatch: {tokens: 64}\nhorizon: {steps: 2}\n",
                     "whole"),
                 RN_OK, "%s", err.msg);
    runner.model.dir = in_dir("whole.out/model");
    cr_assert_eq(run(&rn_stage_export, "in: {model: model, tokenizer: tokenizer}\n", "hf"), RN_OK,
                 "%s", err.msg);
    cr_assert_eq(rn_device_open(&device, "cpu", 1, NULL, &err), RN_OK);
    cr_assert_eq(rn_model_load(&model, in_dir("hf.out/files"), device, false, &err), RN_OK, "%s",
                 err.msg);
    cr_assert_eq(rn_model_save_weights(model, in_dir("again"), is, &err), RN_OK);
    cr_assert_eq(rn_sha256_file(in_dir("whole.out/model/model.safetensors"), was, NULL, &err),
                 RN_OK);
    cr_expect_str_eq(is, was);
    rn_model_free(model);
    rn_device_close(device);
}

/* --- what does not fit together --- */

Test(training, tokens_of_another_tokenizer_are_refused)
{
    int rc = run(&rn_stage_base_train,
                 "in: {tokenizer: strange, tokens: tokens}\n"
                 "model: {arch: gpt2, depth: 1, n_embd: 16, n_head: 2, sequence_len: 16}\n"
                 "batch: {tokens: 64}\nhorizon: {steps: 2}\n",
                 "broken");
    cr_expect_eq(rc, RN_ECORRUPT, "%s", err.msg);
}

Test(training, a_model_of_another_tokenizer_is_refused)
{
    char *lines;
    run_unbroken(BASE RARELY, &lines);
    free(lines);
    runner.model.dir = in_dir("whole.out/model");
    static const char sft[] = "in: {model: model, tokenizer: strange}\n"
                              "mixture: [{task: conversations, in: train}]\n";
    cr_expect_eq(run(&rn_stage_sft, sft, "sft"), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "another tokenizer"), "%s", err.msg);
}

Test(training, two_horizons_and_a_floor_without_a_peak_are_refused)
{
    cr_expect_eq(run(&rn_stage_base_train,
                     "in: {tokenizer: tokenizer, tokens: tokens}\nmodel: {arch: gpt2, depth: 1}\n"
                     "horizon: {steps: 2, tokens: 64}\n",
                     "broken"),
                 RN_ECONFIG);
    cr_expect_eq(run(&rn_stage_base_train, BASE "schedule: {min_lr: 0.1}\n", "broken"), RN_ECONFIG);
}
