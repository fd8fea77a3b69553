/* signs.h - what can be seen of a training from outside of its process.
 *
 *     struct rn_signs s = rn_no_signs;
 *     rn_signs_of_work(&s, &seen, work_dir);           its newest checkpoint, its disk
 *     rn_signs_of_keys(&s, kind->keys, cfg);           how often it should save
 *     rn_signs_of_gpus(&s, gauge);                     the cards, where somebody samples them
 *     rn_vigil_see(&vigil, &s, now_s); */
#ifndef RN_SIGNS_H
#define RN_SIGNS_H

#include "alerts.h"
#include "gauge.h"

/* The newest checkpoint that was seen, so that each is measured once. Zeroed: none. */
struct rn_seen_save {
    int64_t step;
    double size_bytes;
};

void rn_signs_of_work(struct rn_signs *, struct rn_seen_save *, const char *work_dir);
/* checkpoint.every and checkpoint.every_time; keys may be NULL. */
void rn_signs_of_keys(struct rn_signs *, const struct rn_key *keys, const void *cfg);
void rn_signs_of_gpus(struct rn_signs *, const struct rn_gauge *); /* takes NULL */

#endif
