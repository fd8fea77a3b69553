#include "peak.h"

#include "clock.h"
#include "mem.h"
#include "prog.h"
#include "rng.h"

#include <stdlib.h>

/* A product this long shows the machine, not the start of its threads. */
static const double long_enough_s = 1e-3;
enum { SIDE_MIN = 256, SIDE_MAX = 4096, RUNS = 3 };

/* Seconds of one product; 0 if the device cannot. */
static double best_of_runs(struct rn_device *device, struct rn_prog *p, const float *numbers)
{
    rn_val x = rn_prog_find(p, "x");
    double best_s = 1e9;
    for (int i = 0; i < RUNS; i++) {
        if (rn_prog_put(p, x, numbers, NULL) != RN_OK || rn_device_sync(device, NULL) != RN_OK)
            return 0;
        double start_s = rn_clock_s();
        if (rn_prog_run(p, NULL) != RN_OK || rn_device_sync(device, NULL) != RN_OK)
            return 0;
        double took_s = rn_clock_s() - start_s;
        best_s = took_s < best_s ? took_s : best_s;
    }
    return best_s;
}

static double measure(struct rn_device *device, struct rn_params *params, int64_t side,
                      enum rn_dtype compute, const float *numbers, double *flops)
{
    struct rn_prog *p = rn_prog_new(params);
    rn_prog_compute_in(p, compute);
    rn_val x = rn_prog_input(p, "x", RN_F32, RN_SHAPE(side, side)), w = rn_prog_weight(p, "w");
    rn_val operands[] = {x, w, RN_NONE};
    rn_prog_pin(p, rn_prog_op(p, RN_OP_LINEAR, "y", operands, 3, (struct rn_attrs){0}));
    double took_s = 0;
    if (rn_params_put(params, 0, numbers, NULL) == RN_OK && rn_prog_plan(p, NULL) == RN_OK)
        took_s = best_of_runs(device, p, numbers);
    *flops = took_s > 0 ? rn_prog_flops(p) / took_s : 0;
    rn_prog_free(p);
    return took_s;
}

static double measure_side(struct rn_device *device, int64_t side, enum rn_dtype compute,
                           double *flops)
{
    const struct rn_param_spec spec = {.name = "w", .shape = RN_SHAPE(side, side)};
    struct rn_params *params = NULL;
    void *numbers = NULL;
    size_t n = (size_t)side * (size_t)side;
    double took_s = 0;
    if (rn_try_alloc(&numbers, n, sizeof(float), "peak", NULL) == RN_OK &&
        rn_params_new(&params, device, &spec, 1, false, NULL) == RN_OK) {
        for (size_t i = 0; i < n; i++)
            ((float *)numbers)[i] = (float)rn_rand_unit(1, i) - 0.5f;
        took_s = measure(device, params, side, compute, numbers, flops);
    }
    rn_params_free(params);
    free(numbers);
    return took_s;
}

static double measured_flops(struct rn_device *device, enum rn_dtype compute)
{
    double flops = 0, took_s = 1e-9;
    for (int64_t side = SIDE_MIN; side <= SIDE_MAX && took_s > 0 && took_s < long_enough_s;
         side *= 2)
        took_s = measure_side(device, side, compute, &flops);
    return flops;
}

double rn_peak_flops(struct rn_device *device, enum rn_dtype compute)
{
    struct rn_device_stats s;
    rn_device_stats(device, &s);
    if (s.threads == 0)
        return compute == RN_BF16 ? s.bf16_flops : 0;
    return measured_flops(device, compute);
}

/* y = 2 x */
static double copy_s(struct rn_device *device, struct rn_params *nothing, const float *numbers,
                     int64_t n)
{
    struct rn_prog *p = rn_prog_new(nothing);
    rn_val x = rn_prog_input(p, "x", RN_F32, RN_SHAPE(n));
    rn_prog_pin(p, rn_prog_op(p, RN_OP_SCALE, "y", &x, 1, (struct rn_attrs){.f = {2}}));
    double took_s = rn_prog_plan(p, NULL) == RN_OK ? best_of_runs(device, p, numbers) : 0;
    rn_prog_free(p);
    return took_s;
}

double rn_peak_bytes(struct rn_device *device)
{
    struct rn_device_stats s;
    rn_device_stats(device, &s);
    /* As many numbers as no cache holds, and as no known GPU copies in a blink. */
    const int64_t N = s.bf16_flops > 0 ? 1 << 27 : 1 << 25;
    struct rn_params *nothing = NULL;
    void *numbers = NULL;
    double took_s = 0;
    if (rn_try_alloc(&numbers, (size_t)N, sizeof(float), "peak", NULL) == RN_OK &&
        rn_params_new(&nothing, device, NULL, 0, false, NULL) == RN_OK)
        took_s = copy_s(device, nothing, numbers, N);
    rn_params_free(nothing);
    free(numbers);
    return took_s > 0 ? 2.0 * (double)N * sizeof(float) / took_s : 0;
}
