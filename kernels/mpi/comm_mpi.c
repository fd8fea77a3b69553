/* Open MPI as a comm: parts of a slab travel in rounds of one piece for each owner.
 *
 *     reduce    a round sends each owner the next piece of its parts (all to all); it adds up what
 *               comes in the order of the ranks. As many bytes as a ring, and a stated order.
 *     gather    a round gives everybody the next piece of every owner's parts.
 */
#include "borders.h"
#include "comm_backend.h"
#include "comm_pieces.h"
#include "mem.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MAX = 1 << 18 }; /* floats: 1 MiB of each rank in a round */

struct mpi {
    const struct rn_host *host;
    MPI_Comm comm;
    int rank, world;
    float *out, *in; /* world pieces each */
};

/* --- calls and their ends --- */

static int failed(const struct mpi *m, const char *what, int code, struct rn_err *err)
{
    char why[MPI_MAX_ERROR_STRING] = "";
    int n;
    MPI_Error_string(code, why, &n);
    return m->host->fail(err, RN_EPEER, RN_NOWHERE, "MPI cannot %s: %s", what, why);
}

/* rc is of the call that began the request. */
static int end_of(const struct mpi *m, const char *what, int rc, MPI_Request *request,
                  struct rn_err *err)
{
    int done = 0;
    for (long polls = 0; rc == MPI_SUCCESS && !done; polls++) {
        rc = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (!done)
            rn_comm_nap(polls);
    }
    return rc == MPI_SUCCESS ? RN_OK : failed(m, what, rc, err);
}

/* --- slabs --- */

static void copy(void *ctx, float *to, const float *from, size_t n)
{
    (void)ctx;
    memcpy(to, from, n * sizeof *to);
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

static int reduce_round(struct mpi *m, struct rn_pieces *p, float *slab, struct rn_err *err)
{
    MPI_Request request;
    for (int r = 0; r < m->world; r++)
        rn_pieces_take(p, r, slab, m->out + (size_t)r * p->size, copy, NULL);
    int begun = MPI_Ialltoall(m->out, (int)p->size, MPI_FLOAT, m->in, (int)p->size, MPI_FLOAT,
                              m->comm, &request);
    RN_TRY(end_of(m, "add up", begun, &request, err));
    add_up(m->in, m->world, p->size);
    rn_pieces_put(p, m->rank, slab, m->in, copy, NULL);
    return RN_OK;
}

static int mpi_reduce(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                      void *after, struct rn_err *err)
{
    struct mpi *m = ctx;
    struct rn_pieces p;
    int rc = RN_OK;
    RN_ASSERT(!after); /* slabs of the host are ready */
    rn_pieces_init(&p, parts, n, m->world, PIECE_MAX);
    for (size_t k = 0; k < p.rounds && rc == RN_OK; k++)
        rc = reduce_round(m, &p, slab, err);
    rn_pieces_release(&p);
    return rc;
}

static int gather_round(struct mpi *m, struct rn_pieces *p, float *slab, struct rn_err *err)
{
    MPI_Request request;
    rn_pieces_take(p, m->rank, slab, m->out, copy, NULL);
    int begun = MPI_Iallgather(m->out, (int)p->size, MPI_FLOAT, m->in, (int)p->size, MPI_FLOAT,
                               m->comm, &request);
    RN_TRY(end_of(m, "gather", begun, &request, err));
    for (int r = 0; r < m->world; r++)
        rn_pieces_put(p, r, slab, m->in + (size_t)r * p->size, copy, NULL);
    return RN_OK;
}

static int mpi_gather(void *ctx, float *slab, const struct rn_comm_part *parts, size_t n,
                      void *after, struct rn_err *err)
{
    struct mpi *m = ctx;
    struct rn_pieces p;
    int rc = RN_OK;
    RN_ASSERT(!after);
    rn_pieces_init(&p, parts, n, m->world, PIECE_MAX);
    for (size_t k = 0; k < p.rounds && rc == RN_OK; k++)
        rc = gather_round(m, &p, slab, err);
    rn_pieces_release(&p);
    return rc;
}

/* Libraries move on only while they are called: what was asked for was waited for at once. */
static int mpi_finish(void *ctx, struct rn_err *err)
{
    (void)ctx;
    (void)err;
    return RN_OK;
}

static int mpi_hear(void *ctx, const double *mine, size_t n, double *all, struct rn_err *err)
{
    struct mpi *m = ctx;
    MPI_Request request;
    int rc = MPI_Iallgather(mine, (int)n, MPI_DOUBLE, all, (int)n, MPI_DOUBLE, m->comm, &request);
    return end_of(m, "hear all ranks", rc, &request, err);
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

static size_t mpi_room_bytes(int world)
{
    return 2 * (size_t)world * PIECE_MAX * sizeof(float);
}

static int mpi_open(void **ctx, const struct rn_host *host, const struct rn_comm_setup *setup,
                    int card, struct rn_err *err)
{
    int level, began;
    (void)card;
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
    .ops_digest = RN_BORDERS_DIGEST,
    .name = "mpi",
    .room_bytes = mpi_room_bytes,
    .open = mpi_open,
    .close = mpi_close,
    .reduce = mpi_reduce,
    .gather = mpi_gather,
    .finish = mpi_finish,
    .hear = mpi_hear,
    .tell = mpi_tell,
};

rn_comm_plugin_open_fn rn_comm_plugin_open;

const struct rn_comm_backend *rn_comm_plugin_open(const struct rn_host *host, struct rn_err *err)
{
    return rn_host_fits(host, err) ? &backend : NULL;
}
