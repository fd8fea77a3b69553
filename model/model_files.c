/* model_files.c - a model's weights, and the directory with its config beside them, on disk. */
#include "file.h"
#include "mem.h"
#include "model_impl.h"
#include "path.h"
#include "safetensors.h"
#include "str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A buffer that holds any one weight; caller frees. */
static int largest_weight(const struct rn_model *m, float **buf, struct rn_err *err)
{
    int64_t most = 1;
    for (size_t i = 0; i < m->n; i++)
        if (rn_elems(m->weights[i].shape) > most)
            most = rn_elems(m->weights[i].shape);
    return rn_try_alloc((void **)buf, (size_t)most, sizeof(float), "a copy of the largest weight",
                        err);
}

static int fill_weight(void *ctx, size_t i, void *out, struct rn_err *err)
{
    const struct rn_model *m = ctx;
    return rn_params_get(m->params, i, out, err);
}

int rn_model_save_weights(const struct rn_model *m, const char *path, char hex[RN_HEX],
                          struct rn_err *err)
{
    struct rn_tensor_out *rows = rn_xalloc(m->n * sizeof *rows);
    for (size_t i = 0; i < m->n; i++)
        rows[i] = (struct rn_tensor_out){.name = m->weights[i].name,
                                         .type = rn_tensor_type_of(m->weights[i].dtype),
                                         .shape = m->weights[i].shape,
                                         .fill = fill_weight,
                                         .ctx = (void *)m,
                                         .i = i};
    int rc = rn_safetensors_write(path, rows, m->n, NULL, hex, err);
    free(rows);
    return rc;
}

static const char prefix[] = "transformer.";

/* By our name, or without "transformer." as the first GPT-2 files have it. */
static const struct rn_tensor_info *find_weight(const struct rn_safetensors *st, const char *name)
{
    const struct rn_tensor_info *t = rn_safetensors_find(st, name);
    if (!t && rn_starts_with(name, prefix))
        t = rn_safetensors_find(st, name + strlen(prefix));
    return t;
}

static void show_shape(struct rn_shape s, char out[80])
{
    size_t n = 0;
    for (int i = 0; i < s.n; i++)
        n += (size_t)snprintf(out + n, 80 - n, "%s%" PRId64, i ? "x" : "", s.d[i]);
    if (s.n == 0)
        snprintf(out, 80, "scalar");
}

static int check_weight(const struct rn_weight *w, const struct rn_tensor_info *t, const char *path,
                        struct rn_err *err)
{
    if (!t)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "lacks the weight '%s'", w->name);
    if (rn_tensor_is(t, w->shape))
        return RN_OK;
    char have[80], want[80];
    show_shape(t->shape, have);
    show_shape(w->shape, want);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "weight '%s' is %s, expected %s", w->name, have,
                   want);
}

/* Buffers that old Hugging Face files carry, and the tied head written out. */
static bool ignorable(const struct rn_model *m, const char *name)
{
    if (strcmp(m->cfg.arch, "gpt2") != 0)
        return false;
    return rn_ends_with(name, ".attn.bias") || rn_ends_with(name, ".attn.masked_bias") ||
           strcmp(name, "lm_head.weight") == 0;
}

static bool in_table(const struct rn_model *m, const char *name)
{
    char full[64 + sizeof prefix];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return rn_params_find(m->params, name) >= 0 || rn_params_find(m->params, full) >= 0;
}

/* A weight nobody asked for would mean that the file holds another model. */
static int check_no_strangers(const struct rn_model *m, const struct rn_safetensors *st,
                              struct rn_err *err)
{
    for (size_t i = 0; i < rn_safetensors_count(st); i++) {
        const char *name = rn_safetensors_at(st, i)->name;
        if (!in_table(m, name) && !ignorable(m, name))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(rn_safetensors_path(st)),
                           "weight '%.80s' does not belong to %s with %" PRId64 " layers", name,
                           m->cfg.arch, m->cfg.n_layer);
    }
    return RN_OK;
}

static int read_weights(struct rn_model *m, const struct rn_safetensors *st, struct rn_err *err)
{
    RN_TRY(check_no_strangers(m, st, err));
    for (size_t i = 0; i < m->n; i++)
        RN_TRY(check_weight(&m->weights[i], find_weight(st, m->weights[i].name),
                            rn_safetensors_path(st), err));
    enum { PIECE = 1 << 16 };
    float *buf;
    RN_TRY(largest_weight(m, &buf, err));
    int rc = RN_OK;
    for (size_t i = 0; rc == RN_OK && i < m->n; i++) {
        rc = rn_safetensors_read_f32(st, find_weight(st, m->weights[i].name), buf, err);
        if (rc == RN_OK)
            rc = rn_params_put(m->params, i, buf, err);
    }
    free(buf);
    return rc;
}

int rn_model_load_weights(struct rn_model *m, const char *path, struct rn_err *err)
{
    struct rn_safetensors *st;
    RN_TRY(rn_safetensors_open(&st, path, err));
    int rc = read_weights(m, st, err);
    rn_safetensors_close(st);
    return rc;
}

/* --- model directories --- */

static int read_config(const char *path, struct rn_model_cfg *cfg, struct rn_err *err)
{
    json_t *doc;
    RN_TRY(rn_json_read(path, 1 << 20, &doc, err));
    int rc = rn_model_cfg_from_json(cfg, doc, err);
    json_decref(doc);
    return rc == RN_OK ? RN_OK : rn_while(err, "reading %s", path);
}

int rn_model_load(struct rn_model **out, const char *dir, struct rn_device *dev, bool with_grads,
                  struct rn_err *err)
{
    struct rn_model_cfg cfg;
    char *config = rn_join(dir, "config.json"), *weights = rn_join(dir, "model.safetensors");
    struct rn_model *m = NULL;
    int rc;
    RN_CHECK(rc = read_config(config, &cfg, err));
    if (!with_grads) /* as good, and every device takes it */
        cfg.embeddings = RN_F32;
    RN_CHECK(rc = rn_model_new(&m, &cfg, dev, with_grads, err));
    RN_CHECK(rc = rn_model_load_weights(m, weights, err));
done:
    if (rc == RN_OK)
        *out = m;
    else
        rn_model_free(m);
    free(config);
    free(weights);
    return rc;
}

int rn_model_save(const struct rn_model *m, const char *dir, const json_t *extra,
                  struct rn_err *err)
{
    char *config = rn_join(dir, "config.json"), *weights = rn_join(dir, "model.safetensors");
    json_t *doc = rn_model_cfg_json(&m->cfg);
    int rc;
    if (extra)
        json_object_update(doc, (json_t *)extra);
    RN_CHECK(rc = rn_mkdirs(dir, err));
    RN_CHECK(rc = rn_model_save_weights(m, weights, NULL, err));
    RN_CHECK(rc = rn_json_write(config, doc, err));
done:
    json_decref(doc);
    free(config);
    free(weights);
    return rc;
}
