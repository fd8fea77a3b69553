/* What a training stage would cost, for `plan`: from the configuration alone, nothing is built. */
#include "checkpoint.h"
#include "model_in.h"
#include "path.h"
#include "sizing.h"
#include "tokens_in.h"
#include "training_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A JSON file beside an artifact's other files; NULL while the artifact does not exist. */
static json_t *document_of(const struct rn_artifact *a, const char *name)
{
    json_t *doc = NULL;
    char *path = a ? rn_join(a->dir, name) : NULL;
    if (!path || rn_json_read(path, 64 << 20, &doc, NULL) != RN_OK)
        doc = NULL;
    free(path);
    return doc;
}

static bool model_before(const struct rn_job *job, const struct rn_training_cfg *c,
                         struct rn_model_cfg *mc)
{
    json_t *doc = document_of(rn_job_artifact(job, &c->in_model), "config.json");
    bool known = doc && rn_model_cfg_from_json(mc, doc, NULL) == RN_OK;
    json_decref(doc);
    return known;
}

/* The tokenizer's size, or what it is going to be. */
static int64_t vocab_size(const struct rn_job *job, const struct rn_ref *tokenizer)
{
    const struct rn_estimate *expected = rn_job_expected(job, tokenizer);
    json_t *doc = document_of(rn_job_artifact(job, tokenizer), "tokenizer.json");
    int64_t n = rn_json_int(doc, "vocab_size", expected ? expected->vocab_size : 0);
    json_decref(doc);
    return n;
}

static bool new_model(const struct rn_job *job, const struct rn_training_cfg *c,
                      struct rn_model_cfg *mc)
{
    struct rn_model_shape_request shape = c->shape;
    shape.vocab_size = vocab_size(job, &c->in_tokenizer);
    return shape.vocab_size > 0 &&
           rn_model_cfg_fill(mc, rn_arch_names[c->arch], &shape, NULL) == RN_OK;
}

/* The model that would be built or continued; false while that is not known. */
static bool model_of(const struct rn_job *job, const struct rn_training_cfg *c,
                     const struct rn_training_kind *kind, struct rn_model_cfg *mc)
{
    return kind->continues ? model_before(job, c, mc) : new_model(job, c, mc);
}

int64_t rn_training_batch(const struct rn_job *job, const struct rn_training_cfg *c,
                          const struct rn_training_kind *kind, const struct rn_model_cfg *mc)
{
    struct rn_training_defaults rules = kind->defaults(mc);
    int64_t inherited = 0;
    if (c->batch_tokens > 0)
        return c->batch_tokens;
    if (rules.batch_rows > 0)
        return rules.batch_rows * mc->sequence_len;
    if (rules.inherits_batch)
        inherited = rn_model_in_batch(rn_job_artifact(job, &c->in_model));
    return inherited > 0 ? inherited : rn_scaling_batch(mc);
}

/* The checkpoint that the training would take up, as far as it shows without reading gigabytes. */
static void look_at_own(const struct rn_job *job, struct rn_estimate *e)
{
    struct rn_err why = {0};
    struct rn_ckpt own = {.dir = job->work_dir,
                          .key = job->key,
                          .steps = e->steps,
                          .memo = job->memo,
                          .glance = !job->rehash};
    if (rn_ckpt_find(&own, NULL, &e->resume_step, &why) != RN_OK)
        rn_copy_text(e->stuck, sizeof e->stuck, why.msg);
}

/* The newest step of trainings that differ in their horizon alone, where there is nothing else. */
static void look_at_earlier(const struct rn_job *job, const struct rn_schedule *schedule,
                            struct rn_estimate *e)
{
    for (size_t i = 0; i < job->n_earlier; i++) {
        int64_t step = rn_training_shared_step(job, &job->earlier[i], schedule, e->steps);
        if (step > e->resume_step) {
            e->resume_step = step;
            e->resume_key = job->earlier[i].key;
        }
        if (e->resume_step < 0)
            e->restart_key = job->earlier[i].key;
    }
    if (e->resume_step >= 0)
        e->restart_key = NULL;
}

/* What the file says by itself, while tokenizer or base model do not exist. */
static void estimate_steps(const struct rn_training_cfg *c, const struct rn_horizon *h,
                           struct rn_estimate *e)
{
    e->steps = h->steps;
    e->tokens = (double)h->steps * (double)c->batch_tokens;
}

/* Of the rows that the file asks for. Where they are left open or do not fit, *fitting is how many
 * would, 0 if none; where they are left open, need is of those. */
static void measure_memory(const struct rn_job *job, const struct rn_training_cfg *c,
                           const struct rn_model_cfg *mc, int64_t step_rows,
                           struct rn_footprint *need, int64_t *fitting)
{
    struct rn_footprint f;
    int64_t rows = rn_training_rows_asked(c, step_rows);
    for (bool first = true; rows > 0; first = false) {
        struct rn_footprint_of how = rn_training_footprint_of(c, mc, rows);
        how.ranks = job->ranks;
        if (rn_footprint_apart(&f, job->device, job->threads, &how, NULL) != RN_OK)
            return;
        if (first || c->device_rows == 0)
            *need = f;
        *fitting = f.total <= f.limit ? rows : 0;
        if (*fitting > 0)
            return;
        rows = rows > 1 ? rn_training_divisor(step_rows, rows - 1) : 0;
    }
}

static void note_what_does_not_fit(struct rn_estimate *e, const struct rn_footprint *need,
                                   int64_t fitting)
{
    char all[32], limit[32], fits[48] = "";
    if (need->total <= need->limit)
        return;
    if (fitting > 0)
        snprintf(fits, sizeof fits, "; 'batch.device_rows: %" PRId64 "' fits", fitting);
    snprintf(e->note, sizeof e->note, "%s of memory are needed, a training may take %s here%s",
             rn_show_bytes(all, need->total), rn_show_bytes(limit, need->limit), fits);
}

/* Unless there is worse to say. */
static void note_precision(const struct rn_training_cfg *c, const struct rn_model_cfg *mc,
                           struct rn_estimate *e)
{
    if (*e->note)
        return;
    if (c->fp8_refused)
        snprintf(e->note, sizeof e->note, "products in %s, %s", rn_precision_words[c->precision],
                 c->precision_why);
    if (!c->fp8.on)
        return;
    int64_t layers = rn_model_fp8_layers(mc, &c->fp8, mc->sequence_len);
    rn_training_fp8_tell(c, layers, e->note, sizeof e->note);
}

/* A card's memory is asked of the card. */
static void note_unmeasured(const struct rn_job *job, struct rn_estimate *e)
{
    if (!*e->note && !(e->memory_bytes > 0))
        snprintf(e->note, sizeof e->note, "what it takes of memory is told where device '%s' is",
                 job->device);
}

static void estimate_model(const struct rn_job *job, const struct rn_training_cfg *c,
                           const struct rn_model_cfg *mc, const struct rn_horizon *h,
                           struct rn_estimate *e)
{
    enum { MORE = 2 }; /* than rolling ones: the best, and the one being written */
    struct rn_sizing s;
    int64_t batch = rn_training_batch(job, c, job->kind->own, mc);
    int64_t rows = batch / mc->sequence_len / (job->ranks > 0 ? job->ranks : 1);
    struct rn_sizing_ask ask = {.batch_tokens = batch};
    if (h)
        ask.horizon = *h;
    bool known = rn_sizing_of(&s, mc, &ask, NULL) == RN_OK && h;
    int64_t fitting = 0;
    if (rows > 0)
        measure_memory(job, c, mc, rows, &s.memory, &fitting);
    e->params = s.params;
    e->memory_bytes = s.memory.total;
    e->weights_bytes = s.memory.weights + s.memory.gradients;
    e->optimizer_bytes = s.memory.optimizer;
    e->activation_bytes = s.memory.activations;
    e->ranks_bytes = s.memory.sharing;
    e->disk_bytes = s.checkpoint_bytes * (double)(c->checkpoint_keep + MORE);
    note_what_does_not_fit(e, &s.memory, fitting);
    if (rows > 0)
        note_precision(c, mc, e);
    note_unmeasured(job, e);
    e->steps = known ? s.steps : 0;
    e->tokens = known ? s.tokens : 0;
    e->flops = known ? s.flops : 0;
}

int rn_training_estimate(const struct rn_job *job, const void *cfg, struct rn_estimate *e,
                         struct rn_err *err)
{
    (void)err;
    const struct rn_training_cfg *c = cfg;
    const struct rn_training_kind *kind = job->kind->own;
    struct rn_model_cfg mc;
    struct rn_horizon h;
    bool known = rn_training_horizon(c, kind, 0, &h);
    rn_tokens_in_note(rn_job_artifact(job, &c->in_tokens), e->note);
    if (!model_of(job, c, kind, &mc)) {
        estimate_steps(c, &h, e);
        look_at_own(job, e);
        return RN_OK;
    }
    estimate_model(job, c, &mc, known ? &h : NULL, e);
    look_at_own(job, e);
    struct rn_schedule schedule = rn_training_schedule(c, kind, &mc);
    if (e->resume_step < 0 && !*e->stuck)
        look_at_earlier(job, &schedule, e);
    return RN_OK;
}
