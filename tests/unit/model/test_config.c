/* Sizes by the rules of both eras, and the counts that nanochat's own code gives for them. */
#include "model.h"
#include "scaling.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rn_model_cfg fill(const char *arch, int64_t depth, int64_t vocab)
{
    struct rn_model_cfg c;
    struct rn_err err = {0};
    struct rn_model_shape_request r = {.depth = depth, .vocab_size = vocab};
    cr_assert_eq(rn_model_cfg_fill(&c, arch, &r, &err), RN_OK, "%s", err.msg);
    return c;
}

static struct rn_err refuse(const char *arch, struct rn_model_shape_request r)
{
    struct rn_model_cfg c;
    struct rn_err err = {0};
    cr_expect_eq(rn_model_cfg_fill(&c, arch, &r, &err), RN_ECONFIG);
    return err;
}

/* Table of nanochat at 92d63d4 (T 2048, V 32768, ratio 12). */
Test(config, counts_of_nanochat_2026)
{
    const struct {
        int64_t depth, dim, heads, total, scaling, batch, steps;
        double decay, flops;
    } rows[] = {
        {6, 384, 3, 73531538, 23199852, 262144, 1062, 0.940, 1.675e8},
        {12, 768, 6, 286261730, 110100912, 524288, 2520, 0.280, 7.597e8},
        {16, 1024, 8, 536871738, 234881792, 524288, 5376, 0.131, 1.586e9},
        {20, 1280, 10, 896533746, 435160240, 1048576, 4980, 0.100, 2.886e9},
        {24, 1536, 12, 1384122122, 729810624, 1048576, 8352, 0.060, 4.775e9},
        {32, 2048, 16, 2818575450, 1677724672, 2097152, 9600, 0.037, 1.077e10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rn_model_cfg c = fill("nanochat-2026", rows[i].depth, 32768);
        cr_expect_eq(c.n_embd, rows[i].dim);
        cr_expect_eq(c.n_head, rows[i].heads);
        cr_expect_eq(c.n_kv_head, rows[i].heads);
        cr_expect_eq(rn_model_param_count(&c), rows[i].total);
        cr_expect_eq(rn_model_scaling_params(&c), rows[i].scaling);
        cr_expect(fabs(rn_model_flops_per_token(&c, 2048) / rows[i].flops - 1) < 1e-3);
        cr_expect_eq(rn_scaling_batch(&c), rows[i].batch);
        int64_t steps = 0;
        struct rn_horizon h = {0};
        cr_expect_eq(rn_scaling_steps(&steps, &c, 2048, rows[i].batch, &h, NULL), RN_OK);
        cr_expect_eq(steps, rows[i].steps);
        double decay = 0.28 * rn_scaling_for(&c, rows[i].batch).decay;
        cr_expect(fabs(decay - rows[i].decay) < 6e-4, "d%d decay %g", (int)rows[i].depth, decay);
    }
}

/* nanochat at 10231df: V 65536, horizon 20 tokens per parameter, 524,288 tokens a step. */
Test(config, counts_of_nanochat_2025)
{
    const struct {
        int64_t depth, total, steps;
    } rows[] = {{4, 36700160, 1400},    {12, 185597952, 7080},  {16, 335544320, 12800},
                {20, 560988160, 21400}, {24, 880803840, 33600}, {26, 1081999360, 41275},
                {32, 1879048192, 71680}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rn_model_cfg c = fill("nanochat-2025", rows[i].depth, 65536);
        cr_expect_eq(rn_model_param_count(&c), rows[i].total);
        int64_t steps = 0;
        struct rn_horizon h = {0};
        cr_expect_eq(rn_scaling_steps(&steps, &c, 2048, rn_scaling_batch(&c), &h, NULL), RN_OK);
        cr_expect_eq(steps, rows[i].steps);
        cr_expect_eq(rn_scaling_for(&c, 4096).lr, 1);
    }
    struct rn_model_cfg d20 = fill("nanochat-2025", 20, 65536);
    cr_expect(fabs(rn_model_flops_per_token(&d20, 2048) / 3.491758e9 - 1) < 1e-6);
}

Test(config, gpt2_124m_has_124_million_parameters)
{
    struct rn_model_cfg c = fill("gpt2", 12, 50257);
    cr_expect_eq(c.n_embd, 768);
    cr_expect_eq(c.n_head, 12);
    cr_expect_eq(c.vocab_padded, 50257);
    cr_expect_eq(rn_model_param_count(&c), 124439808);
}

Test(config, horizon_takes_steps_before_tokens_before_flops_before_ratio)
{
    struct rn_model_cfg c = fill("nanochat-2026", 4, 8192);
    int64_t steps = 0;
    struct rn_horizon h = {.steps = 7, .tokens = 1 << 20, .flops = 1e18, .tokens_per_param = 3};
    cr_expect_eq(rn_scaling_steps(&steps, &c, 256, 4096, &h, NULL), RN_OK);
    cr_expect_eq(steps, 7);
    h.steps = 0;
    cr_expect_eq(rn_scaling_steps(&steps, &c, 256, 4096, &h, NULL), RN_OK);
    cr_expect_eq(steps, 256);
    h.tokens = 0;
    h.flops = 100 * 4096 * rn_model_flops_per_token(&c, 256);
    cr_expect_eq(rn_scaling_steps(&steps, &c, 256, 4096, &h, NULL), RN_OK);
    cr_expect_eq(steps, 100);
    h.flops = 0;
    cr_expect_eq(rn_scaling_steps(&steps, &c, 256, 4096, &h, NULL), RN_OK);
    cr_expect_eq(steps, 3 * rn_model_scaling_params(&c) / 4096);
    struct rn_horizon tiny = {.tokens = 100};
    cr_expect_eq(rn_scaling_steps(&steps, &c, 256, 4096, &tiny, NULL), RN_ECONFIG);
}

/* The user's CPU recipe: 4096 tokens a step. */
Test(config, small_batches_lower_the_rates_of_2026)
{
    struct rn_model_cfg c = fill("nanochat-2026", 4, 8192);
    cr_expect(fabs(rn_scaling_for(&c, 4096).lr - sqrt(4096.0 / 524288)) < 1e-12);
}

Test(config, widths_that_do_not_divide_are_refused_with_a_hint)
{
    struct rn_err err =
        refuse("nanochat-2025",
               (struct rn_model_shape_request){.depth = 5, .vocab_size = 100}); /* 320 / 3 */
    cr_expect(strstr(err.msg, "does not divide"), "%s", err.msg);
    cr_expect(strstr(err.hint, "head_dim"), "%s", err.hint);
}

Test(config, sizes_out_of_range_are_refused)
{
    refuse("nanochat-2026", (struct rn_model_shape_request){.depth = 0, .vocab_size = 100});
    refuse("nanochat-2026", (struct rn_model_shape_request){.depth = 4, .vocab_size = 0});
    refuse("nanochat-2026", (struct rn_model_shape_request){.depth = -4, .vocab_size = 100});
    refuse("nanochat-2026", (struct rn_model_shape_request){.depth = INT64_MAX, .vocab_size = 100});
    refuse("nanochat-2026",
           (struct rn_model_shape_request){.depth = 4, .vocab_size = 100, .n_kv_head = 3});
    refuse("nanochat-2026",
           (struct rn_model_shape_request){.depth = 4, .vocab_size = 100, .window_pattern = "SSX"});
    refuse("gpt2", (struct rn_model_shape_request){.depth = 4, .vocab_size = 100, .n_kv_head = 2});
    struct rn_err err =
        refuse("nanochat-2062", (struct rn_model_shape_request){.depth = 4, .vocab_size = 100});
    cr_expect(strstr(err.hint, "nanochat-202"), "%s", err.hint);
}

Test(config, config_json_reads_back_equal)
{
    for (size_t i = 0; rn_arch_names[i]; i++) {
        struct rn_model_cfg a = fill(rn_arch_names[i], 4, 1000), b;
        cr_expect_str_eq(a.arch, rn_arch_names[i]);
        json_t *j = rn_model_cfg_json(&a);
        cr_assert_eq(rn_model_cfg_from_json(&b, j, NULL), RN_OK);
        json_t *again = rn_model_cfg_json(&b);
        cr_expect(json_equal(j, again));
        json_decref(j);
        json_decref(again);
    }
}

Test(config, hugging_face_gpt2_config_is_understood)
{
    json_t *j =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:s}", "model_type", "gpt2", "n_layer", 12,
                  "n_head", 12, "n_embd", 768, "n_positions", 1024, "vocab_size", 50257,
                  "layer_norm_epsilon", 1e-5, "activation_function", "gelu_new");
    struct rn_model_cfg c;
    cr_assert_eq(rn_model_cfg_from_json(&c, j, NULL), RN_OK);
    cr_expect_eq(rn_model_param_count(&c), 124439808);
    json_object_set_new(j, "activation_function", json_string("relu"));
    cr_expect_eq(rn_model_cfg_from_json(&c, j, NULL), RN_ECONFIG);
    json_object_set_new(j, "model_type", json_string("llama"));
    cr_expect_eq(rn_model_cfg_from_json(&c, j, NULL), RN_ECONFIG);
    json_decref(j);
}

/* Names of nanochat's state dict at depth 12: 91 tensors, 74 of them already in 2025. */
Test(config, weight_tables_have_nanochats_tensors)
{
    struct rn_model_cfg now = fill("nanochat-2026", 12, 32768),
                        old = fill("nanochat-2025", 12, 32768);
    struct rn_weight *w;
    cr_expect_eq(rn_model_weights(&now, &w), 91);
    free(w);
    cr_expect_eq(rn_model_weights(&old, &w), 74);
    free(w);
}
