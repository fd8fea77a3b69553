/* ids.h - a list of token ids that grows.
 *
 *     struct rn_ids ids = {0};
 *     rn_ids_push(&ids, id);
 *     rn_ids_release(&ids); */
#ifndef RN_IDS_H
#define RN_IDS_H

#include <stddef.h>
#include <stdint.h>

struct rn_ids {
    int32_t *p;
    size_t n, cap;
};
void rn_ids_push(struct rn_ids *, int32_t id);
void rn_ids_release(struct rn_ids *); /* empty again */

#endif
