/* Timing by op: counts everything, changes nothing. */
#include "mini.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Test(op_times, count_every_op_and_change_no_bit)
{
    struct mini timed, plain;
    struct rn_op_times times = {0};
    size_t n, m;
    mini_init(&timed, 2, 2, 20, true);
    mini_init(&plain, 2, 2, 20, true);
    rn_prog_time_ops(timed.prog, &times);
    mini_step(&timed);
    mini_step(&plain);
    int64_t calls = 0;
    double flops = 0, time_s = 0;
    for (int kind = 0; kind < RN_OP_COUNT; kind++) {
        struct rn_op_time t = rn_op_times_of(&times, kind);
        calls += t.calls, flops += t.flops, time_s += t.time_s;
        cr_expect(t.calls == 0 || t.bytes > 0, "%s moves nothing", rn_op_names[kind]);
    }
    cr_expect_eq(calls, timed.prog->n_ops);
    cr_expect(fabs(flops / rn_prog_flops(timed.prog) - 1) <= 1e-12);
    cr_expect_gt(time_s, 0);
    float *a = mini_weights(&timed, &n), *b = mini_weights(&plain, &m);
    cr_expect_eq(memcmp(a, b, n * sizeof *a), 0);
    free(a);
    free(b);
    mini_release(&timed);
    mini_release(&plain);
}

Test(op_times, stop_when_nobody_asks_any_more)
{
    struct mini m;
    struct rn_op_times times = {0};
    mini_init(&m, 1, 1, 6, true);
    rn_prog_time_ops(m.prog, &times);
    rn_prog_time_ops(m.prog, NULL);
    mini_step(&m);
    cr_expect_eq(rn_op_times_of(&times, RN_OP_LINEAR).calls, 0);
    mini_release(&m);
}

Test(op_times, rows_that_are_looked_up_are_counted_not_the_table)
{
    struct rn_device *dev;
    struct rn_params *ps;
    struct rn_err err = {0};
    const struct rn_param_spec spec = {"table", RN_SHAPE(1000, 8)};
    struct rn_op_times times = {0};
    must(rn_device_open(&dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&ps, dev, &spec, 1, false, &err), &err);
    struct rn_prog *p = rn_prog_new(ps);
    rn_val x[] = {rn_prog_input(p, "ids", RN_I32, RN_SHAPE(3)), rn_prog_weight(p, "table")};
    rn_prog_pin(p, rn_prog_op(p, RN_OP_EMBED, "y", x, 2, (struct rn_attrs){{0}, {0}}));
    must(rn_prog_plan(p, &err), &err);
    rn_prog_time_ops(p, &times);
    must(rn_prog_run(p, &err), &err);
    cr_expect_eq((int)rn_op_times_of(&times, RN_OP_EMBED).bytes, 3 * 4 + 2 * 3 * 8 * 4);
    rn_prog_free(p);
    rn_params_free(ps);
    rn_device_close(dev);
}

Test(op_times, are_printed_longest_first_with_their_share_of_the_peaks)
{
    struct rn_op_times times = {0};
    struct rn_peaks peaks = {.flops = 4e9, .bytes = 0};
    char text[2048] = "";
    times.of[RN_OP_GELU][0] = (struct rn_op_time){3, 0.25, 0, 1e9};
    times.of[RN_OP_LINEAR][1] = (struct rn_op_time){2, 0.75, 1.5e9, 3e9};
    FILE *out = fmemopen(text, sizeof text, "w");
    rn_op_times_print(&times, &peaks, out);
    fclose(out);
    const char *linear = strstr(text, "linear"), *gelu = strstr(text, "gelu");
    cr_assert(linear && gelu && linear < gelu, "%s", text);
    cr_expect(strstr(text, "75.0 %       2.0   50 %       4.0      -"), "%s", text);
}

/* --- on a GPU, whose stand-in needs a millisecond for each kernel --- */

static long waits(void)
{
    struct rn_err err = {0};
    char *path = rn_plugin_path("cuda-emu");
    void *entry;
    long (*count)(void);
    must(rn_plugin_load("cuda-emu", path, "emu_waits", &entry, &err), &err);
    memcpy(&count, &entry, sizeof count);
    free(path);
    return count();
}

/* y = gelu(x), the sum of its squares, and that and x's together. */
static struct rn_prog *gelu_and_squares(struct rn_params *ps)
{
    struct rn_err err = {0};
    struct rn_prog *p = rn_prog_new(ps);
    rn_val x = rn_prog_weight(p, "x");
    rn_val y = rn_prog_op(p, RN_OP_GELU, "gelu", &x, 1, (struct rn_attrs){0});
    rn_val sum = rn_prog_op(p, RN_OP_SUMSQ, "first", &y, 1, (struct rn_attrs){0});
    rn_val both[] = {x, sum};
    rn_prog_pin(p, rn_prog_op(p, RN_OP_SUMSQ, "both", both, 2, (struct rn_attrs){0}));
    rn_prog_together(p, 2);
    must(rn_prog_plan(p, &err), &err);
    return p;
}

Test(op_times, are_a_gpu_s_own_and_it_is_waited_for_once)
{
    struct rn_err err = {0};
    struct rn_device *dev;
    struct rn_params *ps;
    const struct rn_param_spec spec = {"x", RN_SHAPE(100, 8)};
    struct rn_op_times times = {0};
    if (rn_device_find("cuda-emu", &err) != RN_OK)
        cr_skip_test("SKIP: built without the CUDA toolkit, a GPU's clock is not tested");
    must(rn_device_open(&dev, "cuda-emu", 1, NULL, &err), &err);
    must(rn_params_new(&ps, dev, &spec, 1, false, &err), &err);
    struct rn_prog *p = gelu_and_squares(ps);
    rn_prog_time_ops(p, &times);
    long before = waits();
    must(rn_prog_run(p, &err), &err);
    cr_expect_eq(waits() - before, 1);
    struct rn_op_time gelu = rn_op_times_of(&times, RN_OP_GELU);
    struct rn_op_time squares = rn_op_times_of(&times, RN_OP_SUMSQ);
    cr_expect(gelu.calls == 1 && gelu.time_s > 0.001 && gelu.time_s < 0.002);
    cr_expect(squares.calls == 2 && squares.time_s > 0.002 && squares.time_s < 0.004);
    must(rn_prog_run(p, &err), &err);
    cr_expect_eq(rn_op_times_of(&times, RN_OP_SUMSQ).calls, 4);
    rn_prog_free(p);
    rn_params_free(ps);
    rn_device_close(dev);
}
