/* comm_pieces.h - parts of a slab, ragged and scattered, as rounds of equal pieces: for the
 * plugins behind comm_backend.h, whose libraries move one piece of the same size for each rank.
 *
 *     struct rn_pieces p;
 *     rn_pieces_init(&p, parts, n, world, most);
 *     for (size_t k = 0; k < p.rounds; k++) {
 *         for (int r = 0; r < world; r++)
 *             rn_pieces_take(&p, r, slab, out + r * p.size, copy, ctx);    the next p.size floats
 *         ... reduce and scatter out, into in ...
 *         rn_pieces_put(&p, rank, slab, in, copy, ctx);                    back where they lay
 *     }
 *     rn_pieces_release(&p);
 *
 * Taking and putting go through each owner's parts on their own. An owner whose parts end before
 * the rounds do leaves the rest of its piece as it is. */
#ifndef RN_COMM_PIECES_H
#define RN_COMM_PIECES_H

#include "comm.h"

/* n floats; in which memory they lie is the caller's business. */
typedef void rn_piece_copy(void *ctx, float *to, const float *from, size_t n);

struct rn_pieces {
    const struct rn_comm_part *parts; /* borrowed */
    size_t n;
    size_t size, rounds; /* floats of a piece; size * rounds holds all that any owner has */
    struct rn_piece_cursor *taken, *put; /* of each owner */
};
/* Pieces of at most `most` floats. */
void rn_pieces_init(struct rn_pieces *, const struct rn_comm_part *, size_t n, int world,
                    size_t most);
void rn_pieces_take(struct rn_pieces *, int owner, const float *slab, float *piece, rn_piece_copy *,
                    void *ctx);
void rn_pieces_put(struct rn_pieces *, int owner, float *slab, const float *piece, rn_piece_copy *,
                   void *ctx);
void rn_pieces_release(struct rn_pieces *);

/* A pause between two looks at what other ranks have to finish, longer after more of them: it may
 * take an hour, and ranks may be more than processors. */
void rn_comm_nap(long looks);

#endif
