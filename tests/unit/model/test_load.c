/* Model directories: ours, Hugging Face's, and such that belong to neither. */
#include "fixture.h"

#include "file.h"
#include "path.h"
#include "safetensors.h"

#include <unistd.h>

static char *temp_dir(void)
{
    char *dir = rn_xprintf("/tmp/rn-model-%d", (int)getpid());
    MUST(rn_mkdirs(dir, e));
    return dir;
}

static void drop(char *dir)
{
    MUST(rn_remove_tree(dir, e));
    free(dir);
}

static bool same_weights(const struct rn_model *a, const struct rn_model *b)
{
    struct rn_params *p = rn_model_params(a), *q = rn_model_params(b);
    bool same = rn_params_count(p) == rn_params_count(q);
    for (size_t i = 0; same && i < rn_params_count(p); i++) {
        size_t bytes = (size_t)rn_elems(rn_params_spec(p, i)->shape) * sizeof(float);
        float *x = rn_xalloc(bytes), *y = rn_xalloc(bytes);
        MUST(rn_params_get(p, i, x, e));
        MUST(rn_params_get(q, i, y, e));
        same = memcmp(x, y, bytes) == 0;
        free(x);
        free(y);
    }
    return same;
}

Test(load, a_saved_model_loads_equal)
{
    for (size_t i = 0; rn_arch_names[i]; i++) {
        struct rn_model_cfg c = small(rn_arch_names[i]);
        struct fixture f = fixture_new(&c, 1, false);
        char *dir = temp_dir();
        struct rn_model *again;
        json_t *extra = json_pack("{s:s}", "tokenizer", "digest");
        MUST(rn_model_save(f.model, dir, extra, e));
        MUST(rn_model_load(&again, dir, f.dev, false, e));
        cr_expect(same_weights(f.model, again), "%s", c.arch);
        json_decref(extra);
        rn_model_free(again);
        drop(dir);
        fixture_free(&f);
    }
}

static void write_hf_config(const char *dir)
{
    char *path = rn_join(dir, "config.json");
    json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "model_type", "gpt2", "n_layer", 3,
                          "n_head", 4, "n_embd", 32, "n_positions", 24, "vocab_size", 51);
    MUST(rn_json_write(path, j, e));
    json_decref(j);
    free(path);
}

/* Rewrites the weights of `m` as the first GPT-2 files have them: no prefix, mask buffers, a head,
 * and `stranger` if given. */
static void write_hf_weights(const struct rn_model *m, const char *dir, const char *stranger)
{
    struct rn_params *p = rn_model_params(m);
    size_t n = rn_params_count(p);
    static const float ones[24 * 24];
    struct rn_tensor_out *rows = rn_xalloc((n + 3) * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        const struct rn_param_spec *s = rn_params_spec(p, i);
        float *w = rn_xalloc((size_t)rn_elems(s->shape) * sizeof *w);
        MUST(rn_params_get(p, i, w, e));
        rows[i] = (struct rn_tensor_out){
            .name = s->name + strlen("transformer."), .shape = s->shape, .data = w};
    }
    rows[n] = (struct rn_tensor_out){
        .name = "h.0.attn.bias", .shape = RN_SHAPE(1, 1, 24, 24), .data = ones};
    rows[n + 1] =
        (struct rn_tensor_out){.name = "h.0.attn.masked_bias", .shape = {.n = 0}, .data = ones};
    rows[n + 2] = (struct rn_tensor_out){.name = stranger, .shape = RN_SHAPE(1), .data = ones};
    char *path = rn_join(dir, "model.safetensors");
    MUST(rn_safetensors_write(path, rows, n + (stranger ? 3 : 2), NULL, NULL, e));
    for (size_t i = 0; i < n; i++)
        free((void *)rows[i].data);
    free(rows);
    free(path);
}

Test(load, hugging_face_gpt2_without_prefix_and_with_buffers_loads)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, false);
    char *dir = temp_dir();
    struct rn_model *hf;
    write_hf_config(dir);
    write_hf_weights(f.model, dir, NULL);
    MUST(rn_model_load(&hf, dir, f.dev, false, e));
    cr_expect(same_weights(f.model, hf));
    rn_model_free(hf);
    drop(dir);
    fixture_free(&f);
}

Test(load, a_weight_nobody_knows_is_refused_by_name)
{
    struct rn_model_cfg c = small("gpt2");
    struct fixture f = fixture_new(&c, 1, false);
    char *dir = temp_dir();
    struct rn_model *hf;
    struct rn_err err = {0};
    write_hf_config(dir);
    write_hf_weights(f.model, dir, "h.3.ln_1.weight");
    cr_expect_eq(rn_model_load(&hf, dir, f.dev, false, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "h.3.ln_1.weight"), "%s", err.msg);
    drop(dir);
    fixture_free(&f);
}

Test(load, other_shapes_and_missing_weights_are_refused_by_name)
{
    struct rn_model_cfg c = small("nanochat-2025"), wider = c, deeper = c;
    struct fixture f = fixture_new(&c, 1, false);
    char *dir = temp_dir(), *path = rn_join(dir, "model.safetensors");
    MUST(rn_model_save_weights(f.model, path, NULL, e));
    wider.vocab_padded += 64;
    deeper.n_layer++;
    const struct {
        const struct rn_model_cfg *cfg;
        const char *says;
    } rows[] = {{&wider, "transformer.wte.weight' is 64x32, expected 128x32"},
                {&deeper, "lacks the weight 'transformer.h.3"}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_model *m;
        struct rn_err err = {0};
        MUST(rn_model_new(&m, rows[i].cfg, f.dev, false, e));
        cr_expect_eq(rn_model_load_weights(m, path, &err), RN_ECORRUPT);
        cr_expect(strstr(err.msg, rows[i].says), "%s", err.msg);
        rn_model_free(m);
    }
    free(path);
    drop(dir);
    fixture_free(&f);
}
