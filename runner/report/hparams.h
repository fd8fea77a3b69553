/* hparams.h - the settings of a stage, as TensorBoard's HPARAMS page lists them.
 *
 *     struct rn_hparams h;
 *     rn_hparams_of(&h, config, "base");          config: rn_facts_config
 *     rn_tfevents_hparams(&s, time_s, h.items, h.n);
 *     rn_hparams_release(&h);                     before config */
#ifndef RN_HPARAMS_H
#define RN_HPARAMS_H

#include "json.h"
#include "tfevents.h"

struct rn_hparams {
    struct rn_hparam *items; /* texts are the config's */
    size_t n, cap;
};
/* Values of stages.STAGE, but inputs and what is not set; numbers where they are numbers. */
void rn_hparams_of(struct rn_hparams *, json_t *config, const char *stage);
void rn_hparams_release(struct rn_hparams *);

#endif
