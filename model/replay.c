#include "replay.h"

#include "arch.h"
#include "mem.h"
#include "optim.h"
#include "safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a file says about how it was trained, by model family. */
struct dialect {
    const char *model, *arch;
    double tol_update;
    const struct hyper { /* a key of recipe.config.hyper and the group field it sets */
        const char *key, *group;
        size_t field; /* of struct rn_group_override */
        double times;
    } * hypers;
    size_t n_hypers;
    const char *lr_key; /* of a log row */
};

#define FIELD(name) offsetof(struct rn_group_override, name)
static const struct hyper hypers_gpt2[] = {
    {"weight_decay", "decay", FIELD(decay), 1},
};
static const struct hyper hypers_2025[] = {
    {"unembedding_lr", "unembedding", FIELD(lr), 1},
    {"embedding_lr", "embedding", FIELD(lr), 1},
    {"matrix_lr", "matrix", FIELD(lr), 1},
    {"weight_decay", "unembedding", FIELD(decay), 1},
    {"weight_decay", "embedding", FIELD(decay), 1},
};
static const struct hyper hypers_2026[] = {
    {"unembedding_lr", "unembedding", FIELD(lr), 1},
    {"embedding_lr", "embedding", FIELD(lr), 1},
    {"embedding_lr", "value_embeds", FIELD(lr), 0.5},
    {"scalar_lr", "resid_lambdas", FIELD(lr), 0.01},
    {"scalar_lr", "x0_lambdas", FIELD(lr), 1},
    {"matrix_lr", "matrix", FIELD(lr), 1},
};
static const struct dialect dialects[] = {
    {"gpt2", "gpt2", 1e-3, hypers_gpt2, RN_COUNT(hypers_gpt2), "lr"},
    {"n25", "nanochat-2025", 1e-3, hypers_2025, RN_COUNT(hypers_2025), "lrm"},
    {"now", "nanochat-2026", 5e-3, hypers_2026, RN_COUNT(hypers_2026), "lrm"},
};
enum { OVERRIDES_MAX = 16 };
static const double tol_loss = 1e-5, tol_loss_bf16 = 1e-2, tol_loss_fp8 = 2e-2, tol_logits = 1e-5,
                    tol_grad = 1e-4, tol_grad_gates = 1e-3;
static const double grad_floor = 1e-8; /* below, a reference gradient is rounding */

struct replay {
    struct rn_safetensors *st;
    json_t *recipe, *log;
    const struct dialect *dialect;
    struct rn_model_cfg cfg;
    int64_t steps, B, T;
    int32_t *tokens; /* (steps, B, T+1) */
    int32_t *x, *y;  /* (B, T) */
    enum rn_precision precision;
    struct rn_model *model;
    struct rn_weight *weights; /* the table, in the order of the params */
    struct rn_optim *optim;
    struct rn_train_prog train;
    double worst_grad0; /* largest share of its tolerance so far */
    struct rn_replay_result *result;
};

static int bad_file(const struct replay *r, struct rn_err *err, const char *what)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(r->st)), "not a trajectory: %s",
                   what);
}

/* --- reading the file --- */

static int parse_meta(const struct replay *r, const char *key, json_t **out, struct rn_err *err)
{
    const char *text = rn_safetensors_meta(r->st, key);
    if (!text)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(r->st)),
                       "not a trajectory: the header has no `%s`", key);
    return rn_json_parse(text, strlen(text), RN_PATH(rn_safetensors_path(r->st)), out, err);
}

static const json_t *config(const struct replay *r)
{
    return json_object_get(r->recipe, "config");
}

static int find_dialect(struct replay *r, struct rn_err *err)
{
    const char *model = rn_json_str(r->recipe, "model", "");
    for (size_t i = 0; i < RN_COUNT(dialects); i++)
        if (strcmp(dialects[i].model, model) == 0)
            r->dialect = &dialects[i];
    if (!r->dialect)
        return rn_fail(err, RN_ECONFIG, RN_PATH(rn_safetensors_path(r->st)),
                       "model '%.40s' is not one of gpt2, n25, now", model);
    return RN_OK;
}

static int64_t rows_of(const struct replay *r, const char *name, int64_t absent)
{
    const struct rn_tensor_info *t = rn_safetensors_find(r->st, name);
    return t && t->shape.n == 2 ? t->shape.d[0] : absent;
}

/* The sizes stand in the recipe; what it leaves out, in the shapes of the weights. */
static int read_sizes(struct replay *r, struct rn_err *err)
{
    const json_t *c = config(r);
    const struct rn_arch *arch = rn_arch_find(r->dialect->arch);
    struct rn_model_cfg *m = &r->cfg;
    *m = (struct rn_model_cfg){.arch = arch->name, .sw = arch->sw};
    m->n_layer = rn_json_int(c, "n_layer", 0);
    m->n_head = rn_json_int(c, "n_head", 0);
    m->n_kv_head = rn_json_int(c, "n_kv_head", m->n_head);
    m->n_embd = rn_json_int(c, "n_embd", 0);
    m->head_dim = m->n_head > 0 ? m->n_embd / m->n_head : 0;
    m->vocab_size = rn_json_int(c, "vocab", 0);
    m->vocab_padded = rows_of(r, "init.transformer.wte.weight", 0);
    m->sequence_len = rn_json_int(c, "sequence_len", rn_json_int(c, "T", 0));
    if (!arch->window)
        m->sequence_len = rows_of(r, "init.transformer.wpe.weight", m->sequence_len);
    const char *pattern = arch->window_pattern ? arch->window_pattern : "";
    pattern = rn_json_str(c, "window_pattern", pattern);
    if (strlen(pattern) >= sizeof m->window_pattern)
        return bad_file(r, err, "window_pattern is too long");
    snprintf(m->window_pattern, sizeof m->window_pattern, "%s", pattern);
    return rn_model_cfg_check(m, err);
}

static int read_tokens(struct replay *r, struct rn_err *err)
{
    const struct rn_tensor_info *t = rn_safetensors_find(r->st, "tokens");
    if (!t || t->shape.n != 3 || t->shape.d[0] < 1 || t->shape.d[1] < 1 || t->shape.d[2] < 2)
        return bad_file(r, err, "tokens are not (steps, B, T+1)");
    r->steps = t->shape.d[0];
    r->B = t->shape.d[1];
    r->T = t->shape.d[2] - 1;
    int64_t n = rn_elems(t->shape);
    RN_TRY(rn_try_alloc((void **)&r->tokens, (size_t)n, sizeof *r->tokens, "tokens", err));
    RN_TRY(rn_safetensors_read_i32(r->st, t, r->tokens, err));
    for (int64_t i = 0; i < n; i++)
        if (r->tokens[i] < 0 || r->tokens[i] >= r->cfg.vocab_size)
            return bad_file(r, err, "a token lies outside the vocabulary");
    size_t bt = (size_t)(r->B * r->T);
    RN_TRY(rn_try_alloc((void **)&r->x, bt, sizeof *r->x, "a batch", err));
    return rn_try_alloc((void **)&r->y, bt, sizeof *r->y, "a batch", err);
}

/* Reads `<kind>.<weight>`, which must have the weight's shape. */
static int read_weight(const struct replay *r, const char *kind, const struct rn_param_spec *w,
                       float *out, struct rn_err *err)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", kind, w->name);
    const struct rn_tensor_info *t = rn_safetensors_find(r->st, name);
    if (!t || !rn_tensor_is(t, w->shape))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(r->st)),
                       "not a trajectory: tensor '%s' is %s", name,
                       t ? "of another shape than the recipe says" : "missing");
    return rn_safetensors_read_f32(r->st, t, out, err);
}

/* --- comparing --- */

struct pair { /* a weight of ours and of the file, and room for a third */
    const struct rn_param_spec *spec;
    int64_t n;
    float *ours, *ref, *init;
};

/* Calls `compare` for every weight, with buffers that hold it. */
static int each_weight(struct replay *r,
                       int (*compare)(struct replay *, size_t i, struct pair *, struct rn_err *),
                       struct rn_err *err)
{
    struct rn_params *params = rn_model_params(r->model);
    int rc = RN_OK;
    for (size_t i = 0; rc == RN_OK && i < rn_params_count(params); i++) {
        struct pair p = {.spec = rn_params_spec(params, i)};
        p.n = rn_elems(p.spec->shape);
        rc = rn_try_alloc((void **)&p.ours, 3 * (size_t)p.n, sizeof(float), "weights", err);
        p.ref = p.ours + p.n;
        p.init = p.ref + p.n;
        if (rc == RN_OK)
            rc = compare(r, i, &p, err);
        free(p.ours);
    }
    return rc;
}

static int put_init(struct replay *r, size_t i, struct pair *p, struct rn_err *err)
{
    RN_TRY(read_weight(r, "init", p->spec, p->init, err));
    return rn_params_put(rn_model_params(r->model), i, p->init, err);
}

/* Keeps the larger, where NaN is larger than everything. */
static bool worsen(double *max, double x)
{
    bool more = !(x <= *max) && !isnan(*max);
    if (more)
        *max = x;
    return more;
}

static double max_abs(const float *x, int64_t n)
{
    double max = 0;
    for (int64_t i = 0; i < n; i++)
        worsen(&max, fabs((double)x[i]));
    return max;
}

static double max_diff(const float *a, const float *b, int64_t n)
{
    double max = 0;
    for (int64_t i = 0; i < n; i++)
        worsen(&max, fabs((double)a[i] - (double)b[i]));
    return max;
}

static double distance(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

/* Few numbers summed over everything: their gradients carry more rounding. */
static bool is_gate(const char *name)
{
    return strstr(name, "lambda") || strstr(name, "gate");
}

static int compare_grad0(struct replay *r, size_t i, struct pair *p, struct rn_err *err)
{
    RN_TRY(read_weight(r, "grad0", p->spec, p->ref, err));
    RN_TRY(rn_params_get_grad(rn_model_params(r->model), i, p->ours, err));
    double largest = max_abs(p->ref, p->n);
    if (largest < grad_floor || r->weights[i].inert) {
        r->result->excepted++;
        return RN_OK;
    }
    double rel = max_diff(p->ours, p->ref, p->n) / largest;
    bool gate = is_gate(p->spec->name);
    worsen(gate ? &r->result->rel_grad0_gates : &r->result->rel_grad0, rel);
    if (worsen(&r->worst_grad0, rel / (gate ? tol_grad_gates : tol_grad)))
        snprintf(r->result->worst_grad0, sizeof r->result->worst_grad0, "%s", p->spec->name);
    return RN_OK;
}

static int compare_final(struct replay *r, size_t i, struct pair *p, struct rn_err *err)
{
    if (r->weights[i].inert)
        return RN_OK;
    RN_TRY(read_weight(r, "init", p->spec, p->init, err));
    RN_TRY(read_weight(r, "final", p->spec, p->ref, err));
    RN_TRY(rn_params_get(rn_model_params(r->model), i, p->ours, err));
    double apart = distance(p->ours, p->ref, p->n), update = distance(p->ref, p->init, p->n);
    if (worsen(&r->result->rel_update, apart == 0 ? 0 : apart / update))
        snprintf(r->result->worst_update, sizeof r->result->worst_update, "%s", p->spec->name);
    return RN_OK;
}

/* The logits (T,Vp) of the first row of r->x. */
static int first_logits(struct replay *r, float *logits, struct rn_err *err)
{
    struct rn_logits_prog p;
    RN_TRY(rn_model_logits_prog(r->model, 1, r->T, &p, err));
    int rc;
    RN_CHECK(rc = rn_prog_put_positions(p.prog, p.pos, err));
    RN_CHECK(rc = rn_prog_put(p.prog, p.x, r->x, err));
    RN_CHECK(rc = rn_prog_run(p.prog, err));
    RN_CHECK(rc = rn_prog_get(p.prog, p.logits, logits, err));
done:
    rn_prog_free(p.prog);
    return rc;
}

/* logits0 (T,V) against ours (T,Vp). */
static int compare_logits0(struct replay *r, struct rn_err *err)
{
    const int64_t T = r->T, V = r->cfg.vocab_size, Vp = r->cfg.vocab_padded;
    const struct rn_tensor_info *t = rn_safetensors_find(r->st, "logits0");
    if (!t || !rn_tensor_is(t, RN_SHAPE(T, V)))
        return bad_file(r, err, "logits0 are not (T, V)");
    float *ref = NULL, *ours = NULL;
    int rc;
    RN_CHECK(rc = rn_try_alloc((void **)&ref, (size_t)(T * V), sizeof *ref, "logits", err));
    RN_CHECK(rc = rn_try_alloc((void **)&ours, (size_t)(T * Vp), sizeof *ours, "logits", err));
    RN_CHECK(rc = rn_safetensors_read_f32(r->st, t, ref, err));
    RN_CHECK(rc = first_logits(r, ours, err));
    double largest = max_abs(ref, T * V);
    for (int64_t i = 0; i < T; i++)
        worsen(&r->result->rel_logits0, max_diff(ours + i * Vp, ref + i * V, V) / largest);
done:
    free(ref);
    free(ours);
    return rc;
}

/* --- training --- */

/* Rates come from the log, step by step: groups that follow it get the factor 1. */
static int make_optim(struct replay *r, struct rn_err *err)
{
    const json_t *hyper = json_object_get(config(r), "hyper");
    struct rn_group_override overrides[OVERRIDES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < r->dialect->n_hypers; i++) {
        const struct hyper *h = &r->dialect->hypers[i];
        struct rn_group_override c = RN_GROUP_UNCHANGED;
        c.group = h->group;
        *(double *)((char *)&c + h->field) = h->times * rn_json_real(hyper, h->key, NAN);
        RN_ASSERT(n < OVERRIDES_MAX);
        overrides[n++] = c;
    }
    struct rn_group_override logged = RN_GROUP_UNCHANGED;
    bool absolute_lr = strcmp(r->dialect->lr_key, "lr") == 0;
    if (absolute_lr)
        logged.lr = 1;
    else
        logged.group = "matrix", logged.decay = 1;
    overrides[n++] = logged;
    struct rn_optim_cfg cfg = RN_OPTIM_DEFAULTS;
    cfg.overrides = overrides;
    cfg.n_overrides = n;
    cfg.clip = rn_json_real(hyper, "grad_clip", NAN);
    return rn_optim_new(&r->optim, r->model, &cfg, err);
}

static int prepare(struct replay *r, struct rn_device *dev, struct rn_err *err)
{
    RN_TRY(parse_meta(r, "recipe", &r->recipe, err));
    RN_TRY(parse_meta(r, "log", &r->log, err));
    RN_TRY(find_dialect(r, err));
    RN_TRY(read_sizes(r, err));
    RN_TRY(read_tokens(r, err));
    if ((int64_t)json_array_size(r->log) < r->steps)
        return bad_file(r, err, "the log has fewer rows than there are steps");
    rn_model_weights(&r->cfg, &r->weights);
    RN_TRY(rn_model_new(&r->model, &r->cfg, dev, true, err));
    rn_model_compute_in(r->model, rn_precision_dtype(r->precision));
    if (r->precision == RN_PRECISION_FP8) {
        struct rn_fp8 all = RN_FP8_DEFAULTS;
        all.min_dim = RN_FP8_MULTIPLE;
        rn_model_fp8(r->model, &all);
    }
    RN_TRY(each_weight(r, put_init, err));
    RN_TRY(rn_params_zero_grads(rn_model_params(r->model), err));
    RN_TRY(make_optim(r, err));
    RN_TRY(rn_model_train_prog(r->model, r->B, r->T, &r->train, err));
    const float mean = 1 / (float)(r->B * r->T);
    RN_TRY(rn_prog_put(r->train.prog, r->train.scale, &mean, err));
    return rn_prog_put_positions(r->train.prog, r->train.pos, err);
}

static int put_batch(struct replay *r, int64_t step, struct rn_err *err)
{
    const int32_t *row = r->tokens + step * r->B * (r->T + 1);
    for (int64_t b = 0; b < r->B; b++, row += r->T + 1) {
        memcpy(r->x + b * r->T, row, (size_t)r->T * sizeof *row);
        memcpy(r->y + b * r->T, row + 1, (size_t)r->T * sizeof *row);
    }
    RN_TRY(rn_prog_put(r->train.prog, r->train.x, r->x, err));
    return rn_prog_put(r->train.prog, r->train.y, r->y, err);
}

static int run_step(struct replay *r, int64_t step, struct rn_replay_step *out, struct rn_err *err)
{
    const json_t *row = json_array_get(r->log, (size_t)step);
    float loss, norm;
    RN_TRY(put_batch(r, step, err));
    RN_TRY(rn_prog_run(r->train.prog, err));
    RN_TRY(rn_prog_get(r->train.prog, r->train.loss, &loss, err));
    if (step == 0) {
        RN_TRY(compare_logits0(r, err));
        RN_TRY(each_weight(r, compare_grad0, err));
    }
    struct rn_optim_step now = {
        .t = step + 1,
        .lr_mult = rn_json_real(row, r->dialect->lr_key, NAN),
        .muon_momentum = rn_json_real(row, "muon_momentum", 0),
        .decay_mult = rn_json_real(row, "muon_weight_decay", 0),
    };
    RN_TRY(rn_optim_step(r->optim, &now, &norm, err));
    *out = (struct rn_replay_step){step, (double)loss, rn_json_real(row, "loss", NAN), (double)norm,
                                   rn_json_real(row, "grad_norm", NAN)};
    worsen(&r->result->rel_loss, fabs(out->loss - out->ref_loss) / fabs(out->ref_loss));
    return RN_OK;
}

static void judge(const struct replay *r)
{
    struct rn_replay_result *v = r->result;
    if (r->precision != RN_PRECISION_FP32) {
        v->ok = v->rel_loss <= (r->precision == RN_PRECISION_FP8 ? tol_loss_fp8 : tol_loss_bf16);
        return;
    }
    v->ok = v->rel_loss <= tol_loss && v->rel_logits0 <= tol_logits && v->rel_grad0 <= tol_grad &&
            v->rel_grad0_gates <= tol_grad_gates && v->rel_update <= r->dialect->tol_update;
}

static void release(struct replay *r)
{
    rn_prog_free(r->train.prog);
    rn_optim_free(r->optim);
    rn_model_free(r->model);
    free(r->weights);
    free(r->tokens);
    free(r->x);
    free(r->y);
    json_decref(r->recipe);
    json_decref(r->log);
    rn_safetensors_close(r->st);
}

int rn_replay(const char *path, struct rn_device *dev, enum rn_precision precision,
              void (*on_step)(void *, const struct rn_replay_step *), void *ctx,
              struct rn_replay_result *result, struct rn_err *err)
{
    struct replay r = {.result = result, .precision = precision};
    *result = (struct rn_replay_result){0};
    RN_TRY(rn_safetensors_open(&r.st, path, err));
    int rc;
    RN_CHECK(rc = prepare(&r, dev, err));
    for (int64_t step = 0; step < r.steps; step++) {
        struct rn_replay_step now;
        RN_CHECK(rc = run_step(&r, step, &now, err));
        if (on_step)
            on_step(ctx, &now);
    }
    RN_CHECK(rc = each_weight(&r, compare_final, err));
    judge(&r);
done:
    release(&r);
    return rc;
}
