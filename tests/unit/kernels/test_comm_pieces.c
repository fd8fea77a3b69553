/* Parts of a slab as rounds of equal pieces: each float goes out once, and back to its place. */
#include "comm_pieces.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SLAB = 100, WORLD = 3 };

/* Ragged, empty, with holes and not in turn; rank 2 has nothing. */
static const struct rn_comm_part parts[] = {{0, 7, 0},   {7, 1, 1},   {20, 0, 1},
                                            {20, 30, 1}, {60, 10, 0}, {90, 10, 1}};
enum { N = sizeof parts / sizeof *parts, LONGEST = 41 };

static void copy(void *ctx, float *to, const float *from, size_t n)
{
    (void)ctx;
    memcpy(to, from, n * sizeof *to);
}

static int owner_of(size_t i)
{
    for (size_t k = 0; k < N; k++)
        if (i >= parts[k].at && i < parts[k].at + parts[k].n)
            return parts[k].owner;
    return -1;
}

Test(comm_pieces, carry_each_float_once_and_back_to_its_place)
{
    static const size_t most[] = {1, 6, 40, 41, 1000};
    for (size_t m = 0; m < sizeof most / sizeof *most; m++) {
        float from[SLAB], to[SLAB], piece[SLAB];
        struct rn_pieces p;
        for (size_t i = 0; i < SLAB; i++) {
            from[i] = (float)i;
            to[i] = -1;
        }
        rn_pieces_init(&p, parts, N, WORLD, most[m]);
        cr_expect(p.size <= most[m] && p.size * p.rounds >= LONGEST && p.rounds <= LONGEST);
        for (size_t k = 0; k < p.rounds; k++)
            for (int r = 0; r < WORLD; r++) {
                rn_pieces_take(&p, r, from, piece, copy, NULL);
                rn_pieces_put(&p, r, to, piece, copy, NULL);
            }
        rn_pieces_release(&p);
        for (size_t i = 0; i < SLAB; i++)
            cr_expect(to[i] == (owner_of(i) < 0 ? -1 : (float)i), "pieces of %zu: float %zu is %g",
                      most[m], i, (double)to[i]);
    }
}

Test(comm_pieces, of_nothing_are_no_rounds)
{
    struct rn_pieces p;
    rn_pieces_init(&p, parts, 0, WORLD, 8);
    cr_expect_eq(p.rounds, 0);
    rn_pieces_release(&p);
}
