/* Training along trajectories that PyTorch recorded (tests/golden/README.md). */
#include "replay.h"

#include "mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void on_step(void *ctx, const struct rn_replay_step *s)
{
    if (getenv("RUNNEL_TEST_VERBOSE"))
        printf("%d %.9g %.9g  %.9g %.9g\n", (int)s->step, s->loss, s->ref_loss, s->grad_norm,
               s->ref_grad_norm);
    ++*(int *)ctx;
}

static struct rn_replay_result replay(const char *name, int threads)
{
    struct rn_device *dev;
    struct rn_err err = {0};
    struct rn_replay_result r;
    int steps = 0;
    char *path = rn_xprintf("%s/tests/golden/%s", RUNNEL_SOURCE_DIR, name);
    cr_assert_eq(rn_device_open(&dev, "cpu", threads, NULL, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_replay(path, dev, on_step, &steps, &r, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(steps, 20);
    printf("%s: loss %.2e logits %.2e grad %.2e (%s) gates %.2e update %.2e (%s) excepted %d\n", name,
           r.rel_loss, r.rel_logits0, r.rel_grad0, r.worst_grad0, r.rel_grad0_gates, r.rel_update,
           r.worst_update, (int)r.excepted);
    rn_device_close(dev);
    free(path);
    return r;
}

Test(replay, gpt2_follows_pytorch)
{
    cr_expect(replay("gpt2-tiny.safetensors", 1).ok);
}

Test(replay, nanochat_2025_follows_pytorch)
{
    cr_expect(replay("nanochat-2025-tiny.safetensors", 2).ok);
}

Test(replay, nanochat_2026_follows_pytorch)
{
    cr_expect(replay("nanochat-2026-tiny.safetensors", 1).ok);
}
