/* facts.h - what a run is, as three flat maps from a dotted key to a text or number.
 *
 *     struct rn_facts f;
 *     RN_TRY(rn_facts_read(&f, "runs/smoke-1a2b3c4d", err));
 *     json_object_get(f.config, "stages.base.seed")        "42"
 *     json_object_get(f.results, "base.val_bpb")           0.2359
 *     rn_facts_release(&f); */
#ifndef RN_FACTS_H
#define RN_FACTS_H

#include "json.h"

struct rn_facts {
    json_t *config;  /* every value of resolved.yaml but the tag */
    json_t *data;    /* STAGE.OUTPUT: digest */
    json_t *results; /* STAGE.METRIC: final value */
};
/* RN_ECORRUPT, RN_EIO: resolved.yaml; the maps can be released all the same. */
int rn_facts_read(struct rn_facts *, const char *run_dir, struct rn_err *);
void rn_facts_release(struct rn_facts *);
/* The first of them alone: added to an object. */
int rn_facts_config(json_t *into, const char *run_dir, struct rn_err *);

/* Rows {"part", "key", "a", "b", "change"} for what is not the same, part by part: config, data,
 * result. A new array. */
json_t *rn_facts_differences(const struct rn_facts *a, const struct rn_facts *b);

#endif
