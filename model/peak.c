#include "peak.h"

#include "file.h"
#include "mem.h"
#include "prog.h"
#include "rng.h"

#include <stdlib.h>

enum { SIDE = 1024, RUNS = 6 };

static double best_of_runs(struct rn_prog *p, const float *numbers)
{
    rn_val x = rn_prog_find(p, "x");
    double best_s = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start_s = rn_clock_s();
        if (rn_prog_put(p, x, numbers, NULL) != RN_OK || rn_prog_run(p, NULL) != RN_OK)
            return 0;
        double took_s = rn_clock_s() - start_s;
        best_s = took_s < best_s ? took_s : best_s;
    }
    return rn_prog_flops(p) / best_s;
}

static double measure(struct rn_params *params, const float *numbers)
{
    struct rn_prog *p = rn_prog_new(params);
    rn_val x = rn_prog_input(p, "x", RN_F32, RN_SHAPE(SIDE, SIDE)), w = rn_prog_weight(p, "w");
    rn_val operands[] = {x, w, RN_NONE};
    rn_prog_pin(p, rn_prog_op(p, RN_OP_LINEAR, "y", operands, 3, (struct rn_attrs){0}));
    double flops = 0;
    if (rn_params_put(params, 0, numbers, NULL) == RN_OK && rn_prog_plan(p, NULL) == RN_OK)
        flops = best_of_runs(p, numbers);
    rn_prog_free(p);
    return flops;
}

double rn_peak_flops(struct rn_device *device)
{
    const struct rn_param_spec spec = {.name = "w", .shape = RN_SHAPE(SIDE, SIDE)};
    struct rn_params *params = NULL;
    void *numbers = NULL;
    double flops = 0;
    if (rn_try_alloc(&numbers, (size_t)SIDE * SIDE, sizeof(float), "peak", NULL) == RN_OK &&
        rn_params_new(&params, device, &spec, 1, false, NULL) == RN_OK) {
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
            ((float *)numbers)[i] = (float)rn_rand_unit(1, i) - 0.5f;
        flops = measure(params, numbers);
    }
    rn_params_free(params);
    free(numbers);
    return flops;
}
