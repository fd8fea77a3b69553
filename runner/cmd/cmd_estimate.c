/* runnel estimate - what models of several depths cost: the table one makes before renting a
 * machine. From the architectures' rules alone; nothing is built or read. */
#include "device.h"
#include "mem.h"
#include "options.h"
#include "peak.h"
#include "precision.h"
#include "sizing.h"
#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"arch", 0, "NAME", "architecture (default: nanochat-2026)"},
    {"depth", 0, "N", "this depth (may repeat; default: several)"},
    {"vocab", 0, "N", "tokens of the vocabulary (default: what the architecture came with)"},
    {"sequence-len", 0, "N", "tokens of a row (default: by the architecture)"},
    {"batch", 0, "N", "tokens of an optimizer step (default: by the architecture's rule)"},
    {"steps", 0, "N", "optimizer steps"},
    {"tokens", 0, "N", "tokens to train on"},
    {"ratio", 0, "X", "tokens for each parameter that counts (default: by the architecture)"},
    {"rows", 0, "N", "rows of a micro-step, for the memory (default: 16)"},
    {"rate", 0, "X",
     "FLOP/s that training sustains, of all GPUs together (default: of a product of matrices, "
     "here)"},
    {0}};

/* What the architectures came with. A shard of text has 250 million characters, 4.8 of them a
 * token; best fit crops, so that 65 % of the tokens are trained on. A shard of GPT-2 is tokens. */
static const struct origin {
    const char *arch;
    int64_t vocab;
    double shard_tokens;
} origins[] = {
    {"gpt2", 50257, 100e6},
    {"nanochat-2025", 65536, 250e6 / 4.8},
    {"nanochat-2026", 32768, 250e6 / 4.8 * 0.65},
};

static const int64_t usual_depths[] = {4, 6, 8, 10, 12, 16, 20, 24, 26, 32};

struct estimate {
    const char *arch;
    const struct origin *origin; /* NULL: unknown */
    struct rn_model_shape_request shape;
    struct rn_sizing_ask ask;
    double rate_flops; /* FLOP/s */
    bool measured;
};

static const struct origin *origin_of(const char *arch)
{
    for (size_t i = 0; i < RN_COUNT(origins); i++)
        if (strcmp(origins[i].arch, arch) == 0)
            return &origins[i];
    return NULL;
}

/* --- what is asked --- */

struct number {
    const char *option;
    double max;
    int64_t *into;
};

static int read_numbers(const struct rn_cli *cli, struct estimate *e, struct rn_err *err)
{
    const struct number numbers[] = {
        {"vocab", 1 << 24, &e->shape.vocab_size}, {"sequence-len", 1 << 20, &e->shape.sequence_len},
        {"batch", 1e12, &e->ask.batch_tokens},    {"steps", 1e12, &e->ask.horizon.steps},
        {"tokens", 1e18, &e->ask.horizon.tokens}, {"rows", 65536, &e->ask.how.rows}};
    for (size_t i = 0; i < RN_COUNT(numbers); i++) {
        const struct number *n = &numbers[i];
        double value;
        RN_TRY(rn_cli_real(cli, n->option, (double)*n->into, 1, n->max, &value, err));
        *n->into = (int64_t)value;
    }
    double *ratio = &e->ask.horizon.tokens_per_param;
    RN_TRY(rn_cli_real(cli, "ratio", 0, 1e-6, 1e6, ratio, err));
    return rn_cli_real(cli, "rate", 0, 1, 1e30, &e->rate_flops, err);
}

static int measure_rate(struct estimate *e, struct rn_err *err)
{
    struct rn_device *device;
    RN_TRY(rn_device_open(&device, "cpu", 0, NULL, err));
    e->rate_flops = rn_peak_flops(device, rn_precision_dtype(rn_precision_best("cpu", NULL)));
    e->measured = true;
    rn_device_close(device);
    return RN_OK;
}

static int read_options(const struct rn_cli *cli, struct estimate *e, struct rn_err *err)
{
    const char *arch = rn_cli_opt(cli, "arch");
    *e = (struct estimate){.arch = arch ? arch : "nanochat-2026",
                           .ask = {.device = "cpu", .how.rows = RN_SIZING_ROWS}};
    e->origin = origin_of(e->arch);
    if (e->origin)
        e->shape.vocab_size = e->origin->vocab;
    RN_TRY(read_numbers(cli, e, err));
    return e->rate_flops > 0 ? RN_OK : measure_rate(e, err);
}

/* --- rows --- */

static json_t *row_of(const struct estimate *e, const struct rn_model_cfg *c,
                      const struct rn_sizing *s)
{
    double time_s = s->flops / e->rate_flops;
    json_t *row = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
        "s:f}",
        "arch", c->arch, "depth", (json_int_t)c->n_layer, "dim", (json_int_t)c->n_embd, "heads",
        (json_int_t)c->n_head, "vocab_size", (json_int_t)c->vocab_size, "sequence_len",
        (json_int_t)c->sequence_len, "params", (json_int_t)s->params, "scaling_params",
        (json_int_t)s->scaling_params, "batch_tokens", (json_int_t)s->batch_tokens, "steps",
        (json_int_t)s->steps, "tokens", s->tokens, "flops_per_token", s->flops_per_token, "flops",
        s->flops, "memory_bytes", s->memory.total, "checkpoint_bytes", s->checkpoint_bytes,
        "rate_flops", e->rate_flops, "step_s", time_s / (double)s->steps, "time_s", time_s);
    if (e->origin)
        json_object_set_new(row, "shards", json_real(ceil(s->tokens / e->origin->shard_tokens)));
    return row;
}

static int add_row(struct estimate *e, int64_t depth, json_t *rows, struct rn_err *err)
{
    struct rn_model_cfg c;
    struct rn_sizing s;
    e->shape.depth = depth;
    RN_TRY(rn_model_cfg_fill(&c, e->arch, &e->shape, err));
    RN_TRY(rn_sizing_of(&s, &c, &e->ask, err));
    json_array_append_new(rows, row_of(e, &c, &s));
    return RN_OK;
}

static int add_asked(const struct rn_cli *cli, struct estimate *e, json_t *rows, struct rn_err *err)
{
    const char *text;
    for (size_t i = 0; (text = rn_cli_opt_at(cli, "depth", i)); i++) {
        char *end;
        long long depth = strtoll(text, &end, 10);
        if (end == text || *end || depth < 1 || depth > 1024)
            return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                           "--depth is a whole number from 1 to 1024, not '%.64s'", text);
        RN_TRY(add_row(e, depth, rows, err));
    }
    return RN_OK;
}

static int add_usual(struct estimate *e, json_t *rows, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(usual_depths); i++)
        RN_TRY(add_row(e, usual_depths[i], rows, err));
    return RN_OK;
}

/* --- table --- */

static void cell_count(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32];
    rn_str_puts(s, rn_show_count(shown, rn_json_real(row, key, 0)));
}

static const struct rn_column columns[] = {{"depth", "depth", rn_cell_exact},
                                           {"dim", "dim", rn_cell_exact},
                                           {"heads", "heads", rn_cell_exact},
                                           {"parameters", "params", rn_cell_exact},
                                           {"batch", "batch_tokens", rn_cell_exact},
                                           {"steps", "steps", rn_cell_exact},
                                           {"tokens", "tokens", cell_count},
                                           {"shards", "shards", rn_cell_number},
                                           {"FLOPs", "flops", rn_cell_number},
                                           {"step", "step_s", rn_cell_span},
                                           {"time", "time_s", rn_cell_span},
                                           {"memory", "memory_bytes", rn_cell_bytes},
                                           {"checkpoint", "checkpoint_bytes", rn_cell_bytes},
                                           {0}};

static void print_head(const struct estimate *e)
{
    char rate[32];
    printf("%s, vocabulary %lld; %sFLOP/s%s; memory with %lld rows a micro-step, fp32\n", e->arch,
           (long long)e->shape.vocab_size, rn_show_count(rate, e->rate_flops),
           e->measured ? " (a product of matrices on this machine; training is slower)" : "",
           (long long)e->ask.how.rows);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct estimate e;
    json_t *rows = json_array();
    int rc = read_options(cli, &e, err);
    if (rc == RN_OK)
        rc = rn_cli_opt(cli, "depth") ? add_asked(cli, &e, rows, err) : add_usual(&e, rows, err);
    if (rc == RN_OK && !rn_cli_json(cli))
        print_head(&e);
    if (rc == RN_OK)
        rn_table_print(columns, rows, rn_cli_json(cli));
    json_decref(rows);
    return rc;
}

static const struct rn_example examples[] = {
    {"estimate --arch nanochat-2025", "what each depth of nanochat's first era costs"},
    {"estimate --arch nanochat-2025 --depth 16 --depth 20 --rate 866e12",
     "two depths on a machine that trains with 866 TFLOP/s"},
    {"estimate --arch gpt2 --depth 12 --steps 95365 --rate 1e14",
     "five epochs of GPT-2 on ten billion tokens"},
    {0}};
const struct rn_command rn_command_estimate = {
    "estimate",
    "",
    "what models of several depths cost",
    opts,
    run,
    "Parameters, horizon and batch follow from the depth by the rules of the architecture, as "
    "base-train uses them; time is FLOPs over the rate. `runnel plan` says the same of a pipeline.",
    examples};
