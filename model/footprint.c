#include "footprint.h"

#include "file.h"
#include "mem.h"
#include "optim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Code, libraries with their buffers, tokenizer, shards at hand, batches. */
static const double PROGRAM = 40 << 20;

/* --- measuring --- */

static int measure_training(struct rn_footprint *f, struct rn_model *m, int64_t rows,
                            struct rn_err *err)
{
    struct rn_train_prog p;
    RN_TRY(rn_model_train_prog(m, rows, rn_model_config(m)->sequence_len, &p, err));
    f->activations = (double)rn_prog_bytes(p.prog);
    rn_prog_free(p.prog);
    return RN_OK;
}

static int measure_evaluation(struct rn_footprint *f, struct rn_model *m, int64_t rows,
                              struct rn_err *err)
{
    struct rn_score_prog p;
    RN_TRY(rn_model_score_prog(m, rows, rn_model_config(m)->sequence_len, &p, err));
    f->evaluation = (double)rn_prog_bytes(p.prog);
    rn_prog_free(p.prog);
    return RN_OK;
}

static int measure_optimizer(struct rn_footprint *f, struct rn_model *m, struct rn_comm *comm,
                             struct rn_err *err)
{
    struct rn_optim_cfg cfg = RN_OPTIM_DEFAULTS;
    cfg.comm = comm;
    struct rn_optim *o;
    RN_TRY(rn_optim_new(&o, m, &cfg, err));
    f->optimizer = (double)rn_optim_bytes(o);
    rn_optim_free(o);
    return RN_OK;
}

static void measure_weights(struct rn_footprint *f, const struct rn_model *m)
{
    struct rn_params *ps = rn_model_params(m);
    double largest = 0;
    for (size_t i = 0; i < rn_params_count(ps); i++) {
        const struct rn_param_spec *s = rn_params_spec(ps, i);
        double bytes = (double)rn_elems(s->shape) * sizeof(float);
        f->weights += (double)rn_elems(s->shape) * (double)rn_dtype_bytes(s->dtype);
        f->gradients += bytes;
        largest = bytes > largest ? bytes : largest;
    }
    f->other = PROGRAM + largest;
}

static int measure(struct rn_footprint *f, struct rn_model *m, const struct rn_footprint_of *what,
                   struct rn_err *err)
{
    rn_model_compute_in(m, what->compute);
    rn_model_recompute(m, what->recompute);
    measure_weights(f, m);
    RN_TRY(measure_training(f, m, what->rows, err));
    RN_TRY(measure_optimizer(f, m, what->comm, err));
    if (what->eval_rows > 0)
        RN_TRY(measure_evaluation(f, m, what->eval_rows, err));
    f->total = f->weights + f->gradients + f->optimizer + f->activations + f->evaluation + f->other;
    return RN_OK;
}

int rn_footprint_on(struct rn_footprint *f, struct rn_device *dev,
                    const struct rn_footprint_of *what, struct rn_err *err)
{
    struct rn_model *m;
    *f = (struct rn_footprint){0};
    RN_TRY(rn_model_sketch(&m, what->model, dev, err));
    int rc = measure(f, m, what, err);
    rn_model_free(m);
    return rc;
}

/* --- apart --- */

struct answer {
    int rc;
    struct rn_footprint f;
    struct rn_err err;
};

static struct answer measure_here(const char *device, int threads,
                                  const struct rn_footprint_of *what)
{
    struct answer a = {0};
    struct rn_device *dev;
    a.rc = rn_device_open(&dev, device, threads, NULL, &a.err);
    if (a.rc != RN_OK)
        return a;
    a.rc = rn_footprint_on(&a.f, dev, what, &a.err);
    rn_device_close(dev);
    return a;
}

/* An answer fits into a pipe: nobody waits for its reader. */
_Static_assert(sizeof(struct answer) <= 4096, "PIPE_BUF");

static bool receive(int from, struct answer *a)
{
    ssize_t n;
    do
        n = read(from, a, sizeof *a);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *a;
}

static _Noreturn void answer_and_end(int to, const char *device, int threads,
                                     const struct rn_footprint_of *what)
{
    struct answer a = measure_here(device, threads, what);
    _exit(write(to, &a, sizeof a) == (ssize_t)sizeof a ? 0 : 1);
}

int rn_footprint_apart(struct rn_footprint *f, const char *device, int threads,
                       const struct rn_footprint_of *what, struct rn_err *err)
{
    int pipe_fd[2];
    struct answer a;
    *f = (struct rn_footprint){0};
    if (pipe(pipe_fd) != 0)
        return rn_fail(err, RN_EIO, RN_NOWHERE, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        answer_and_end(pipe_fd[1], device, threads, what);
    close(pipe_fd[1]);
    bool told = pid > 0 && receive(pipe_fd[0], &a);
    close(pipe_fd[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!told)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "the memory that is needed cannot be measured");
    *f = a.f;
    return a.rc == RN_OK ? RN_OK : rn_fail_as(err, &a.err);
}

/* --- what there is --- */

/* The number that stands in a file; `most` if there is none ("max"). */
static double number_in(const char *path, double most)
{
    char text[64], *end;
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    double value = strtod(text, &end);
    return end != text && value < most ? value : most;
}

double rn_footprint_limit(void)
{
    const double share = 0.8;
    double least = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    struct rlimit space;
    least = number_in("/sys/fs/cgroup/memory.max", least);
    least = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", least);
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        (double)space.rlim_cur < least)
        least = (double)space.rlim_cur;
    return share * least;
}

double rn_footprint_limit_on(const struct rn_device *dev, const struct rn_comm *comm)
{
    const double share = 0.95; /* the rest is the driver's and the libraries' */
    struct rn_device_stats s;
    rn_device_stats(dev, &s);
    if (s.bytes_all > 0)
        return share * (double)s.bytes_all;
    return rn_footprint_limit() / rn_comm_local_world(comm);
}
