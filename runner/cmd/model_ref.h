/* model_ref.h - which model somebody means: RUN[:STAGE[@CHECKPOINT]] or a directory.
 *
 *     struct rn_model_ref m;
 *     RN_TRY(rn_model_ref_find(&m, runs, "smoke-1a2b3c4d:sft", tokenizer_option, err));
 *     use(m.model_dir, m.tokenizer_dir);
 *     rn_model_ref_release(&m);
 *
 * RUN without a stage means its last finished training stage. The tokenizer is the one whose digest
 * the model carries, found in the store beside the run; `--tokenizer DIR` names another. Only
 * reads. */
#ifndef RN_MODEL_REF_H
#define RN_MODEL_REF_H

#include "err.h"

struct rn_model_ref {
    char *model_dir;     /* holds config.json and model.safetensors */
    char *tokenizer_dir; /* a tokenizer directory, or a .tiktoken file named by the user */
};
/* RN_EUSAGE with a hint if there is no such run, stage, checkpoint or tokenizer. */
int rn_model_ref_find(struct rn_model_ref *, const char *runs, const char *text,
                      const char *tokenizer, struct rn_err *);
void rn_model_ref_release(struct rn_model_ref *);

#endif
