/* model_use.h - a model, its tokenizer and a device, as the command line names them.
 *
 *     static const struct rn_opt opts[] = {RN_OPTS_SAMPLING, RN_OPTS_MODEL, {0}};
 *     struct rn_model_use m;
 *     RN_TRY(rn_model_use_open(&m, cli, rn_cli_arg(cli, 0), err));
 *     use(m.model, m.tokenizer);
 *     rn_model_use_close(&m); */
#ifndef RN_MODEL_USE_H
#define RN_MODEL_USE_H

#include "command.h"
#include "generate.h"
#include "options.h"

/* clang-format off */
#define RN_OPTS_MODEL                                                                             \
    {"tokenizer", 0, "DIR", "where it is not in the store"}, RN_OPT_DEVICE, RN_OPT_THREADS
#define RN_OPTS_SAMPLING                                                                          \
    {"max-tokens", 'n', "N", "tokens of an answer at most"},                                      \
    {"temperature", 0, "X", "0: always the most likely token"},                                   \
    {"top-k", 0, "N", "draw among so many most likely; 0: all (50)"},                             \
    {"top-p", 0, "X", "draw among the likeliest that together have this share; 1: all (1)"},      \
    {"seed", 0, "N", "of the draws (42)"}
/* clang-format on */

struct rn_model_use {
    struct rn_device *device;
    struct rn_tokenizer *tokenizer;
    struct rn_model *model;
};
/* text: a MODEL (model_ref.h). Nothing is held after an error. */
int rn_model_use_open(struct rn_model_use *, const struct rn_cli *, const char *text,
                      struct rn_err *);
void rn_model_use_close(struct rn_model_use *);

/* What the options say; absent ones leave max_tokens and temperature as they are. RN_EUSAGE. */
int rn_sampling_options(const struct rn_cli *, struct rn_sampling *, struct rn_err *);

#endif
