#include "training_chat.h"

#include "mixture.h"

#include <stdlib.h>

static const char *const model_kinds[] = {"model", NULL};
static const char *const tokenizer_kinds[] = {"tokenizer", NULL};

const struct rn_key rn_training_chat_in_keys[] = {
    RN_KEY_REF(struct rn_training_cfg, in_model, "model", model_kinds, RN_REQUIRED,
               "to go on from"),
    RN_KEY_REF(struct rn_training_cfg, in_tokenizer, "tokenizer", tokenizer_kinds, RN_REQUIRED,
               "the one the model was trained with"),
    RN_KEYS_END};

struct data {
    const struct rn_log *log;
    const struct rn_tokenizer *tokenizer;
    enum rn_chat_kind form;
    struct rn_mixture *train, *val; /* val NULL: none */
};

void rn_training_chat_close(void *data)
{
    struct data *d = data;
    if (!d)
        return;
    rn_mixture_free(d->train);
    rn_mixture_free(d->val);
    free(d);
}

static int add_part(struct rn_job *job, struct rn_mixture *m, const struct rn_mixture_part *part,
                    struct rn_err *err)
{
    const struct rn_artifact *a = rn_job_artifact(job, &part->in);
    const char *name = rn_task_names[part->task];
    const char **paths = rn_artifact_paths(a);
    struct rn_task *task;
    int rc = rn_task_open(&task, name, part->split, paths, a->n_files, err);
    free(paths);
    RN_TRY(rc);
    rn_log(job->log, RN_INFO, "%s: %lld rows of %s, %lld of them used, %lld times", name,
           (long long)rn_task_rows(task), a->name,
           (long long)(part->rows >= 0 && part->rows < rn_task_rows(task) ? part->rows
                                                                          : rn_task_rows(task)),
           (long long)part->epochs);
    return rn_mixture_add(m, task, part->rows, part->epochs, err);
}

static int open_mixture(struct rn_job *job, const struct rn_list *parts, struct rn_mixture **out,
                        struct rn_err *err)
{
    const struct rn_mixture_part *part = parts->items;
    *out = NULL;
    if (parts->n == 0)
        return RN_OK;
    *out = rn_mixture_new();
    for (size_t i = 0; i < parts->n; i++)
        RN_TRY(add_part(job, *out, &part[i], err));
    rn_mixture_close(*out);
    return RN_OK;
}

int rn_training_chat_open(struct rn_job *job, const struct rn_training_cfg *c,
                          const struct rn_tokenizer *tokenizer, enum rn_chat_kind form, void **data,
                          struct rn_err *err)
{
    struct data *d = rn_new(struct data);
    *data = d;
    d->log = job->log;
    d->tokenizer = tokenizer;
    d->form = form;
    RN_TRY(open_mixture(job, &c->mixture, &d->train, err));
    return open_mixture(job, &c->val_mixture, &d->val, err);
}

static int loader(const struct data *d, const struct rn_mixture *m, int64_t B, int64_t T,
                  struct rn_loader **out, struct rn_err *err)
{
    struct rn_chat_form form = {.kind = d->form, .B = B, .T = T};
    return rn_loader_chat(out, m, d->tokenizer, &form, err);
}

int rn_training_chat_train(void *data, int64_t B, int64_t T, struct rn_loader **out,
                           struct rn_err *err)
{
    const struct data *d = data;
    return loader(d, d->train, B, T, out, err);
}

int rn_training_chat_val(void *data, int64_t B, int64_t T, struct rn_loader **out,
                         struct rn_err *err)
{
    const struct data *d = data;
    *out = NULL;
    return d->val ? loader(d, d->val, B, T, out, err) : RN_OK;
}

int rn_training_chat_one_pass(void *data, int64_t batch_tokens, int64_t T, int64_t *steps,
                              struct rn_err *err)
{
    const struct data *d = data;
    struct rn_chat_form form = {.kind = d->form, .B = batch_tokens / T, .T = T};
    struct rn_chat_pass pass;
    RN_TRY(rn_loader_chat_pass(d->train, d->tokenizer, &form, &pass, err));
    *steps = pass.batches;
    if (pass.cut || pass.left_out)
        rn_log(d->log, RN_WARN,
               "of %lld conversations %lld are longer than a row and cut, %lld have nothing to "
               "learn within it and are left out",
               (long long)rn_mixture_rows(d->train), (long long)pass.cut, (long long)pass.left_out);
    return RN_OK;
}
