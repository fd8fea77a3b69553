/* runnel replay FILE: trains along a trajectory recorded in PyTorch; one JSON object a step. */
#include "options.h"

#include "device.h"
#include "precision.h"
#include "replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no NaN: such a number is null. */
static const char *number(char buf[32], double x)
{
    if (!isfinite(x))
        return "null";
    snprintf(buf, 32, "%.9g", x);
    return buf;
}

static void print_step(void *ctx, const struct rn_replay_step *s)
{
    char loss[32], ref[32], norm[32], ref_norm[32];
    fprintf(ctx,
            "{\"step\": %d, \"loss\": %s, \"ref_loss\": %s, \"grad_norm\": %s, \"ref_grad_norm\": "
            "%s}\n",
            (int)s->step, number(loss, s->loss), number(ref, s->ref_loss),
            number(norm, s->grad_norm), number(ref_norm, s->ref_grad_norm));
}

static void print_result(FILE *out, const struct rn_replay_result *r)
{
    char a[32], b[32], c[32], d[32], e[32];
    fprintf(out,
            "{\"max_rel_loss\": %s, \"max_rel_grad0\": %s, \"max_rel_grad0_gates\": %s, "
            "\"max_rel_logits0\": %s, \"max_rel_update\": %s, \"excepted\": %d, "
            "\"worst_grad0\": \"%s\", \"worst_update\": \"%s\", \"ok\": %s}\n",
            number(a, r->rel_loss), number(b, r->rel_grad0), number(c, r->rel_grad0_gates),
            number(d, r->rel_logits0), number(e, r->rel_update), (int)r->excepted, r->worst_grad0,
            r->worst_update, r->ok ? "true" : "false");
}

static int replay_on(struct rn_device *dev, const char *path, enum rn_precision precision,
                     struct rn_err *err)
{
    struct rn_replay_result r;
    RN_TRY(rn_replay(path, dev, precision, print_step, stdout, &r, err));
    print_result(stdout, &r);
    if (!r.ok)
        return rn_fail(err, RN_EGATE, RN_PATH(path), "the replay left the recorded trajectory");
    return RN_OK;
}

static int parse_threads(const char *text, int *out, struct rn_err *err)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    if (text && (*text == 0 || *end || n < 1 || n > 4096))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--threads %s, expected 1 to 4096", text);
    *out = (int)n;
    return RN_OK;
}

static int parse_precision(const char *text, enum rn_precision *out, struct rn_err *err)
{
    *out = RN_PRECISION_FP32;
    for (int p = RN_PRECISION_FP32; text && rn_precision_words[p]; p++)
        if (strcmp(text, rn_precision_words[p]) == 0) {
            *out = (enum rn_precision)p;
            return RN_OK;
        }
    return text ? rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--precision %s, expected fp32, bf16 or fp8",
                          text)
                : RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *path = rn_cli_arg(cli, 0), *device = rn_cli_opt(cli, "device");
    enum rn_precision precision;
    int threads = 0;
    if (!path || rn_cli_n(cli) != 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "replay takes one trajectory file");
    RN_TRY(parse_precision(rn_cli_opt(cli, "precision"), &precision, err));
    RN_TRY(parse_threads(rn_cli_opt(cli, "threads"), &threads, err));
    struct rn_device *dev;
    RN_TRY(rn_device_open(&dev, device ? device : "cpu", threads, NULL, err));
    int rc = replay_on(dev, path, precision, err);
    rn_device_close(dev);
    return rc;
}

static const struct rn_opt opts[] = {
    RN_OPT_DEVICE,
    RN_OPT_THREADS,
    {"precision", 0, "WORD",
     "of matrix products: fp32 (the default); bf16 or fp8, where the loss alone is judged"},
    {0},
};

static const struct rn_example examples[] = {
    {"replay tests/golden/gpt2-tiny.safetensors",
     "loss and gradient norm of each step beside the recorded ones"},
    {0}};
const struct rn_command rn_command_replay = {
    "replay", "FILE", "train along a trajectory recorded in PyTorch and compare",
    opts,     run,    .examples = examples};
