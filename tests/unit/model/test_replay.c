/* Training along trajectories that PyTorch recorded (tests/golden/README.md). */
#include "replay.h"

#include "file.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_step(void *ctx, const struct rn_replay_step *s)
{
    if (getenv("RUNNEL_TEST_VERBOSE"))
        printf("%d %.9g %.9g  %.9g %.9g\n", (int)s->step, s->loss, s->ref_loss, s->grad_norm,
               s->ref_grad_norm);
    ++*(int *)ctx;
}

static struct rn_replay_result replay(const char *name, int threads, enum rn_precision precision)
{
    struct rn_device *dev;
    struct rn_err err = {0};
    struct rn_replay_result r;
    int steps = 0;
    char *path = rn_xprintf("%s/tests/golden/%s", RUNNEL_SOURCE_DIR, name);
    cr_assert_eq(rn_device_open(&dev, "cpu", threads, NULL, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_replay(path, dev, precision, on_step, &steps, &r, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(steps, 20);
    printf("%s: loss %.2e logits %.2e grad %.2e (%s) gates %.2e update %.2e (%s) excepted %d\n",
           name, r.rel_loss, r.rel_logits0, r.rel_grad0, r.worst_grad0, r.rel_grad0_gates,
           r.rel_update, r.worst_update, (int)r.excepted);
    rn_device_close(dev);
    free(path);
    return r;
}

Test(replay, gpt2_follows_pytorch)
{
    cr_expect(replay("gpt2-tiny.safetensors", 1, RN_PRECISION_FP32).ok);
}

Test(replay, nanochat_2025_follows_pytorch)
{
    cr_expect(replay("nanochat-2025-tiny.safetensors", 2, RN_PRECISION_FP32).ok);
}

Test(replay, nanochat_2026_follows_pytorch)
{
    cr_expect(replay("nanochat-2026-tiny.safetensors", 1, RN_PRECISION_FP32).ok);
}

/* Where the processor has no products of bf16, the same rounding is done by hand. */
Test(replay, in_bf16_every_loss_is_within_a_hundredth)
{
    static const char *const names[] = {"gpt2-tiny.safetensors", "nanochat-2025-tiny.safetensors",
                                        "nanochat-2026-tiny.safetensors"};
    for (size_t i = 0; i < RN_COUNT(names); i++) {
        struct rn_replay_result r = replay(names[i], 2, RN_PRECISION_BF16);
        cr_expect(r.ok && r.rel_loss <= 1e-2, "%s: %g", names[i], r.rel_loss);
        cr_expect_gt(r.rel_loss, 1e-5, "%s is as near as fp32: is it bf16?", names[i]);
    }
}

/* --- a replay that cannot fail would prove nothing --- */

/* Replays a copy of a golden file in which `from` is replaced by `to`, of equal length. */
static int replay_changed(const char *name, const char *from, const char *to,
                          enum rn_precision precision, struct rn_replay_result *r,
                          struct rn_err *err)
{
    char *path = rn_xprintf("%s/tests/golden/%s", RUNNEL_SOURCE_DIR, name), *bytes;
    char *copy = rn_xprintf("/tmp/rn-replay-%d.safetensors", (int)getpid());
    size_t n, found = 0, len = strlen(from);
    struct rn_device *dev;
    cr_assert_eq(rn_file_read(path, 1 << 24, &bytes, &n, NULL), RN_OK);
    cr_assert_eq(strlen(to), len);
    for (size_t i = 0; i + len <= n; i++) {
        if (memcmp(bytes + i, from, len) == 0) {
            memcpy(bytes + i, to, len);
            found++;
        }
    }
    cr_assert_gt(found, 0, "%s has no %s", name, from);
    cr_assert_eq(rn_file_write(copy, bytes, n, NULL), RN_OK);
    cr_assert_eq(rn_device_open(&dev, "cpu", 1, NULL, NULL), RN_OK);
    int rc = rn_replay(copy, dev, precision, NULL, NULL, r, err);
    rn_device_close(dev);
    unlink(copy);
    free(path);
    free(copy);
    free(bytes);
    return rc;
}

static void expect_not_ok(const char *name, const char *from, const char *to)
{
    struct rn_replay_result r;
    struct rn_err err = {0};
    cr_assert_eq(replay_changed(name, from, to, RN_PRECISION_FP32, &r, &err), RN_OK, "%s", err.msg);
    cr_expect(!r.ok, "%s passes with %s", name, to);
}

Test(replay, forgetting_weight_decay_is_noticed)
{
    expect_not_ok("gpt2-tiny.safetensors", "\\\"weight_decay\\\": 0.1",
                  "\\\"weight_decay\\\": 0.0");
}

Test(replay, a_wrong_clip_is_noticed)
{
    expect_not_ok("nanochat-2025-tiny.safetensors", "\\\"grad_clip\\\": 1.0",
                  "\\\"grad_clip\\\": 0.7");
}

Test(replay, a_wrong_momentum_is_noticed)
{
    expect_not_ok("nanochat-2025-tiny.safetensors", "\\\"muon_momentum\\\": 0.85",
                  "\\\"muon_momentum\\\": 0.80");
}

Test(replay, a_wrong_group_rate_is_noticed)
{
    expect_not_ok("nanochat-2026-tiny.safetensors", "\\\"scalar_lr\\\": 0.5",
                  "\\\"scalar_lr\\\": 0.4");
}

Test(replay, forgetting_muon_decay_is_noticed)
{
    expect_not_ok("nanochat-2026-tiny.safetensors", "\\\"muon_weight_decay\\\": 0.",
                  "\\\"nuon_weight_decay\\\": 0.");
}

Test(replay, another_window_is_noticed)
{
    expect_not_ok("nanochat-2026-tiny.safetensors", "\\\"SSSL\\\"", "\\\"LLLL\\\"");
}

Test(replay, a_reference_of_nan_is_never_within_tolerance)
{
    expect_not_ok("gpt2-tiny.safetensors", "\\\"loss\\\": 5.", "\\\"lost\\\": 5.");
}

Test(replay, in_bf16_a_wrong_rate_is_noticed)
{
    struct rn_replay_result r;
    struct rn_err err = {0};
    int rc = replay_changed("nanochat-2025-tiny.safetensors", "\\\"matrix_lr\\\": 0.0",
                            "\\\"matrix_lr\\\": 0.9", RN_PRECISION_BF16, &r, &err);
    cr_assert_eq(rc, RN_OK, "%s", err.msg);
    cr_expect(!r.ok);
}

static void expect_refused(const char *from, const char *to, enum rn_code code)
{
    struct rn_replay_result r;
    struct rn_err err = {0};
    cr_expect_eq(replay_changed("gpt2-tiny.safetensors", from, to, RN_PRECISION_FP32, &r, &err),
                 (int)code, "%s: %s", to, err.msg);
    cr_expect(err.msg[0]);
}

Test(replay, files_that_are_no_trajectories_are_refused)
{
    expect_refused("\\\"gpt2\\\"", "\\\"gpt3\\\"", RN_ECONFIG);
    expect_refused("\\\"n_embd\\\": 64", "\\\"n_embd\\\": 32", RN_ECORRUPT);
    expect_refused("\\\"n_layer\\\": 3", "\\\"n_layer\\\": 4", RN_ECORRUPT);
    expect_refused("\\\"n_layer\\\": 3", "\\\"n_layer\\\": 0", RN_ECONFIG);
    expect_refused("\\\"vocab\\\": 257", "\\\"vocab\\\": 200", RN_ECORRUPT);
    expect_refused("\"recipe\"", "\"recept\"", RN_ECORRUPT);
    expect_refused("\"log\"", "\"lag\"", RN_ECORRUPT);
    expect_refused("\"logits0\"", "\"logits1\"", RN_ECORRUPT);
    expect_refused("\"final.transformer.wte", "\"fatal.transformer.wte", RN_ECORRUPT);
}
