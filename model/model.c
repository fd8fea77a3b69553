#include "arch.h"
#include "mem.h"
#include "model_impl.h"

#include <stdlib.h>
#include <string.h>

static struct rn_param_spec *specs_of(const struct rn_model *m)
{
    struct rn_param_spec *specs = rn_xalloc(m->n * sizeof *specs);
    for (size_t i = 0; i < m->n; i++)
        specs[i] = (struct rn_param_spec){
            .name = m->weights[i].name, .shape = m->weights[i].shape, .dtype = m->weights[i].dtype};
    return specs;
}

static struct rn_model *model_of(const struct rn_model_cfg *cfg)
{
    struct rn_model *m = rn_new(struct rn_model);
    m->cfg = *cfg;
    m->n = rn_model_weights(cfg, &m->weights);
    return m;
}

static int check_device(const struct rn_model_cfg *cfg, const struct rn_device *dev,
                        struct rn_err *err)
{
    RN_TRY(rn_model_cfg_check(cfg, err));
    if (cfg->embeddings == RN_F32 || strcmp(rn_device_name(dev), "cpu") == 0)
        return RN_OK;
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'embeddings: bf16' is for the cpu, this is %s",
                   rn_device_name(dev));
}

int rn_model_new(struct rn_model **out, const struct rn_model_cfg *cfg, struct rn_device *dev,
                 bool with_grads, struct rn_err *err)
{
    RN_TRY(check_device(cfg, dev, err));
    struct rn_model *m = model_of(cfg);
    struct rn_param_spec *specs = specs_of(m);
    int rc = rn_params_new(&m->params, dev, specs, m->n, with_grads, err);
    free(specs);
    if (rc != RN_OK) {
        rn_model_free(m);
        return rc;
    }
    *out = m;
    return RN_OK;
}

int rn_model_sketch(struct rn_model **out, const struct rn_model_cfg *cfg, struct rn_device *dev,
                    struct rn_err *err)
{
    RN_TRY(check_device(cfg, dev, err));
    struct rn_model *m = model_of(cfg);
    struct rn_param_spec *specs = specs_of(m);
    m->params = rn_params_sketch(dev, specs, m->n, true);
    free(specs);
    *out = m;
    return RN_OK;
}

void rn_model_free(struct rn_model *m)
{
    if (!m)
        return;
    rn_params_free(m->params);
    free(m->weights);
    free(m);
}

const struct rn_model_cfg *rn_model_config(const struct rn_model *m)
{
    return &m->cfg;
}

int64_t rn_model_max_len(const struct rn_model *m)
{
    return rn_arch_of(&m->cfg)->window ? 0 : m->cfg.sequence_len;
}

struct rn_params *rn_model_params(const struct rn_model *m)
{
    return m->params;
}

/* --- how its programs compute --- */

void rn_model_compute_in(struct rn_model *m, enum rn_dtype type)
{
    m->compute = type;
}

void rn_model_fp8(struct rn_model *m, const struct rn_fp8 *how)
{
    m->fp8 = *how;
}

void rn_model_recompute(struct rn_model *m, bool blocks)
{
    m->recompute = blocks;
}

void rn_model_deterministic(struct rn_model *m, bool always)
{
    m->deterministic = always;
}

enum rn_dtype rn_model_computes_in(const struct rn_model *m)
{
    return m->compute;
}
