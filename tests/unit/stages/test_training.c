/* The training loop under a runner that stops it, takes its disk away and breaks its evaluations:
 * what is published is what an unbroken run publishes. */
#include "file.h"
#include "training_rig.h"

#include "training.h"

TestSuite(training, .init = rig_enter, .fini = rig_leave, .timeout = 300);

Test(training, stopped_after_any_step_it_ends_with_the_same_bits_and_metrics)
{
    char *lines;
    rig_unbroken(BASE EVERY_4, &lines);
    for (int64_t at = 0; at < 12; at++) {
        char *work = rig_path("broken.work");
        rn_remove_tree(work, NULL);
        rig.stop_at = at;
        cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_ESTOPPED, "at %d",
                     (int)at);
        rig.stop_at = -1;
        cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s",
                     rig_err.msg);
        rig_ends_as_unbroken(lines);
    }
    free(lines);
}

Test(training, a_damaged_newest_checkpoint_is_passed_over_and_the_end_is_the_same)
{
    char *lines;
    rig_unbroken(BASE EVERY_4, &lines);
    rig.stop_at = 9;
    cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_ESTOPPED);
    rig.stop_at = -1;
    cr_assert_eq(truncate(rig_path("broken.work/step_000010/optimizer.safetensors"), 9), 0);
    cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s", rig_err.msg);
    cr_expect(strstr(rig_said.p, "step_000010 is passed over"));
    cr_expect(strstr(rig_said.p, "resumed at step 8 of 12"));
    rig_ends_as_unbroken(lines);
    free(lines);
}

/* A bundle of one task, whose questions are never answered: the rig stops at the first. */
static void make_bundle(void)
{
    static const char *const files[][2] = {
        {"core/core.yaml", "icl_tasks:\n- label: copa\n  icl_task_type: multiple_choice\n"
                           "  dataset_uri: copa.jsonl\n  num_fewshot: [0]\n"},
        {"core/eval_meta_data.csv", "Eval Task,Random baseline\ncopa,50\n"},
        {"core/eval_data/copa.jsonl",
         "{\"query\": \"the cat\", \"choices\": [\"sat\", \"mat\"], \"gold\": 0}\n"}};
    cr_assert_eq(rn_mkdirs(rig_path("core/eval_data"), &rig_err), RN_OK);
    for (size_t i = 0; i < RN_COUNT(files); i++)
        cr_assert_eq(
            rn_file_write(rig_path(files[i][0]), files[i][1], strlen(files[i][1]), &rig_err),
            RN_OK);
    rig.files[6] = (struct rn_artifact_file){"core.yaml", rig_path("core/core.yaml"), 0, "c"};
    rig.bundle =
        (struct rn_artifact){.dir = rig_path("core"), .files = &rig.files[6], .n_files = 1};
}

#define BPB_AND_CORE                                                                               \
    RARELY "eval: {bpb: {every: 6 steps, tokens: 256}, core: {every: 6 steps, max_per_task: 1}}\n"

Test(training, an_evaluation_that_was_interrupted_is_made_up_for)
{
    char *lines;
    make_bundle();
    rig_unbroken(BASE BPB_AND_CORE, &lines);
    cr_assert(strstr(lines, " core "), "%s%s", lines, rig_said.p);
    rig.stop_in_core = true;
    cr_assert_eq(rig_run(&rn_stage_base_train, BASE BPB_AND_CORE, "broken"), RN_ESTOPPED);
    rig.stop_in_core = false;
    cr_assert_eq(rig_run(&rn_stage_base_train, BASE BPB_AND_CORE, "broken"), RN_OK, "%s",
                 rig_err.msg);
    rig_ends_as_unbroken(lines);
    free(lines);
}

Test(training, an_evaluation_that_fails_is_a_warning)
{
    char *lines;
    make_bundle();
    cr_assert_eq(truncate(rig_path("core/core.yaml"), 5), 0);
    rig_unbroken(BASE BPB_AND_CORE, &lines);
    cr_expect(strstr(rig_said.p, "core failed, training goes on"));
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
    rig_unbroken(keys, &lines);
    rn_io.write = full_write;
    full_for = 1;
    cr_expect_eq(rig_run(&rn_stage_base_train, keys, "broken"), RN_ENOSPACE, "%s", rig_err.msg);
    cr_expect_eq(rig_run(&rn_stage_base_train, keys, "broken"), RN_OK, "%s", rig_err.msg);
    rig_ends_as_unbroken(lines);
    free(lines);
}

Test(training, on_a_full_disk_pause_waits_says_so_once_and_goes_on)
{
    char *lines;
    rig_unbroken(BASE EVERY_4, &lines);
    rig_said.n = 0;
    rn_io.write = full_write;
    full_for = 2; /* two attempts */
    cr_expect_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK, "%s", rig_err.msg);
    const char *first = strstr(rig_said.p, "waiting for room");
    cr_assert(first);
    cr_expect_null(strstr(first + 1, "waiting for room"));
    rig_ends_as_unbroken(lines);
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
    rig_documents(&rig.val, 5, "chats.jsonl", 1);
    cr_assert_eq(rn_file_write(rig_path("chats.jsonl"), chats, strlen(chats), &rig_err), RN_OK);
    cr_assert_eq(rig_run(&rn_stage_base_train, LIKE_2026, "whole"), RN_OK, "%s", rig_err.msg);
    rig.model.dir = rig_path("whole.out/model");
    cr_assert_eq(rig_run(&rn_stage_sft,
                         "in: {model: model, tokenizer: tokenizer}\nhorizon: {steps: 1}\n"
                         "mixture: [{task: conversations, in: val}]\n",
                         "sft"),
                 RN_OK, "%s", rig_err.msg);
    cr_expect(strstr(rig_said.p, "1 steps of 96"), "%s", rig_said.p);
}

Test(training, an_exported_gpt2_is_read_back_as_it_was)
{
    char was[RN_HEX], is[RN_HEX];
    struct rn_device *device;
    struct rn_model *model;
    cr_assert_eq(rig_run(&rn_stage_base_train,
                         "in: {tokenizer: tokenizer, tokens: tokens}\n"
                         "model: {arch: gpt2, depth: 1, n_embd: 16, n_head: 2, sequence_len: 16, "
                         "vocab_pad: 1}\nbatch: {tokens: 64}\nhorizon: {steps: 2}\n",
                         "whole"),
                 RN_OK, "%s", rig_err.msg);
    rig.model.dir = rig_path("whole.out/model");
    cr_assert_eq(rig_run(&rn_stage_export, "in: {model: model, tokenizer: tokenizer}\n", "hf"),
                 RN_OK, "%s", rig_err.msg);
    cr_assert_eq(rn_device_open(&device, "cpu", 1, NULL, &rig_err), RN_OK);
    cr_assert_eq(rn_model_load(&model, rig_path("hf.out/files"), device, false, &rig_err), RN_OK,
                 "%s", rig_err.msg);
    cr_assert_eq(rn_model_save_weights(model, rig_path("again"), is, &rig_err), RN_OK);
    cr_assert_eq(rn_sha256_file(rig_path("whole.out/model/model.safetensors"), was, NULL, &rig_err),
                 RN_OK);
    cr_expect_str_eq(is, was);
    rn_model_free(model);
    rn_device_close(device);
}

/* --- what does not fit together --- */

Test(training, tokens_of_another_tokenizer_are_refused)
{
    int rc = rig_run(&rn_stage_base_train,
                     "in: {tokenizer: strange, tokens: tokens}\n"
                     "model: {arch: gpt2, depth: 1, n_embd: 16, n_head: 2, sequence_len: 16}\n"
                     "batch: {tokens: 64}\nhorizon: {steps: 2}\n",
                     "broken");
    cr_expect_eq(rc, RN_ECORRUPT, "%s", rig_err.msg);
}

Test(training, a_model_of_another_tokenizer_is_refused)
{
    char *lines;
    rig_unbroken(BASE RARELY, &lines);
    free(lines);
    rig.model.dir = rig_path("whole.out/model");
    static const char sft[] = "in: {model: model, tokenizer: strange}\n"
                              "mixture: [{task: conversations, in: train}]\n";
    cr_expect_eq(rig_run(&rn_stage_sft, sft, "sft"), RN_ECORRUPT);
    cr_expect(strstr(rig_err.msg, "another tokenizer"), "%s", rig_err.msg);
}

Test(training, two_horizons_and_a_floor_without_a_peak_are_refused)
{
    cr_expect_eq(
        rig_run(&rn_stage_base_train,
                "in: {tokenizer: tokenizer, tokens: tokens}\nmodel: {arch: gpt2, depth: 1}\n"
                "horizon: {steps: 2, tokens: 64}\n",
                "broken"),
        RN_ECONFIG);
    cr_expect_eq(rig_run(&rn_stage_base_train, BASE "schedule: {min_lr: 0.1}\n", "broken"),
                 RN_ECONFIG);
}

Test(training, a_group_that_the_architecture_lacks_is_refused_before_anything_is_touched)
{
    struct rn_training_group group = {0};
    const char *name = "matrix";
    struct rn_training_cfg cfg = {.shape.depth = 1, .min_lr = -1, .groups = {&name, &group, 1}};
    struct rn_err err = {0};
    for (cfg.arch = 0; strcmp(rn_arch_names[cfg.arch], "gpt2") != 0;)
        cfg.arch++;
    cr_expect_eq(rn_stage_base_train.check(&cfg, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "'matrix' in gpt2") && strstr(err.hint, "groups: "), "%s; %s",
              err.msg, err.hint);
    cfg.shape.depth = 0; /* as in sft: what the model is shows when it is there */
    cr_expect_eq(rn_stage_base_train.check(&cfg, &err), RN_OK);
}

/* A model that is continued says how large its steps were, in a file that anybody may have made. */
Test(training, a_step_is_whole_rows_of_which_a_loader_can_hold_as_many)
{
    static const struct {
        int64_t tokens, T;
        int rc;
    } cases[] = {{0, 1024, RN_OK},
                 {524288, 2048, RN_OK},
                 {524289, 2048, RN_ECONFIG},
                 {RN_BATCH_MAX, 1, RN_OK},
                 {(int64_t)RN_BATCH_MAX + 1, 1, RN_ECONFIG},
                 {INT64_C(1) << 40, 2048, RN_ECONFIG}};
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        struct rn_err err = {0};
        cr_expect_eq(rn_training_check_batch(cases[i].tokens, cases[i].T, &err), cases[i].rc,
                     "%lld of %lld: %s", (long long)cases[i].tokens, (long long)cases[i].T,
                     err.msg);
    }
}
