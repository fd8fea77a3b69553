#include "fetched.h"

#include <stdlib.h>

void rn_fetched_release(struct rn_fetched *got)
{
    free(got->path);
    got->path = NULL;
}

struct rn_fetched_words rn_fetched_tell(const struct rn_fetched *got,
                                        const struct rn_fetch_file *file,
                                        const struct rn_pins *lock)
{
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    bool pinned = got->trust == RN_TRUST_LOCK;
    return (struct rn_fetched_words){.state = got->from_cache ? "cached" : "fetched",
                                     .trust = rn_trust_word(pinned ? pin->trust : got->trust),
                                     .where = pin ? pin->host : ""};
}
