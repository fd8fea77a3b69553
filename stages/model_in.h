/* model_in.h - a model as an input: does it fit the tokenizer beside it, how was it made?
 *
 *     RN_TRY(rn_model_in_check(rn_job_artifact(job, &c->model), tokenizer, err));
 *
 * A model that meets another tokenizer's ids answers wrongly at best, without any other sign. */
#ifndef RN_MODEL_IN_H
#define RN_MODEL_IN_H

#include "stage.h"
#include "tokenizer.h"

/* RN_ECORRUPT if the model was trained with another tokenizer, or has another number of tokens. */
int rn_model_in_check(const struct rn_artifact *model, const struct rn_tokenizer *,
                      struct rn_err *);
/* The file of weights behind a reference to a model or to fetched files, or behind a path of the
 * user's (a file, or a directory with model.safetensors): new. RN_ECONFIG: there is none. */
int rn_model_in_weights(const struct rn_job *, const struct rn_ref *, char **path, struct rn_err *);
/* Tokens of a step that the model was trained with, 0: unknown. */
int64_t rn_model_in_batch(const struct rn_artifact *model);

#endif
