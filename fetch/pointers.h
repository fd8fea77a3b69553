/* pointers.h - files of which a git-lfs pointer came: where their objects are is asked of
 * their repositories, for many at once.
 *
 *     rn_pointers_add(&p, &(struct rn_pointer){.api_url = api, .want.lfs = lfs, .tag = e}, now_s);
 *     if (rn_pointers_due(&p, idle, now_s)) rn_pointers_send(&p, fetcher, pool);
 *     ... when the pool gives p.task back:
 *     for (size_t i = 0; i < p.n_out; i++) ... p.out[i].want, p.out[i].tag ...
 *     rn_pointers_end(&p);
 *
 * Pointers come one after the other and are gathered for a moment: a question costs a round trip,
 * and servers count questions. One is under way at a time. */
#ifndef RN_POINTERS_H
#define RN_POINTERS_H

#include "fetcher.h"
#include "lfs_api.h"
#include "pool.h"

struct rn_pointer {
    const char *api_url; /* lives until the answer */
    enum rn_auth auth;   /* whose secrets the API may see */
    struct rn_lfs_want want;
    void *tag;
};

struct rn_pointers {
    struct rn_task task;
    const struct rn_fetcher *f;
    struct rn_pointer *waiting, out[RN_LFS_AT_ONCE]; /* out: under way, all of one API */
    size_t n_waiting, cap_waiting, n_out;
    double since_s; /* the first of them waits */
};

void rn_pointers_add(struct rn_pointers *, const struct rn_pointer *, double now_s);
/* idle: nothing else is going on that could bring more of them. */
bool rn_pointers_due(const struct rn_pointers *, bool idle, double now_s);
void rn_pointers_send(struct rn_pointers *, const struct rn_fetcher *, struct rn_pool *);
void rn_pointers_end(struct rn_pointers *);
void rn_pointers_release(struct rn_pointers *); /* none is under way; safe on zeroes */

#endif
