#include "footprint.h"

#include "apart.h"
#include "mem.h"
#include "optim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static double limit_of_host(void)
{
    const double share = 0.8; /* other programs live here, too */
    double least = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    struct rlimit space;
    least = number_in("/sys/fs/cgroup/memory.max", least);
    least = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", least);
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        (double)space.rlim_cur < least)
        least = (double)space.rlim_cur;
    return share * least;
}

/* A GPU's own memory, which holds nothing of the host's; or the host's, which its ranks share. */
static void judge(struct rn_footprint *f, const struct rn_device *dev, const struct rn_comm *comm)
{
    const double share = 0.95; /* the rest is the driver's and the libraries' */
    struct rn_device_stats s;
    rn_device_stats(dev, &s);
    f->limit = limit_of_host() / rn_comm_local_world(comm);
    f->sharing = (double)rn_comm_bytes(comm);
    if (s.bytes_all > 0) {
        f->limit = share * (double)s.bytes_all;
        f->sharing = rn_comm_on_device(comm) ? f->sharing : 0;
        f->other = 0;
    }
}

/* --- both --- */

static int measure(struct rn_footprint *f, struct rn_model *m, const struct rn_device *dev,
                   const struct rn_footprint_of *what, struct rn_err *err)
{
    rn_model_compute_in(m, what->compute);
    rn_model_fp8(m, &what->fp8);
    rn_model_recompute(m, what->recompute);
    rn_model_deterministic(m, what->deterministic);
    measure_weights(f, m);
    RN_TRY(measure_training(f, m, what->rows, err));
    RN_TRY(measure_optimizer(f, m, what->comm, err));
    if (what->eval_rows > 0)
        RN_TRY(measure_evaluation(f, m, what->eval_rows, err));
    judge(f, dev, what->comm);
    f->total = f->weights + f->gradients + f->optimizer + f->activations + f->evaluation +
               f->sharing + f->other;
    return RN_OK;
}

int rn_footprint_on(struct rn_footprint *f, struct rn_device *dev,
                    const struct rn_footprint_of *what, struct rn_err *err)
{
    struct rn_model *m;
    *f = (struct rn_footprint){0};
    RN_TRY(rn_model_sketch(&m, what->model, dev, err));
    int rc = measure(f, m, dev, what, err);
    rn_model_free(m);
    return rc;
}

/* --- apart --- */

struct question {
    const char *device;
    int threads;
    const struct rn_footprint_of *what;
};

struct answer {
    int rc;
    struct rn_footprint f;
    struct rn_err err;
};

static void measure_here(void *answer, void *ctx)
{
    const struct question *q = ctx;
    struct answer *a = answer;
    struct rn_device *dev;
    a->rc = rn_device_open(&dev, q->device, q->threads, NULL, &a->err);
    if (a->rc != RN_OK)
        return;
    struct rn_footprint_of what = *q->what;
    if (what.ranks > 0)
        a->rc = rn_comm_sketch(&what.comm, q->device, what.ranks, &a->err);
    if (a->rc == RN_OK)
        a->rc = rn_footprint_on(&a->f, dev, &what, &a->err);
    if (what.ranks > 0)
        rn_comm_close(what.comm);
    rn_device_close(dev);
}

int rn_footprint_apart(struct rn_footprint *f, const char *device, int threads,
                       const struct rn_footprint_of *what, struct rn_err *err)
{
    struct question q = {device, threads, what};
    struct answer a;
    *f = (struct rn_footprint){0};
    if (!rn_apart(measure_here, &q, &a, sizeof a))
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "the memory that is needed cannot be measured");
    *f = a.f;
    return a.rc == RN_OK ? RN_OK : rn_fail_as(err, &a.err);
}
