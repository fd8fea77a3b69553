/* Parts of weights: ops on them read and write those elements, and a rank alone has them all. */
#include "mini.h"
#include "shares.h"

#include <criterion/criterion.h>

enum { N = 300, CUT = RN_PART_ALIGN };

struct bench {
    struct rn_device *dev;
    struct rn_params *ps;
    struct rn_prog *p;
};

static void set_up(struct bench *b)
{
    static const struct rn_param_spec specs[] = {{"v", {1, {7}}}, {"w", {2, {3, 100}}}};
    struct rn_err err = {0};
    float values[N];
    for (int i = 0; i < N; i++)
        values[i] = (float)i;
    must(rn_device_open(&b->dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&b->ps, b->dev, specs, 2, true, &err), &err);
    must(rn_params_put(b->ps, 1, values, &err), &err);
    b->p = rn_prog_new(b->ps);
}

static void tear_down(struct bench *b)
{
    rn_prog_free(b->p);
    rn_params_free(b->ps);
    rn_device_close(b->dev);
}

Test(shares, an_op_on_a_part_sees_its_elements_alone)
{
    struct bench b;
    struct rn_err err = {0};
    float got;
    double want = 0;
    set_up(&b);
    rn_val x = rn_prog_weight_part(b.p, "w", CUT, N - CUT);
    rn_val y = rn_prog_op(b.p, RN_OP_SUMSQ, "part", &x, 1, (struct rn_attrs){0});
    rn_prog_pin(b.p, y);
    must(rn_prog_plan(b.p, &err), &err);
    must(rn_prog_run(b.p, &err), &err);
    must(rn_prog_get(b.p, y, &got, &err), &err);
    for (int i = CUT; i < N; i++)
        want += (double)i * i;
    cr_expect((double)got == want, "%g, expected %g", (double)got, want);
    tear_down(&b);
}

Test(shares, all_of_a_weight_is_the_weight)
{
    struct bench b;
    set_up(&b);
    cr_expect_eq(rn_prog_weight_part(b.p, "w", 0, N), rn_prog_weight(b.p, "w"));
    cr_expect_eq(rn_prog_weight_grad_part(b.p, "w", 0, N), rn_prog_weight_grad(b.p, "w"));
    tear_down(&b);
}

Test(shares, a_part_lies_where_its_weight_does)
{
    struct bench b;
    set_up(&b);
    struct rn_comm_part whole = rn_params_part(b.ps, 1, 0, N, 0);
    struct rn_comm_part rest = rn_params_part(b.ps, 1, CUT, N - CUT, 3);
    cr_expect_geq(whole.at, 7);
    cr_expect(rest.at == whole.at + CUT && rest.n == N - CUT && rest.owner == 3);
    tear_down(&b);
}

/* Two numbers lie where one float would. */
Test(shares, a_part_of_a_narrow_weight_is_half_as_long_and_its_gradients_are_not)
{
    static const struct rn_param_spec specs[] = {{"v", {1, {7}}, RN_BF16},
                                                 {"w", {1, {N + 1}}, RN_BF16}};
    struct rn_device *dev;
    struct rn_params *ps;
    struct rn_err err = {0};
    must(rn_device_open(&dev, "cpu", 1, NULL, &err), &err);
    must(rn_params_new(&ps, dev, specs, 2, true, &err), &err);
    struct rn_comm_part whole = rn_params_part(ps, 1, 0, N + 1, 0);
    struct rn_comm_part rest = rn_params_part(ps, 1, CUT, N + 1 - CUT, 3);
    cr_expect(whole.n == N / 2 + 1 && rest.at == whole.at + CUT / 2, "the odd one counts whole");
    cr_expect_eq(rest.at + rest.n, whole.at + whole.n);
    struct rn_comm_part grads = rn_params_grad_part(ps, 1, CUT, N + 1 - CUT, 3);
    cr_expect_eq(grads.at, rn_params_grad_part(ps, 1, 0, N + 1, 0).at + CUT);
    cr_expect_eq(grads.n, N + 1 - CUT);
    rn_params_free(ps);
    rn_device_close(dev);
}

Test(shares, a_rank_alone_has_it_all)
{
    struct bench b;
    struct rn_err err = {0};
    float host[N] = {5};
    double sum = 3;
    set_up(&b);
    struct rn_comm_part part = rn_params_part(b.ps, 1, 0, N, 0);
    must(rn_params_reduce_grads(b.ps, NULL, &part, 1, &err), &err);
    must(rn_params_gather(b.ps, NULL, &part, 1, &err), &err);
    must(rn_params_collect(b.ps, NULL, host, N, &part, 1, &err), &err);
    must(rn_comm_sum(NULL, &sum, 1, &err), &err);
    must(rn_comm_most(NULL, &sum, 1, &err), &err);
    must(rn_comm_tell(NULL, &sum, sizeof sum, &err), &err);
    cr_expect(host[0] == 5 && sum == 3);
    cr_expect(rn_comm_rank(NULL) == 0 && rn_comm_world(NULL) == 1 &&
              rn_comm_local_world(NULL) == 1);
    tear_down(&b);
}
