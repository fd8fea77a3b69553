/* Open MPI as a comm: parts of a slab travel in rounds of one piece for each owner.
 *
 *     reduce    a round sends each owner the next piece of its parts (all to all); it adds up what
 *               comes in the order of the ranks. As many bytes as a ring, and a stated order.
 *     gather    a round gives everybody the next piece of every owner's parts.
 *
 * Waiting polls with ever longer naps: an evaluation of rank 0 may take an hour, and ranks may be
 * more than processors. */
#include "comm_backend.h"
#include "mem.h"

#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE_MAX = 1 << 18 }; /* floats: 1 MiB of each rank in a round */

struct mpi {
    const struct rn_host *host;
    MPI_Comm comm;
    int rank, world;
    float *out, *in; /* world pieces each */
    double *sums;    /* RN_RANKS_MAX of each rank */
};

/* --- calls and their ends --- */

static int failed(const struct mpi *m, const char *what, int code, struct rn_err *err)
{
    char why[MPI_MAX_ERROR_STRING] = "";
    int n;
    MPI_Error_string(code, why, &n);
    return m->host->fail(err, RN_EPEER, RN_NOWHERE, "MPI cannot %s: %s", what, why);
}

static void nap(long polls)
{
    enum { EAGER = 2000, SHORT_NS = 20 * 1000, LONG_NS = 1000 * 1000, PATIENT = 20 * 1000 };
    struct timespec t = {.tv_nsec = polls < PATIENT ? SHORT_NS : LONG_NS};
    if (polls < EAGER)
        sched_yield();
    else
        nanosleep(&t, NULL);
}

/* rc is of the call that began the request. */
static int end_of(const struct mpi *m, const char *what, int rc, MPI_Request *request,
                  struct rn_err *err)
{
    int done = 0;
    for (long polls = 0; rc == MPI_SUCCESS && !done; polls++) {
        rc = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (!done)
            nap(polls);
    }
    return rc == MPI_SUCCESS ? RN_OK : failed(m, what, rc, err);
}

/* --- parts --- */

struct cursor { /* through the parts of one owner */
    const struct rn_comm_part *parts;
    size_t n, i, at;
    int owner;
};

static struct cursor cursor_of(int owner, const struct rn_comm_part *parts, size_t n)
{
    return (struct cursor){.parts = parts, .n = n, .owner = owner};
}

/* The next run of floats, at most `most`; 0: there are no more. */
static size_t next_run(struct cursor *c, size_t most, size_t *at)
{
    while (c->i < c->n && (c->parts[c->i].owner != c->owner || c->at == c->parts[c->i].n)) {
        c->i++;
        c->at = 0;
    }
    if (c->i == c->n)
        return 0;
    size_t left = c->parts[c->i].n - c->at, n = left < most ? left : most;
    *at = c->parts[c->i].at + c->at;
    c->at += n;
    return n;
}

static void take(struct cursor *c, const float *slab, float *piece, size_t n_piece)
{
    size_t at, n;
    for (size_t k = 0; k < n_piece && (n = next_run(c, n_piece - k, &at)) > 0; k += n)
        memcpy(piece + k, slab + at, n * sizeof *piece);
}

static void put(struct cursor *c, float *slab, const float *piece, size_t n_piece)
{
    size_t at, n;
    for (size_t k = 0; k < n_piece && (n = next_run(c, n_piece - k, &at)) > 0; k += n)
        memcpy(slab + at, piece + k, n * sizeof *piece);
}

/* What the owner with the most has to move, in rounds of *piece floats. */
static size_t rounds_of(const struct mpi *m, const struct rn_comm_part *parts, size_t n,
                        size_t *piece)
{
    size_t most = 0;
    for (int r = 0; r < m->world; r++) {
        size_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += parts[i].owner == r ? parts[i].n : 0;
        most = sum > most ? sum : most;
    }
    *piece = most < PIECE_MAX ? most : PIECE_MAX;
    return *piece ? (most + *piece - 1) / *piece : 0;
}

static struct cursor *cursors_of(const struct mpi *m, const struct rn_comm_part *parts, size_t n)
{
    struct cursor *c = rn_xalloc((size_t)m->world * sizeof *c);
    for (int r = 0; r < m->world; r++)
        c[r] = cursor_of(r, parts, n);
    return c;
}

/* The first piece becomes the sum of all, rank by rank. */
static void add_up(float *pieces, int world, size_t n_piece)
{
    for (int r = 1; r < world; r++) {
        const float *more = pieces + (size_t)r * n_piece;
        for (size_t i = 0; i < n_piece; i++)
            pieces[i] += more[i];
    }
}

static int mpi_reduce(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                      struct rn_err *err)
{
    struct mpi *m = ctx;
    size_t piece, rounds = rounds_of(m, parts, n, &piece);
    struct cursor *from = cursors_of(m, parts, n), mine = cursor_of(m->rank, parts, n);
    int rc = RN_OK;
    for (size_t k = 0; k < rounds && rc == RN_OK; k++) {
        MPI_Request request;
        for (int r = 0; r < m->world; r++)
            take(&from[r], slab, m->out + (size_t)r * piece, piece);
        int begun = MPI_Ialltoall(m->out, (int)piece, MPI_FLOAT, m->in, (int)piece, MPI_FLOAT,
                                  m->comm, &request);
        rc = end_of(m, "add up", begun, &request, err);
        if (rc != RN_OK)
            break;
        add_up(m->in, m->world, piece);
        put(&mine, slab, m->in, piece);
    }
    free(from);
    return rc;
}

static int mpi_gather(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                      struct rn_err *err)
{
    struct mpi *m = ctx;
    size_t piece, rounds = rounds_of(m, parts, n, &piece);
    struct cursor *to = cursors_of(m, parts, n), mine = cursor_of(m->rank, parts, n);
    int rc = RN_OK;
    for (size_t k = 0; k < rounds && rc == RN_OK; k++) {
        MPI_Request request;
        take(&mine, slab, m->out, piece);
        int begun = MPI_Iallgather(m->out, (int)piece, MPI_FLOAT, m->in, (int)piece, MPI_FLOAT,
                                   m->comm, &request);
        rc = end_of(m, "gather", begun, &request, err);
        for (int r = 0; r < m->world && rc == RN_OK; r++)
            put(&to[r], slab, m->in + (size_t)r * piece, piece);
    }
    free(to);
    return rc;
}

static int mpi_sum(void *ctx, double *values, size_t n, struct rn_err *err)
{
    struct mpi *m = ctx;
    MPI_Request request;
    RN_ASSERT(n <= RN_RANKS_MAX);
    int rc =
        MPI_Iallgather(values, (int)n, MPI_DOUBLE, m->sums, (int)n, MPI_DOUBLE, m->comm, &request);
    RN_TRY(end_of(m, "add up", rc, &request, err));
    memcpy(values, m->sums, n * sizeof *values);
    for (int r = 1; r < m->world; r++)
        for (size_t i = 0; i < n; i++)
            values[i] += m->sums[(size_t)r * n + i];
    return RN_OK;
}

static int mpi_tell(void *ctx, void *bytes, size_t size_bytes, struct rn_err *err)
{
    struct mpi *m = ctx;
    MPI_Request request;
    RN_ASSERT(size_bytes <= PIECE_MAX);
    int rc = MPI_Ibcast(bytes, (int)size_bytes, MPI_BYTE, 0, m->comm, &request);
    return end_of(m, "hear rank 0", rc, &request, err);
}

/* --- open and close --- */

static void mpi_close(void *ctx)
{
    struct mpi *m = ctx;
    MPI_Comm_free(&m->comm);
    MPI_Finalize();
    free(m->out);
    free(m->in);
    free(m->sums);
    free(m);
}

static int check_seat(const struct mpi *m, const struct rn_comm_seat *seat, struct rn_err *err)
{
    if (m->world == seat->world && m->rank == seat->rank)
        return RN_OK;
    rn_hint(err, "start the processes by mpirun, or by srun --mpi=pmix");
    return m->host->fail(err, RN_EPEER, RN_NOWHERE,
                         "MPI sees rank %d of %d here, the launcher said rank %d of %d", m->rank,
                         m->world, seat->rank, seat->world);
}

static int mpi_open(void **ctx, const struct rn_host *host, const struct rn_comm_setup *setup,
                    struct rn_err *err)
{
    int level, began;
    struct mpi *m = rn_new(struct mpi);
    m->host = host;
    *ctx = NULL;
    MPI_Initialized(&began);
    if (!began)
        MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level); /* ends the process if it fails */
    MPI_Comm_dup(MPI_COMM_WORLD, &m->comm);
    MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(m->comm, &m->rank);
    MPI_Comm_size(m->comm, &m->world);
    size_t pieces = (size_t)m->world * PIECE_MAX;
    m->sums = rn_xalloc((size_t)m->world * RN_RANKS_MAX * sizeof *m->sums);
    int rc = rn_try_alloc((void **)&m->out, pieces, sizeof *m->out, "room for messages", err);
    if (rc == RN_OK)
        rc = rn_try_alloc((void **)&m->in, pieces, sizeof *m->in, "room for messages", err);
    if (rc == RN_OK)
        rc = check_seat(m, &setup->seat, err);
    if (rc == RN_OK)
        *ctx = m;
    else
        mpi_close(m);
    return rc;
}

static const struct rn_comm_backend backend = {
    .abi = RN_ABI,
    .size_bytes = sizeof(struct rn_comm_backend),
    .ops_digest = RUNNEL_OPS_DIGEST,
    .name = "mpi",
    .open = mpi_open,
    .close = mpi_close,
    .reduce = mpi_reduce,
    .gather = mpi_gather,
    .sum = mpi_sum,
    .tell = mpi_tell,
};

rn_comm_plugin_open_fn rn_comm_plugin_open;

const struct rn_comm_backend *rn_comm_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    return rn_host_fits(host, err) ? &backend : NULL;
}
