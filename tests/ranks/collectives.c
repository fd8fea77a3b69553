/* test-collectives RANK-VARIABLE WORLD-VARIABLE: one rank of a world that makes each call of
 * kernels/comm.h and compares with what it should give. tests/e2e/ranks.sh starts them. */
#include "comm.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>

enum { SLAB = 700 * 1000 }; /* more than one round's piece for each of two owners */

static int wrong;

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "FAIL: %s\n", what);
    wrong = 1;
}

static float value(int rank, size_t i)
{
    return (float)(rank + 1) * 0.1f + (float)(i % 1013) * 1e-3f;
}

/* As one who adds in the order of the ranks has it, bit for bit. */
static float sum_of(int world, size_t i)
{
    float sum = value(0, i);
    for (int r = 1; r < world; r++)
        sum += value(r, i);
    return sum;
}

/* Ragged, with holes, not in turn; the last owner of a large world has nothing. */
static size_t lay_out(struct rn_comm_part *parts, int world)
{
    const struct rn_comm_part all[] = {{0, 1, 0},        {1, 7, 1},       {100, 300000, 0},
                                       {300200, 0, 1},   {300200, 99, 2}, {310000, 380000, 1},
                                       {690000, 9999, 0}};
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(all); i++)
        if (all[i].owner < world)
            parts[n++] = all[i];
    return n;
}

static int owner_of(const struct rn_comm_part *parts, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (i >= parts[k].at && i < parts[k].at + parts[k].n)
            return parts[k].owner;
    return -1;
}

static void try_slab(struct rn_comm *c, float *slab)
{
    struct rn_comm_part parts[8];
    int rank = rn_comm_rank(c), world = rn_comm_world(c);
    size_t n = lay_out(parts, world);
    bool mine = true, others = true, all = true;
    for (size_t i = 0; i < SLAB; i++)
        slab[i] = value(rank, i);
    expect(rn_comm_reduce(c, slab, parts, n, NULL, NULL) == RN_OK, "reduce");
    expect(rn_comm_finish(c, NULL) == RN_OK, "finish");
    for (size_t i = 0; i < SLAB; i++) {
        bool own = owner_of(parts, n, i) == rank;
        mine = mine && (!own || slab[i] == sum_of(world, i));
        others = others && (own || slab[i] == value(rank, i));
    }
    expect(mine, "an owner has the sum, in the order of the ranks");
    expect(others, "what is not one's own stays as it was");
    expect(rn_comm_gather(c, slab, parts, n, NULL, NULL) == RN_OK, "gather");
    expect(rn_comm_finish(c, NULL) == RN_OK, "finish");
    for (size_t i = 0; i < SLAB; i++) {
        float want = owner_of(parts, n, i) >= 0 ? sum_of(world, i) : value(rank, i);
        all = all && slab[i] == want;
    }
    expect(all, "everybody has everybody's parts, and the holes are untouched");
}

static void try_words(struct rn_comm *c)
{
    double v[2] = {rn_comm_rank(c) + 1, 0.25};
    int world = rn_comm_world(c), word = 1000 + rn_comm_rank(c);
    expect(rn_comm_sum(c, v, 2, NULL) == RN_OK, "sum");
    expect(v[0] == world * (world + 1) / 2.0 && v[1] == 0.25 * world, "sums of all ranks");
    double least = -1 - rn_comm_rank(c);
    expect(rn_comm_most(c, &least, 1, NULL) == RN_OK && least == -1, "the largest of all ranks");
    expect(rn_comm_tell(c, &word, sizeof word, NULL) == RN_OK, "tell");
    expect(word == 1000, "rank 0's word");
}

static int number(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (int)strtol(text, NULL, 10) : -1;
}

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    struct rn_comm *c;
    if (argc != 3)
        return 2;
    struct rn_comm_setup setup = {.seat = {.rank = number(argv[1]), .world = number(argv[2])},
                                  .device = "cpu"};
    if (rn_comm_open(&c, &setup, NULL, &err) != RN_OK) {
        rn_err_print(&err, stderr);
        return rn_code_exit(err.code);
    }
    float *slab = rn_xalloc(SLAB * sizeof *slab);
    try_slab(c, slab);
    try_words(c);
    free(slab);
    rn_comm_close(c);
    return wrong;
}
