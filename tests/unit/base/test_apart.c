/* A question answered by another process: its answer arrives, its traces do not, its death is
 * told. */
#include "apart.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

struct answer {
    int sum;
    pid_t by;
};

static int trace;

static void add(void *answer, void *ctx)
{
    struct answer *a = answer;
    const int *numbers = ctx;
    a->sum += numbers[0] + numbers[1];
    a->by = getpid();
    trace = 1;
}

Test(apart, the_answer_comes_from_another_process_and_leaves_no_trace)
{
    int numbers[] = {3, 4};
    struct answer a = {.sum = 100}; /* zero when it is asked */
    cr_assert(rn_apart(add, numbers, &a, sizeof a));
    cr_expect_eq(a.sum, 7);
    cr_expect_neq(a.by, getpid());
    cr_expect_eq(trace, 0);
}

static void die(void *answer, void *ctx)
{
    (void)ctx;
    ((struct answer *)answer)->sum = 1;
    abort();
}

Test(apart, who_dies_has_not_answered)
{
    struct answer a;
    cr_expect(!rn_apart(die, NULL, &a, sizeof a));
}
