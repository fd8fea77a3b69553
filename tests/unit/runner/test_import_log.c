/* Logs of other programs become runs. */
#include "../scratch.h"
#include "curves.h"
#include "foreign_log.h"
#include "import_log.h"
#include "mem.h"
#include "page.h"
#include "path.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(import_log, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static double value(const struct rn_foreign_line *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->values[i].name, name) == 0)
            return l->values[i].value;
    return NAN;
}

Test(import_log, lines_of_other_programs_are_read)
{
    static const struct {
        const char *line;
        int64_t step, total;
        const char *name;
        double value;
    } cases[] = {
        {"step 00004/71680 (0.01%) | loss: 8.813754 | grad norm: 0.1680 | lrm: 1.00 | "
         "dt: 1571.88ms | tok/sec: 83,385 | mfu: 50.92 | total time: 0.00m",
         4, 71680, "tok_per_sec", 83385},
        {"step 00012/05000 (0.24%) | loss: 7.1 | lrm: 0.30 | dt: 210.50ms | tok/sec: 2,490,000 | "
         "bf16_mfu: 47.50 | epoch: 1 pq: 0 rg: 8 | total time: 0.04m | eta: 9.9m",
         12, 5000, "mfu", 47.5},
        {"Step 00250 | Validation bpb: 0.812345", 250, 0, "val_bpb", 0.812345},
        {"Step 02000 | CORE metric: 0.2004", 2000, 0, "core", 0.2004},
        {"Step 00007/00700 | Training loss: 1.25 | lrm: 0.99 | num_tokens: 12,345", 7, 700, "loss",
         1.25},
        {"step  123/19560 | loss 3.456789 (+0.12z)| norm 0.2345 (-1.20z)| lr 6.00e-04 | "
         "301.25 ms | 47.3% bf16 MFU | 1740123 tok/s",
         123, 19560, "dt_ms", 301.25},
        {"s:250 trl:3.4567 lr:0.000600 norm:0.31", 250, 0, "lr", 0.0006},
        {"s:250 tel:3.5000", 250, 0, "val_loss", 3.5},
        {"val loss 3.284912", -1, 0, "val_loss", 3.284912},
        {"HellaSwag: 2900/10042 = 0.288787", -1, 0, "hellaswag", 0.288787},
        {"250 hella 0.2463", 250, 0, "hellaswag", 0.2463},
        {"step     5 | loss: 9.34 | lr 4.1958e-06 | norm: 7.2 | dt: 0.34s | tok/sec: 1548011.9", 5,
         0, "dt_ms", 340},
    };
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        struct rn_foreign_line l;
        cr_expect_eq(rn_foreign_line_read(&l, cases[i].line), RN_FOREIGN_STEP, "%s", cases[i].line);
        cr_expect(l.step == cases[i].step && l.total == cases[i].total, "%s", cases[i].line);
        cr_expect(fabs(value(&l, cases[i].name) - cases[i].value) < 1e-9, "%s: %g", cases[i].line,
                  value(&l, cases[i].name));
    }
}

Test(import_log, broken_lines_are_told_from_other_ones)
{
    static const char *const broken[] = {
        "step 00004/71680 (0.01%) | loss: 8.8step 00005/71680 (0.01%) | loss: 8.7 | lrm: 1.00",
        "step 00004/71680 (0.01%) | loss: | grad norm: 0.1",
        "step 00004/71680 (0.01%) | loss: ### | grad norm: 0.1",
        "s:250 trl:",
        "250 val abc",
    };
    static const char *const other[] = {"", "step by step", "Saving checkpoint to /x/step_000250",
                                        "2026-01-01 12:00:00 INFO 250 files", "250 trainers"};
    struct rn_foreign_line l;
    for (size_t i = 0; i < RN_COUNT(broken); i++)
        cr_expect_eq(rn_foreign_line_read(&l, broken[i]), RN_FOREIGN_BROKEN, "%s", broken[i]);
    for (size_t i = 0; i < RN_COUNT(other); i++)
        cr_expect_eq(rn_foreign_line_read(&l, other[i]), RN_FOREIGN_OTHER, "%s", other[i]);
}

static void log_steps(struct rn_str *s, int from, int to, int total)
{
    for (int i = from; i < to; i++)
        rn_str_printf(s,
                      "step %05d/%05d (0.00%%) | loss: %.6f | grad norm: 0.1 | lrm: 1.00 | "
                      "dt: 500.00ms | tok/sec: 1,000 | mfu: 50.00 | total time: 0.00m\n",
                      i, total, 5.0 - 0.01 * i);
}

/* A base training that was killed at 60 and went on from 50, then a mid-training cut short. */
Test(import_log, a_log_of_several_trainings_becomes_a_run)
{
    struct rn_str log = {0};
    struct rn_import in;
    struct rn_err err = {0};
    log_steps(&log, 0, 60, 100);
    rn_str_puts(&log, "Traceback (most recent call last):\nstep 00060/00100 (60%) | loss: \n");
    log_steps(&log, 50, 100, 100);
    rn_str_puts(&log, "Step 00100 | Validation bpb: 0.9\n");
    log_steps(&log, 0, 30, 40);
    scratch_text("speedrun.log", log.p);
    char *path = rn_join(dir, "speedrun.log"), *run = rn_join(dir, "runs/speedrun");
    cr_assert_eq(rn_import_read(&in, (const char *const *)&path, 1, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(in.n, 2);
    cr_assert_eq(in.n_broken, 1);
    cr_assert(in.stages[0].last == 99 && in.stages[0].n_resumed == 1);
    cr_assert(in.stages[1].last == 29 && in.stages[1].total == 40);
    cr_assert_eq(rn_import_write(&in, run, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_import_write(&in, run, &err), RN_EUSAGE, "a run is never overwritten");
    rn_import_release(&in);

    struct rn_curves c;
    cr_assert_eq(rn_curves_read(&c, run, "base", NULL), RN_OK);
    cr_assert_eq(c.n, 101, "each step once, and the validation after the last");
    rn_curves_release(&c);
    struct rn_str page = {0};
    cr_assert_eq(rn_page_write(&page, (const char *const *)&run, 1, &err), RN_OK, "%s", err.msg);
    cr_assert(strstr(page.p, "interrupted"));
    rn_str_release(&page);
    rn_str_release(&log);
    free(run);
    free(path);
}
