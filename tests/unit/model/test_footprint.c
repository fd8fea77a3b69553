/* The memory of a training: what is said before is what it takes; made again or kept, the same
 * bits. */
#include "fixture.h"

#include "footprint.h"
#include "optim.h"

#include <math.h>
#include <sys/resource.h>

static struct rn_device *open_cpu(void)
{
    struct rn_device *dev;
    MUST(rn_device_open(&dev, "cpu", 2, NULL, e));
    return dev;
}

static struct rn_footprint footprint_of(const struct rn_footprint_of *what)
{
    struct rn_footprint f;
    struct rn_device *dev = open_cpu();
    MUST(rn_footprint_on(&f, dev, what, e));
    rn_device_close(dev);
    return f;
}

/* --- a training step --- */

static void put_batch(struct rn_train_prog *p, const struct rn_model_cfg *c, int64_t rows)
{
    int64_t n = rows * c->sequence_len;
    int32_t *ids = random_ids(n, c->vocab_size, 5);
    const float scale = 1 / (float)n;
    MUST(rn_prog_put(p->prog, p->x, ids, e));
    MUST(rn_prog_put(p->prog, p->y, ids, e));
    MUST(rn_prog_put(p->prog, p->scale, &scale, e));
    MUST(rn_prog_put_positions(p->prog, p->pos, e));
    free(ids);
}

/* Gradients of one step, all in a row. */
static float *gradients(const struct rn_model_cfg *c, enum rn_dtype compute, bool recompute,
                        size_t *n, size_t *bytes)
{
    struct fixture f = fixture_new(c, 2, true);
    struct rn_params *ps = rn_model_params(f.model);
    struct rn_train_prog p;
    rn_model_compute_in(f.model, compute);
    rn_model_recompute(f.model, recompute);
    MUST(rn_model_train_prog(f.model, 2, c->sequence_len, &p, e));
    put_batch(&p, c, 2);
    MUST(rn_prog_run(p.prog, e));
    *bytes = rn_prog_bytes(p.prog);
    *n = (size_t)rn_model_param_count(c);
    float *all = rn_xalloc(*n * sizeof *all), *at = all;
    for (size_t i = 0; i < rn_params_count(ps); i++) {
        MUST(rn_params_get_grad(ps, i, at, e));
        at += rn_elems(rn_params_spec(ps, i)->shape);
    }
    rn_prog_free(p.prog);
    fixture_free(&f);
    return all;
}

static void expect_same_bits(const char *arch, enum rn_dtype compute)
{
    struct rn_model_cfg c = small(arch);
    size_t n, kept_bytes, again_bytes;
    float *kept = gradients(&c, compute, false, &n, &kept_bytes);
    float *again = gradients(&c, compute, true, &n, &again_bytes);
    cr_expect_eq(memcmp(kept, again, n * sizeof *kept), 0, "%s", arch);
    cr_expect_lt(again_bytes, kept_bytes, "%s: %zu bytes, kept %zu", arch, again_bytes, kept_bytes);
    free(kept);
    free(again);
}

Test(recompute, gives_the_same_bits_in_less_memory)
{
    for (size_t a = 0; rn_arch_names[a]; a++) {
        expect_same_bits(rn_arch_names[a], RN_F32);
        expect_same_bits(rn_arch_names[a], RN_BF16);
    }
}

/* --- what is said before --- */

static struct rn_model_cfg middling(void)
{
    struct rn_model_cfg c;
    struct rn_model_shape_request r = {
        .depth = 4, .sequence_len = 128, .head_dim = 64, .vocab_size = 8192};
    MUST(rn_model_cfg_fill(&c, "nanochat-2026", &r, e));
    return c;
}

Test(footprint, an_own_process_says_the_same)
{
    struct rn_model_cfg c = middling();
    struct rn_footprint_of what = {.model = &c, .rows = 4, .eval_rows = 4, .compute = RN_BF16};
    struct rn_footprint here = footprint_of(&what), apart;
    MUST(rn_footprint_apart(&apart, "cpu", 2, &what, e));
    cr_expect_eq(memcmp(&here, &apart, sizeof here), 0);
    cr_expect_gt(here.total, here.weights + here.gradients + here.optimizer + here.activations);
}

/* Its memory holds nothing of the host's; its head takes more logits at once; attention of a fixed
 * order takes two bytes a score. */
Test(footprint, of_a_gpu_is_judged_by_its_own_memory)
{
    if (rn_device_find("cuda-emu", NULL) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit");
    struct rn_model_cfg c = middling();
    c.sequence_len = 4096; /* scores outweigh logits */
    struct rn_footprint_of what = {.model = &c, .rows = 2, .compute = RN_BF16};
    struct rn_footprint gpu, fixed;
    MUST(rn_footprint_apart(&gpu, "cuda-emu", 1, &what, e));
    cr_expect_float_eq(gpu.limit, 0.95 * 0x80000000u, 1);
    cr_expect_eq(gpu.other, 0);
    cr_expect_eq(gpu.total, gpu.weights + gpu.gradients + gpu.optimizer + gpu.activations);
    what.deterministic = true;
    setenv("RN_EMU_CUDNN", "91900", 1);
    MUST(rn_footprint_apart(&fixed, "cuda-emu", 1, &what, e));
    cr_expect_gt(fixed.activations, gpu.activations);
}

/* Two ranks share the optimizer, and need room for what travels; the rest is each one's. */
Test(footprint, of_ranks_is_that_of_each)
{
    const char *name;
    if (rn_device_find("cuda-emu", NULL) != RN_OK ||
        rn_comm_find(&name, "cuda-emu", NULL) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit or nccl.h");
    struct rn_model_cfg c = middling();
    struct rn_footprint_of what = {.model = &c, .rows = 2, .compute = RN_BF16};
    struct rn_footprint one, two;
    const double bucket = 32 << 20, words = 8 << 10;
    MUST(rn_footprint_apart(&one, "cuda-emu", 1, &what, e));
    what.ranks = 2;
    MUST(rn_footprint_apart(&two, "cuda-emu", 1, &what, e));
    cr_expect_eq(one.sharing, 0);
    cr_expect_eq(two.sharing, 1.5 * bucket + 3 * words);
    cr_expect_lt(two.optimizer, 0.75 * one.optimizer);
    cr_expect_eq(two.activations, one.activations);
    cr_expect_eq(two.total,
                 two.weights + two.gradients + two.optimizer + two.activations + two.sharing);
}

Test(footprint, a_device_that_is_not_there_is_an_error)
{
    struct rn_model_cfg c = middling();
    struct rn_footprint_of what = {.model = &c, .rows = 4};
    struct rn_footprint f;
    struct rn_err err = {0};
    cr_expect_eq(rn_footprint_apart(&f, "abacus", 1, &what, &err), RN_EDEVICE);
    cr_expect(strstr(err.msg, "abacus"), "%s", err.msg);
}

Test(footprint, grows_with_rows_and_shrinks_with_what_is_made_again)
{
    struct rn_model_cfg c = middling();
    struct rn_footprint_of what = {.model = &c, .rows = 2, .compute = RN_F32};
    double two = footprint_of(&what).activations;
    what.rows = 8;
    double eight = footprint_of(&what).activations;
    what.recompute = true;
    double again = footprint_of(&what).activations;
    cr_expect_gt(eight, 2 * two);
    cr_expect_lt(again, eight * 0.7);
}

/* Nothing is taken for a model of which the weights alone would be 400 GB. */
Test(footprint, of_a_model_that_no_machine_holds)
{
    struct rn_model_cfg c;
    struct rn_model_shape_request r = {
        .depth = 128, .sequence_len = 2048, .head_dim = 128, .vocab_size = 65536};
    MUST(rn_model_cfg_fill(&c, "nanochat-2025", &r, e));
    struct rn_footprint_of what = {.model = &c, .rows = 1, .compute = RN_F32};
    cr_expect_gt(footprint_of(&what).total, 1e12);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they take memory, too */
static double peak_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss * 1024;
}

/* A step of training in this process, with what the libraries allocate at their first use done
 * before: `grown` is by how much the peak rose. */
static double train_one_step(const struct rn_model_cfg *c, const struct rn_footprint_of *what)
{
    struct rn_model_cfg tiny = small("nanochat-2026");
    size_t n, bytes;
    free(gradients(&tiny, what->compute, false, &n, &bytes));
    double before = peak_bytes();
    struct fixture f = fixture_new(c, 2, true);
    struct rn_train_prog p;
    struct rn_optim *o;
    struct rn_optim_cfg cfg = RN_OPTIM_DEFAULTS;
    struct rn_optim_step step = {.t = 1, .lr_mult = 1, .muon_momentum = 0.9};
    rn_model_compute_in(f.model, what->compute);
    rn_model_recompute(f.model, what->recompute);
    MUST(rn_model_train_prog(f.model, what->rows, c->sequence_len, &p, e));
    MUST(rn_optim_new(&o, f.model, &cfg, e));
    put_batch(&p, c, what->rows);
    MUST(rn_prog_run(p.prog, e));
    MUST(rn_optim_step(o, &step, NULL, e));
    double grown = peak_bytes() - before;
    rn_optim_free(o);
    rn_prog_free(p.prog);
    fixture_free(&f);
    return grown;
}

static void expect_peak(enum rn_dtype compute, bool recompute)
{
    struct rn_model_cfg c = middling();
    struct rn_footprint_of what = {
        .model = &c, .rows = 16, .compute = compute, .recompute = recompute};
    struct rn_footprint f = footprint_of(&what);
    double said = f.total - f.other, took = train_one_step(&c, &what);
    cr_expect(fabs(took - said) <= 0.03 * said, "said %.1f MiB, took %.1f MiB", said / 0x100000,
              took / 0x100000);
}

Test(footprint, is_what_a_step_takes_in_fp32, .timeout = 120)
{
    expect_peak(RN_F32, false);
}

Test(footprint, is_what_a_step_takes_in_bf16_made_again, .timeout = 120)
{
    expect_peak(RN_BF16, true);
}
#endif
