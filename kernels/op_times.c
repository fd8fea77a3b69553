#include "op_times.h"

#include "clock.h"
#include "prog_impl.h"

#include <stdlib.h>

void rn_prog_time_ops(struct rn_prog *p, struct rn_op_times *times)
{
    p->times = times;
}

/* --- what an op moves --- */

static double bytes_of(const struct rn_prog *p, const rn_val *v, int n, unsigned present)
{
    double bytes = 0;
    for (int i = 0; i < n; i++)
        if (v[i] != RN_NONE && (present >> i & 1))
            bytes += (double)rn_value_bytes(rn_value_at(p, v[i]));
    return bytes;
}

/* Of a table only the rows that are looked up are touched: as much as the result. */
static double op_bytes(const struct rn_prog *p, const struct rn_op *op)
{
    const struct rn_opdef *def = rn_opdefs[op->kind];
    unsigned whole = ~(unsigned)def->looks_up;
    double bytes = bytes_of(p, op->x, RN_MAX_IN, op->reads_x & whole) +
                   bytes_of(p, op->y, RN_MAX_OUT, op->reads_y) +
                   bytes_of(p, op->dx, RN_MAX_IN, whole) + bytes_of(p, op->dy, RN_MAX_OUT, ~0u);
    if (def->looks_up)
        bytes += bytes_of(p, op->bwd ? op->dy : op->y, 1, ~0u);
    return bytes + bytes_of(p, op->x, RN_MAX_IN, op->bwd ? 0 : def->writes) + /* read and written */
           bytes_of(p, op->dx, RN_MAX_IN, op->acc & whole);
}

/* --- running --- */

/* By the host's clock, for a device that has none. */
static int run_one_by_one(const struct rn_prog *p, int first, int end, double *took_s,
                          struct rn_err *err)
{
    const struct rn_backend *be = p->dev->be;
    for (int i = first; i < end; i++) {
        double start_s = rn_clock_s();
        RN_TRY(be->run(p->dev->ctx, p->plan, (size_t)i, 1, err));
        RN_TRY(be->sync(p->dev->ctx, err));
        *took_s++ = rn_clock_s() - start_s;
    }
    return RN_OK;
}

static void add_op(const struct rn_prog *p, const struct rn_op *op, double took_s)
{
    struct rn_op_time *t = &p->times->of[op->kind][op->bwd];
    t->time_s += took_s;
    t->calls++;
    t->flops += rn_op_flops(p, op);
    t->bytes += op_bytes(p, op);
}

int rn_prog_run_timed(struct rn_prog *p, int first, int end, struct rn_err *err)
{
    const struct rn_backend *be = p->dev->be;
    double *took_s = rn_xalloc((size_t)(end - first + 1) * sizeof *took_s);
    int rc = be->run_timed ? be->run_timed(p->dev->ctx, p->plan, (size_t)first,
                                           (size_t)(end - first), took_s, err)
                           : run_one_by_one(p, first, end, took_s, err);
    for (int i = first; i < end && rc == RN_OK; i++)
        add_op(p, &p->ops[i], took_s[i - first]);
    free(took_s);
    return rc;
}

/* --- telling --- */

struct rn_op_time rn_op_times_of(const struct rn_op_times *times, int kind)
{
    const struct rn_op_time *f = &times->of[kind][0], *b = &times->of[kind][1];
    return (struct rn_op_time){f->calls + b->calls, f->time_s + b->time_s, f->flops + b->flops,
                               f->bytes + b->bytes};
}

struct row {
    const char *name, *direction;
    struct rn_op_time t;
};

static int longest_first(const void *a, const void *b)
{
    double x = ((const struct row *)a)->t.time_s, y = ((const struct row *)b)->t.time_s;
    return (x < y) - (x > y);
}

static int rows_of(const struct rn_op_times *times, struct row *rows, double *all_s)
{
    int n = 0;
    *all_s = 0;
    for (int kind = 0; kind < RN_OP_COUNT; kind++)
        for (int bwd = 0; bwd < 2; bwd++) {
            const struct rn_op_time *t = &times->of[kind][bwd];
            if (t->calls == 0)
                continue;
            rows[n++] = (struct row){rn_op_names[kind], bwd ? "backward" : "forward", *t};
            *all_s += t->time_s;
        }
    qsort(rows, (size_t)n, sizeof *rows, longest_first);
    return n;
}

static void print_share(FILE *out, double rate, double peak)
{
    if (peak > 0)
        fprintf(out, " %4.0f %%", 100 * rate / peak);
    else
        fprintf(out, "      -");
}

void rn_op_times_print(const struct rn_op_times *times, const struct rn_peaks *peaks, FILE *out)
{
    struct row rows[2 * RN_OP_COUNT];
    double all_s;
    int n = rows_of(times, rows, &all_s);
    fprintf(out, "%-17s %-9s %8s %10s %7s %9s %7s %8s %7s\n", "op", "", "calls", "ms", "share",
            "GFLOP/s", "of peak", "GB/s", "of peak");
    for (int i = 0; i < n; i++) {
        const struct rn_op_time *t = &rows[i].t;
        double s = t->time_s > 0 ? t->time_s : 1e-9;
        fprintf(out, "%-17s %-9s %8lld %10.2f %5.1f %% %9.1f", rows[i].name, rows[i].direction,
                (long long)t->calls, t->time_s * 1e3, 100 * t->time_s / all_s, t->flops / s / 1e9);
        print_share(out, t->flops / s, peaks->flops);
        fprintf(out, "  %8.1f", t->bytes / s / 1e9);
        print_share(out, t->bytes / s, peaks->bytes);
        fputc('\n', out);
    }
    fprintf(out, "peaks: %.1f GFLOP/s in products, %.1f GB/s of memory\n", peaks->flops / 1e9,
            peaks->bytes / 1e9);
}
