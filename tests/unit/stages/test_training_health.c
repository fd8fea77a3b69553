/* Trainings that meet a document from another world, or a rate that ruins them. */
#include "file.h"
#include "training_rig.h"

#include "checkpoint.h"
#include "safetensors.h"

enum { ODD_ROW = 50, ODD_STEP = 19 };

/* The usual cats and dogs; one document is of bytes that stand nowhere else. */
static void enter(void)
{
    struct rn_str text = {0};
    rig_enter();
    for (int row = 0; row < 300; row++)
        if (row == ODD_ROW)
            rn_str_puts(&text,
                        "{\"text\": \"QXZ~QZX~VWK~ZZQ~XQV~KKZ~QWX~VVZ~QXZ~QZX~VWK~ZZQ~\"}\n");
        else
            rn_str_printf(&text, "{\"text\": \"the cat number %d and its %d dogs\"}\n", row,
                          row % 13);
    cr_assert_eq(rn_file_write(rig_path("train.jsonl"), text.p, text.n, &rig_err), RN_OK);
    cr_assert_eq(rig_run(&rn_stage_tokenize, "in: {tokenizer: tokenizer, train: train, val: val}\n",
                         "tokens"),
                 RN_OK, "%s", rig_err.msg);
    rn_str_release(&text);
    rig.n_lines = 0;
    rig_said.n = 0;
}
TestSuite(training_health, .init = enter, .fini = rig_leave, .timeout = 120);

#define MODEL                                                                                      \
    "in: {tokenizer: tokenizer, tokens: tokens}\n"                                                 \
    "model: {arch: nanochat-2025, depth: 1, n_embd: 16, head_dim: 8, sequence_len: 16}\n"          \
    "batch: {tokens: 64}\nhorizon: {steps: 26}\nprecision: fp32\n"                                 \
    "checkpoint: {every: 4 steps, keep: 9}\neval: {bpb: {every: 5 steps, tokens: 256}}\n"

#define SPIKE(what) "health: {spike: {z: 6, window: 8, do: " what "}, margin: 2}\n"

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

/* The line of a step that was trained on, or not. */
static char *step_line(const char *lines, int step)
{
    char *start = rn_arena_printf(&rig_arena, "\n%d ", step);
    for (const char *p = lines; (p = strstr(p, start)); p++) {
        char *line = rn_arena_printf(&rig_arena, "%.*s", (int)strcspn(p + 1, "\n"), p + 1);
        if (strstr(line, "data_order"))
            return line;
    }
    cr_assert_fail("no line of step %d in:\n%s", step, lines);
    return NULL;
}

Test(training_health, a_spike_that_is_told_changes_nothing)
{
    char *lines, *quiet;
    rig_unbroken(MODEL, &quiet);
    char *model = rig_digest("whole", "model");
    cr_expect_null(rig_said.p ? strstr(rig_said.p, "deviations") : NULL);
    rn_remove_tree(rig_path("whole.work"), NULL);
    rig_unbroken(MODEL SPIKE("tell"), &lines);
    cr_expect(strstr(rig_said.p, "step 19: the loss is 1"), "%s", rig_said.p);
    cr_expect_str_eq(rig_digest("whole", "model"), model);
    cr_expect_eq(count(lines, "skipped 0 "), 26);
    free(quiet);
    free(lines);
}

Test(training_health, a_step_that_is_skipped_has_a_loss_and_no_rate_and_is_counted)
{
    char *lines;
    rig_unbroken(MODEL SPIKE("skip"), &lines);
    cr_expect(strstr(rig_said.p, "step 19 is skipped: the loss is"), "%s", rig_said.p);
    char *odd = step_line(lines, ODD_STEP);
    cr_expect(strstr(odd, " loss 5.") && strstr(odd, "skipped 1") && !strstr(odd, " lrm "), "%s",
              odd);
    cr_expect(strstr(step_line(lines, 20), " lrm "));
    cr_expect_eq(count(lines, "data_order"), 26, "each step once");
    cr_expect_eq(count(lines, "skipped 1 "), 26 - ODD_STEP);
    free(lines);
}

Test(training_health, a_roll_back_leaves_out_the_step_and_its_margin)
{
    char *lines;
    rig_unbroken(MODEL SPIKE("rollback"), &lines);
    cr_expect(strstr(rig_said.p, "step 19 is left out: back to step 16"), "%s", rig_said.p);
    for (int step = ODD_STEP - 2; step <= ODD_STEP; step++)
        cr_expect(!strstr(step_line(lines, step), " loss "), "%s", step_line(lines, step));
    cr_expect(strstr(step_line(lines, 20), " loss "));
    cr_expect(strstr(step_line(lines, 25), "skipped 3 "), "%s", step_line(lines, 25));
    cr_expect_eq(count(lines, "data_order"), 26, "each step once:\n%s", lines);
    cr_expect_eq(count(lines, "val_bpb"), 7, "each evaluation once:\n%s", lines);
    free(lines);
}

Test(training_health, a_roll_back_forgets_checkpoints_of_the_steps_it_leaves)
{
    char *lines;
    static const char keys[] =
        MODEL "health: {spike: {z: 6, window: 8, do: rollback}, margin: 9}\n";
    rig_unbroken(keys, &lines);
    cr_expect(strstr(rig_said.p, "step 19 is left out: back to step 10"), "%s", rig_said.p);
    struct rn_ckpt c = {.dir = rig_path("whole.work"), .key = "0123abcd"};
    int64_t *steps;
    size_t n = rn_ckpt_list(&c, &steps);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(rn_ckpt_verify(&c, steps[i], NULL), RN_OK, "step %d", (int)steps[i]);
    cr_expect_eq(rn_ckpt_pointed(&c, "latest"), 26);
    free(steps);
    free(lines);
}

/* Where there is nothing to go back to, the step alone is left out. */
Test(training_health, without_a_checkpoint_a_roll_back_is_a_skip)
{
    char *lines;
    static const char keys[] =
        MODEL "health: {spike: {z: 6, window: 8, do: rollback}, margin: 17}\n";
    rig_unbroken(keys, &lines);
    cr_expect(strstr(rig_said.p, "step 19 is skipped"), "%s", rig_said.p);
    cr_expect(strstr(step_line(lines, 25), "skipped 1 "));
    free(lines);
}

static void stopped_anywhere_it_ends_the_same(const char *keys)
{
    char *lines;
    rig_unbroken(keys, &lines);
    for (int64_t at = 13; at < 24; at++) {
        rn_remove_tree(rig_path("broken.work"), NULL);
        rig.stop_at = at;
        cr_assert_eq(rig_run(&rn_stage_base_train, keys, "broken"), RN_ESTOPPED, "at %d", (int)at);
        rig.stop_at = -1;
        cr_assert_eq(rig_run(&rn_stage_base_train, keys, "broken"), RN_OK, "%s", rig_err.msg);
        rig_ends_as_unbroken(lines);
    }
    free(lines);
}

Test(training_health, stopped_anywhere_a_training_that_skips_ends_the_same)
{
    stopped_anywhere_it_ends_the_same(MODEL SPIKE("skip"));
}

Test(training_health, stopped_anywhere_a_training_that_rolls_back_ends_the_same)
{
    stopped_anywhere_it_ends_the_same(MODEL SPIKE("rollback"));
}

/* --- what is no number --- */

/* Decay multiplies the embedding by a million a step, until it overflows. */
#define RUINOUS(every)                                                                             \
    "in: {tokenizer: tokenizer, tokens: tokens}\nlr_frac: 100\n"                                   \
    "model: {arch: nanochat-2025, depth: 1, n_embd: 16, head_dim: 8, sequence_len: 16}\n"          \
    "batch: {tokens: 64}\nhorizon: {steps: 26}\nprecision: fp32\n"                                 \
    "optimizer: {groups: {embedding: {lr: 100, decay: 100}}}\n"                                    \
    "checkpoint: {every: " every " steps, keep: 99}\n"

static bool is_finite(const char *path)
{
    struct rn_safetensors *st;
    bool finite = true;
    cr_assert_eq(rn_safetensors_open(&st, path, &rig_err), RN_OK, "%s", rig_err.msg);
    for (size_t i = 0; i < rn_safetensors_count(st); i++) {
        const struct rn_tensor_info *t = rn_safetensors_at(st, i);
        float *values = rn_xalloc(t->size_bytes + 1);
        cr_assert_eq(rn_safetensors_read_f32(st, t, values, NULL), RN_OK);
        for (int64_t k = 0; k < rn_elems(t->shape); k++)
            finite &= isfinite(values[k]);
        free(values);
    }
    rn_safetensors_close(st);
    return finite;
}

Test(training_health, a_ruined_training_ends_and_what_it_saved_is_sound)
{
    cr_expect_eq(rig_run(&rn_stage_base_train, RUINOUS("1"), "whole"), RN_EDEVICE, "%s",
                 rig_err.msg);
    struct rn_ckpt c = {.dir = rig_path("whole.work"), .key = "0123abcd"};
    int64_t *steps;
    size_t n = rn_ckpt_list(&c, &steps);
    cr_expect(n > 0 && n < 26, "%zu checkpoints: %s", n, rig_err.msg);
    for (size_t i = 0; i < n; i++) {
        char *dir = rn_ckpt_path(&c, steps[i]);
        cr_expect_eq(rn_ckpt_verify(&c, steps[i], NULL), RN_OK);
        cr_expect(is_finite(rn_arena_printf(&rig_arena, "%s/model.safetensors", dir)));
        cr_expect(is_finite(rn_arena_printf(&rig_arena, "%s/optimizer.safetensors", dir)));
        free(dir);
    }
    free(steps);
}

Test(training_health, no_more_bad_steps_than_allowed_are_skipped)
{
    int rc = rig_run(&rn_stage_base_train, RUINOUS("100") "health: {nonfinite: skip, max: 3}\n",
                     "whole");
    cr_expect_eq(rc, RN_EDEVICE, "%s", rig_err.msg);
    cr_expect(strstr(rig_err.msg, "the last checkpoint is sound"), "%s", rig_err.msg);
    char *lines = rig_lines();
    cr_expect_eq(count(lines, "skipped 3 "), 1, "%s", lines);
    cr_expect_eq(count(lines, "nan") + count(lines, "inf"), 0, "%s", lines);
    free(lines);
}
