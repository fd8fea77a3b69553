/* ring.h - the last values of a number, and what is usual among them.
 *
 *     struct rn_ring r;
 *     rn_ring_init(&r, 128);
 *     if (rn_ring_z(&r, loss) > 6)                    NaN until it is full: false
 *         complain();
 *     rn_ring_add(&r, loss);
 *     rn_ring_release(&r); */
#ifndef RN_RING_H
#define RN_RING_H

#include <stdbool.h>
#include <stddef.h>

struct rn_ring {
    double *values; /* owned */
    size_t size, n_seen;
};

void rn_ring_init(struct rn_ring *, size_t size); /* at least 1 */
void rn_ring_release(struct rn_ring *);           /* safe when zeroed */
void rn_ring_add(struct rn_ring *, double value); /* over the oldest, when it is full */
void rn_ring_clear(struct rn_ring *);
size_t rn_ring_n(const struct rn_ring *); /* how many it holds */
bool rn_ring_is_full(const struct rn_ring *);
double rn_ring_nth(const struct rn_ring *, size_t i); /* from the oldest, 0, to the newest */

/* The upper of the two in the middle; of the newest n at most. NaN when it is empty. A spike does
 * not move it. */
double rn_ring_median(const struct rn_ring *, size_t newest);
/* Standard deviations above the mean of what it holds; NaN unless it is full and they differ. Added
 * up from the oldest on: a ring that was filled again with the same values gives the same bits. */
double rn_ring_z(const struct rn_ring *, double value);

#endif
