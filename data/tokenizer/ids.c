#include "ids.h"

#include "mem.h"

#include <stdlib.h>

void rn_ids_push(struct rn_ids *ids, int32_t id)
{
    RN_PUSH(ids->p, ids->n, ids->cap, id);
}

void rn_ids_release(struct rn_ids *ids)
{
    free(ids->p);
    *ids = (struct rn_ids){0};
}
