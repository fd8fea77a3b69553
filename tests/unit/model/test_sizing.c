/* What a training costs, from its config: known rows, and that a built model has those sizes. */
#include "fixture.h"

#include "optim.h"
#include "safetensors.h"
#include "sizing.h"

#include <math.h>
#include <unistd.h>

static struct rn_sizing size_of(const char *arch, int64_t depth, int64_t vocab,
                                const struct rn_sizing_ask *ask)
{
    struct rn_model_cfg c;
    struct rn_sizing s;
    struct rn_model_shape_request r = {.depth = depth, .vocab_size = vocab};
    MUST(rn_model_cfg_fill(&c, arch, &r, e));
    MUST(rn_sizing_of(&s, &c, ask, e));
    return s;
}

/* The user's run on two H100: 430k tokens a second are 8.66e14 FLOP/s. */
Test(sizing, depth_16_of_2025_is_the_run_that_was_seen)
{
    struct rn_sizing s =
        size_of("nanochat-2025", 16, 65536, &(struct rn_sizing_ask){.how.rows = 32});
    cr_expect_eq(s.params, 335544320);
    cr_expect_eq(s.steps, 12800);
    cr_expect_eq(s.batch_tokens, 524288);
    cr_expect_eq(s.tokens, 20.0 * 335544320);
    cr_expect(fabs(s.flops_per_token / 2.013e9 - 1) < 1e-3, "%g", s.flops_per_token);
    cr_expect(fabs((double)s.batch_tokens * s.flops_per_token / 8.66e14 - 1.217) < 5e-3);
}

Test(sizing, what_is_asked_for_goes_before_the_rules)
{
    struct rn_sizing_ask ask = {.batch_tokens = 4096, .horizon = {.steps = 7}, .how.rows = 1};
    struct rn_sizing s = size_of("nanochat-2026", 12, 32768, &ask);
    cr_expect_eq(s.params, 286261730);
    cr_expect_eq(s.batch_tokens, 4096);
    cr_expect_eq(s.steps, 7);
    cr_expect_eq(s.tokens, 7 * 4096);
}

Test(sizing, a_horizon_shorter_than_a_batch_is_refused)
{
    struct rn_model_cfg c = small("gpt2");
    struct rn_sizing s;
    struct rn_sizing_ask ask = {.batch_tokens = 4096, .horizon = {.tokens = 100}, .how.rows = 1};
    cr_expect_eq(rn_sizing_of(&s, &c, &ask, NULL), RN_ECONFIG);
    cr_expect_gt(s.params, 0, "what does not depend on it is known");
}

static double bytes_of_file(const char *path)
{
    struct rn_safetensors *st;
    double sum = 0;
    MUST(rn_safetensors_open(&st, path, e));
    for (size_t i = 0; i < rn_safetensors_count(st); i++)
        sum += (double)rn_safetensors_at(st, i)->size_bytes;
    rn_safetensors_close(st);
    return sum;
}

Test(sizing, a_checkpoint_is_as_large_as_foretold)
{
    for (size_t i = 0; rn_arch_names[i]; i++) {
        struct rn_model_cfg c = small(rn_arch_names[i]);
        struct rn_sizing s;
        struct rn_sizing_ask ask = {.batch_tokens = 64, .horizon = {.steps = 1}};
        struct fixture f = fixture_new(&c, 1, true);
        struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
        struct rn_optim *o;
        char moments[] = "/tmp/runnel-sizing-XXXXXX";
        close(mkstemp(moments));
        MUST(rn_optim_new(&o, f.model, &oc, e));
        MUST(rn_optim_save(o, moments, NULL, e));
        MUST(rn_sizing_of(&s, &c, &ask, e));
        double weights = (double)rn_model_param_count(&c) * sizeof(float);
        cr_expect_eq(s.checkpoint_bytes, weights + bytes_of_file(moments), "%s", rn_arch_names[i]);
        unlink(moments);
        rn_optim_free(o);
        fixture_free(&f);
    }
}
