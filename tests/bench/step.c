/* One micro-step of a model on random tokens: how long it takes, how long its products alone take
 * (the same calls, nothing between them), and how fast they are by shape. Then an optimizer step,
 * and what both make of a step of BATCH tokens.
 *
 *     bench-step ARCH DEPTH HEAD_DIM T ROWS VOCAB PRECISION [THREADS [REPEATS]]
 *
 * Medians. One line a fact, "name value unit", for scripts; the table of shapes begins with '#'.
 * With BENCH_OPS=1 the table of `run --op-times` goes to stderr, a line "op NAME DIRECTION ms GFLOP
 * GB" for each op to stdout, and AdamW is held against the speed of memory. BENCH_DEVICE names a
 * device other than the processor; BENCH_RECOMPUTE=1: blocks are computed again instead of kept;
 * BENCH_DETERMINISTIC=1: the same bits every time. */
#include "clock.h"
#include "footprint.h"
#include "model.h"
#include "op_times.h"
#include "optim.h"
#include "peak.h"
#include "precision.h"
#include "prog_impl.h"
#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { REPEATS_MAX = 1000, BATCH = 524288 };

struct bench {
    struct rn_device *dev;
    struct rn_model *model;
    struct rn_optim *optim;
    struct rn_train_prog train;
    int64_t B, T, vocab;
    enum rn_dtype compute;
    struct rn_fp8 fp8;
    bool recompute, deterministic;
    int repeats;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return values[n / 2];
}

/* --- setting up --- */

static int put_tokens(struct bench *b, struct rn_err *err)
{
    size_t n = (size_t)(b->B * b->T);
    int32_t *ids = rn_xalloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rn_rand_below(1, i, (uint32_t)b->vocab);
    const float scale = 1.0f / (float)n;
    int rc = rn_prog_put(b->train.prog, b->train.x, ids, err);
    if (rc == RN_OK)
        rc = rn_prog_put(b->train.prog, b->train.y, ids, err);
    if (rc == RN_OK)
        rc = rn_prog_put(b->train.prog, b->train.scale, &scale, err);
    free(ids);
    return rc == RN_OK ? rn_prog_put_positions(b->train.prog, b->train.pos, err) : rc;
}

/* Random weights everywhere: zeros would be multiplied faster than a trained model's numbers. A
 * million of them, again and again: billions would take longer than what is measured. */
static int randomize(struct rn_params *ps, struct rn_err *err)
{
    enum { MANY = 1 << 20 };
    float *numbers = rn_xalloc(MANY * sizeof *numbers);
    for (int64_t k = 0; k < MANY; k++)
        numbers[k] = 0.02f * (float)rn_rand_normal(1, (uint64_t)k);
    int rc = RN_OK;
    for (size_t i = 0; i < rn_params_count(ps) && rc == RN_OK; i++) {
        int64_t n = rn_elems(rn_params_spec(ps, i)->shape);
        float *f = rn_xalloc((size_t)n * sizeof *f);
        for (int64_t k = 0; k < n; k++)
            f[k] = numbers[(k + (int64_t)i * 7919) % MANY];
        rc = rn_params_put(ps, i, f, err);
        free(f);
    }
    free(numbers);
    return rc;
}

static int read_precision(struct bench *b, const char *word, struct rn_err *err)
{
    for (int p = RN_PRECISION_AUTO + 1; rn_precision_words[p]; p++)
        if (strcmp(rn_precision_words[p], word) == 0) {
            b->compute = rn_precision_dtype((enum rn_precision)p);
            if (p == RN_PRECISION_FP8)
                b->fp8 = RN_FP8_DEFAULTS;
            return RN_OK;
        }
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "no precision '%s'", word);
}

/* No other numbers under its name. */
static int take_fp8(struct bench *b, struct rn_err *err)
{
    struct rn_device_stats s;
    rn_device_stats(b->dev, &s);
    if (b->fp8.on && !s.multiplies_fp8)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "this device does not multiply fp8");
    rn_model_fp8(b->model, &b->fp8);
    return RN_OK;
}

static int open_bench(struct bench *b, char **arg, struct rn_err *err)
{
    struct rn_model_shape_request shape = {.depth = atoll(arg[2]),
                                           .head_dim = atoll(arg[3]),
                                           .sequence_len = atoll(arg[4]),
                                           .vocab_size = atoll(arg[6])};
    struct rn_model_cfg cfg;
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    b->T = shape.sequence_len, b->B = atoll(arg[5]), b->vocab = shape.vocab_size;
    const char *device = getenv("BENCH_DEVICE");
    RN_TRY(read_precision(b, arg[7], err));
    b->recompute = getenv("BENCH_RECOMPUTE") != NULL;
    b->deterministic = getenv("BENCH_DETERMINISTIC") != NULL;
    RN_TRY(rn_device_open(&b->dev, device ? device : "cpu", arg[8] ? atoi(arg[8]) : 0, NULL, err));
    RN_TRY(rn_model_cfg_fill(&cfg, arg[1], &shape, err));
    RN_TRY(rn_model_new(&b->model, &cfg, b->dev, true, err));
    RN_TRY(randomize(rn_model_params(b->model), err));
    rn_model_compute_in(b->model, b->compute);
    RN_TRY(take_fp8(b, err));
    rn_model_deterministic(b->model, b->deterministic);
    rn_model_recompute(b->model, b->recompute);
    RN_TRY(rn_optim_new(&b->optim, b->model, &oc, err));
    RN_TRY(rn_model_train_prog(b->model, b->B, b->T, &b->train, err));
    return put_tokens(b, err);
}

/* --- measuring --- */

static int time_whole(const struct bench *b, double *took_s, struct rn_err *err)
{
    double all[REPEATS_MAX];
    for (int i = 0; i < b->repeats; i++) {
        double start_s = rn_clock_s();
        RN_TRY(rn_prog_run(b->train.prog, err));
        RN_TRY(rn_device_sync(b->dev, err));
        all[i] = rn_clock_s() - start_s;
    }
    *took_s = median(all, b->repeats);
    return RN_OK;
}

static int time_op(const struct bench *b, const struct rn_prog *p, int i, double *took_s,
                   struct rn_err *err)
{
    double all[REPEATS_MAX];
    for (int k = 0; k < b->repeats; k++) {
        double start_s = rn_clock_s();
        RN_TRY(p->dev->be->run(p->dev->ctx, p->plan, (size_t)i, 1, err));
        RN_TRY(rn_device_sync(b->dev, err));
        all[k] = rn_clock_s() - start_s;
    }
    *took_s = median(all, b->repeats);
    return RN_OK;
}

struct line { /* of the table: the products of one shape */
    int64_t R, N, K;
    bool bwd;
    int calls;
    double took_s, flops;
};

static struct line *line_of(struct line *lines, int *n, const struct rn_prog *p,
                            const struct rn_op *op)
{
    struct rn_shape x = rn_value_at(p, op->x[0])->shape, y = rn_value_at(p, op->y[0])->shape;
    struct line l = {.R = rn_rows(x), .N = rn_cols(y), .K = rn_cols(x), .bwd = op->bwd};
    for (int i = 0; i < *n; i++)
        if (lines[i].R == l.R && lines[i].N == l.N && lines[i].K == l.K && lines[i].bwd == l.bwd)
            return &lines[i];
    lines[*n] = l;
    return &lines[(*n)++];
}

struct products { /* all that were timed */
    struct line lines[64];
    int n;
    double took_s, flops;
};

/* Times the linear ops of a program, each `times` times in a micro-step. */
static int time_linears(const struct bench *b, const struct rn_prog *p, int times,
                        struct products *all, struct rn_err *err)
{
    for (int i = 0; i < p->n_ops; i++) {
        const struct rn_op *op = &p->ops[i];
        bool counts = op->kind == RN_OP_LINEAR && rn_elems(rn_value_at(p, op->y[0])->shape) > 1;
        if (!counts || all->n == (int)RN_COUNT(all->lines))
            continue;
        double one_s, flops = rn_op_flops(p, op);
        RN_TRY(time_op(b, p, i, &one_s, err));
        struct line *l = line_of(all->lines, &all->n, p, op);
        l->calls += times, l->took_s += one_s * times, l->flops += flops * times;
        all->took_s += one_s * times, all->flops += flops * times;
    }
    return RN_OK;
}

/* loss = sum of y: what a backward pass begins with */
static rn_val sum_of(struct rn_prog *p, rn_val y, int64_t n)
{
    float *ones = rn_xalloc((size_t)n * sizeof *ones);
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1;
    rn_val flat = rn_prog_op(p, RN_OP_VIEW, "flat", &y, 1, (struct rn_attrs){.i = {1, n}});
    rn_val x[] = {flat, rn_prog_const(p, "ones", RN_F32, RN_SHAPE(1, n), ones), RN_NONE};
    free(ones);
    return rn_prog_op(p, RN_OP_LINEAR, "sum", x, 3, (struct rn_attrs){0});
}

/* The head's products hide in its op: a linear op of its chunk's shape is timed in their stead. */
static int time_head(const struct bench *b, const struct rn_op *head, struct products *all,
                     struct rn_err *err)
{
    const struct rn_prog *train = b->train.prog;
    struct rn_shape chunk = rn_value_at(train, head->y[3])->shape;
    int64_t n = chunk.d[0], V = chunk.d[1], C = rn_cols(rn_value_at(train, head->x[0])->shape);
    const struct rn_param_spec specs[] = {{"x", RN_SHAPE(n, C)}, {"w", RN_SHAPE(V, C)}};
    struct rn_params *ps;
    RN_TRY(rn_params_new(&ps, b->dev, specs, 2, true, err));
    struct rn_prog *p = rn_prog_new(ps);
    rn_prog_compute_in(p, rn_model_computes_in(b->model));
    rn_val x[] = {rn_prog_weight(p, "x"), rn_prog_weight(p, "w"), RN_NONE};
    rn_val y = rn_prog_op(p, RN_OP_LINEAR, "logits", x, 3, (struct rn_attrs){0});
    rn_prog_backward(p, sum_of(p, y, n * V));
    int rc = randomize(ps, err);
    if (rc == RN_OK)
        rc = rn_prog_plan(p, err);
    if (rc == RN_OK)
        rc = rn_prog_run(p, err);
    if (rc == RN_OK)
        rc = time_linears(b, p, (int)(b->B * b->T / n), all, err);
    rn_prog_free(p);
    rn_params_free(ps);
    return rc;
}

static int time_products(const struct bench *b, struct products *all, struct rn_err *err)
{
    const struct rn_prog *p = b->train.prog;
    RN_TRY(time_linears(b, p, 1, all, err));
    for (int i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == RN_OP_HEAD_LOSS && p->ops[i].bwd)
            RN_TRY(time_head(b, &p->ops[i], all, err));
    for (int i = 0; i < all->n; i++) {
        const struct line *l = &all->lines[i];
        printf("# %3d x %s R %6d  N %6d  K %6d  %8.2f ms  %6.0f GFLOP/s\n", l->calls,
               l->bwd ? "dx, dw" : "y     ", (int)l->R, (int)l->N, (int)l->K, l->took_s * 1e3,
               l->flops / l->took_s / 1e9);
    }
    return RN_OK;
}

static int time_optimizer(const struct bench *b, double *took_s, struct rn_err *err)
{
    double all[REPEATS_MAX];
    for (int i = -1; i < b->repeats; i++) { /* the first touches the moments' memory */
        struct rn_optim_step s = {
            .t = i + 2, .lr_mult = 1e-6, .muon_momentum = 0.95, .decay_mult = 1};
        RN_TRY(rn_prog_run(b->train.prog, err));
        RN_TRY(rn_device_sync(b->dev, err));
        double start_s = rn_clock_s();
        RN_TRY(rn_optim_step(b->optim, &s, NULL, err));
        RN_TRY(rn_device_sync(b->dev, err));
        if (i >= 0)
            all[i] = rn_clock_s() - start_s;
    }
    *took_s = median(all, b->repeats);
    return RN_OK;
}

/* How often AdamW could have moved its bytes in its time. A processor's copy reads what it is going
 * to write, too, which is not counted in its rate; AdamW changes what it has read. */
static void show_adamw(const struct bench *b, const struct rn_op_times *times, double memory_rate)
{
    struct rn_op_time t = rn_op_times_of(times, RN_OP_ADAMW);
    struct rn_device_stats s;
    rn_device_stats(b->dev, &s);
    double rate = t.bytes / t.time_s, moved_rate = (s.threads > 0 ? 1.5 : 1) * memory_rate;
    printf("adamw_rate %.1f GB/s\n", rate / 1e9);
    printf("memory_rate %.1f GB/s\n", moved_rate / 1e9);
    printf("adamw_over_memory %.2f x\n", moved_rate / rate);
}

/* Of one micro-step or update. */
static void show_op(const char *name, bool bwd, const struct rn_op_time *t, int runs)
{
    if (t->calls > 0)
        printf("op %s %s %.4f ms %.3f GFLOP %.4f GB\n", name, bwd ? "backward" : "forward",
               1e3 * t->time_s / runs, 1e-9 * t->flops / runs, 1e-9 * t->bytes / runs);
}

/* Where the time of micro-step and update goes, by kind of op. */
static int show_ops(const struct bench *b, struct rn_err *err)
{
    struct rn_op_times times = {0};
    double unused_s;
    rn_prog_time_ops(b->train.prog, &times);
    rn_optim_time_ops(b->optim, &times);
    RN_TRY(time_optimizer(b, &unused_s, err));
    struct rn_peaks peaks = {rn_peak_flops(b->dev, rn_model_computes_in(b->model)),
                             rn_peak_bytes(b->dev)};
    rn_op_times_print(&times, &peaks, stderr);
    for (int kind = 0; kind < RN_OP_COUNT; kind++)
        for (int bwd = 0; bwd < 2; bwd++)
            show_op(rn_op_names[kind], bwd, &times.of[kind][bwd], b->repeats + 1);
    printf("peaks %.0f GFLOP/s %.0f GB/s\n", peaks.flops / 1e9, peaks.bytes / 1e9);
    show_adamw(b, &times, peaks.bytes);
    return RN_OK;
}

/* A step of BATCH tokens: as many micro-steps as that takes, and one update. MFU as nanochat counts
 * it, for GPT-2 as llm.c does, too, where the device's peak is known. */
static void show_batch(const struct bench *b, double whole_s, double optimizer_s)
{
    const struct rn_model_cfg *mc = rn_model_config(b->model);
    struct rn_device_stats s;
    rn_device_stats(b->dev, &s);
    double micro = (double)(b->B * b->T), count = micro < BATCH ? BATCH / micro : 1;
    double rate = count * micro / (count * whole_s + optimizer_s);
    double attention = (double)(mc->n_layer * mc->n_embd * b->T);
    printf("batch_tokens %.0f tok/s\n", rate);
    if (s.bf16_flops <= 0)
        return;
    printf("mfu %.1f %%\n", 100 * rate * rn_model_flops_per_token(mc, b->T) / s.bf16_flops);
    if (strcmp(mc->arch, "gpt2") == 0)
        printf("mfu_llmc %.1f %%\n",
               100 * rate * 6 * ((double)rn_model_param_count(mc) + attention) / s.bf16_flops);
}

/* All memory of the device, beside what a training of this cut would have been told before. */
static int show_memory(const struct bench *b, struct rn_err *err)
{
    struct rn_footprint_of how = {.model = rn_model_config(b->model),
                                  .rows = b->B,
                                  .compute = b->compute,
                                  .fp8 = b->fp8,
                                  .recompute = b->recompute,
                                  .deterministic = b->deterministic};
    struct rn_device_stats s;
    struct rn_footprint f;
    struct rusage used;
    rn_device_stats(b->dev, &s);
    getrusage(RUSAGE_SELF, &used);
    RN_TRY(rn_footprint_on(&f, b->dev, &how, err));
    printf("memory %.0f MiB\n", (double)rn_prog_bytes(b->train.prog) / (1 << 20));
    printf("planned %.0f MiB\n", (f.total - f.other) / (1 << 20));
    printf("peak %.0f MiB\n", (double)s.bytes_max / (1 << 20));
    printf("rss %.0f MiB\n", (double)used.ru_maxrss / 1024);
    return RN_OK;
}

static int measure(const struct bench *b, struct rn_err *err)
{
    struct products products = {0};
    double whole_s, optimizer_s, from_s;
    for (int i = 0; i < 3; i++) /* a GPU finds its products, then records a graph */
        RN_TRY(rn_prog_run(b->train.prog, err));
    RN_TRY(rn_device_sync(b->dev, err));
    from_s = rn_time_s();
    RN_TRY(time_whole(b, &whole_s, err));
    printf("timed %.3f %.3f unix s\n", from_s, rn_time_s());
    RN_TRY(time_optimizer(b, &optimizer_s, err));
    RN_TRY(show_memory(b, err)); /* before products alone need memory of their own */
    RN_TRY(time_products(b, &products, err));
    printf("step %.2f ms\n", whole_s * 1e3);
    printf("tokens %.0f tok/s\n", (double)(b->B * b->T) / whole_s);
    printf("products %.2f ms\n", products.took_s * 1e3);
    printf("products_rate %.0f GFLOP/s\n", products.flops / products.took_s / 1e9);
    printf("products_share %.1f %%\n", 100 * products.took_s / whole_s);
    printf("optimizer %.2f ms\n", optimizer_s * 1e3);
    printf("parameters %lld\n", (long long)rn_model_param_count(rn_model_config(b->model)));
    show_batch(b, whole_s, optimizer_s);
    return getenv("BENCH_OPS") ? show_ops(b, err) : RN_OK;
}

int main(int argc, char **argv)
{
    char *arg[10] = {0};
    struct bench b = {0};
    struct rn_err err = {0};
    if (argc < 8 || argc > 10) {
        fprintf(stderr,
                "bench-step ARCH DEPTH HEAD_DIM T ROWS VOCAB PRECISION [THREADS [REPEATS]]\n");
        return 2;
    }
    memcpy(arg, argv, (size_t)argc * sizeof *arg);
    b.repeats = arg[9] ? atoi(arg[9]) : 5;
    if (b.repeats < 1 || b.repeats > REPEATS_MAX)
        return 2;
    int rc = open_bench(&b, arg, &err);
    if (rc == RN_OK)
        rc = measure(&b, &err);
    if (rc != RN_OK)
        rn_err_print(&err, stderr);
    rn_prog_free(b.train.prog);
    rn_optim_free(b.optim);
    rn_model_free(b.model);
    rn_device_close(b.dev);
    return rc == RN_OK ? 0 : 1;
}
