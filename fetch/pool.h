/* pool.h - a few threads for work that would hold up the wire: digests, proofs, syncs.
 *
 *     struct rn_pool *pool = rn_pool_new(2, wake, ctx);     called when some are finished
 *     rn_pool_add(pool, &job->task);                        task.work(&task) runs on some thread
 *     while ((task = rn_pool_next(pool))) ...               finished ones, in order of finishing
 *     rn_pool_free(pool);                                   waits for all of them */
#ifndef RN_POOL_H
#define RN_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Part of what it works on; alive and untouched until rn_pool_next gives it back. */
struct rn_task {
    void (*work)(struct rn_task *);
    bool alone;            /* no two of these at once: they would wait for each other */
    struct rn_task *after; /* the pool's own */
};

struct rn_pool;
/* wake may be NULL: called on some thread when tasks are finished that the owner does not know of;
 * soon, not at once, where more of those that are alone follow. */
struct rn_pool *rn_pool_new(int threads, void (*wake)(void *ctx), void *ctx);
void rn_pool_add(struct rn_pool *, struct rn_task *);
struct rn_task *rn_pool_next(struct rn_pool *);   /* NULL: none is finished now */
struct rn_task *rn_pool_wait(struct rn_pool *);   /* NULL: none is under way */
size_t rn_pool_under_way(const struct rn_pool *); /* added and not yet given back */
void rn_pool_free(struct rn_pool *);              /* takes NULL */

#endif
