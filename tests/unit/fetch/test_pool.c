/* Tasks on a few threads: given back once each, those that are alone one at a time. */
#include "pool.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS = 4, TASKS = 200 };

struct job {
    struct rn_task task;
    int times;
};

static struct job jobs[TASKS];
static atomic_int alone_now, alone_most;
static atomic_bool held;

static void count(struct rn_task *t)
{
    ((struct job *)t)->times++;
}

/* Long enough that a second one would be seen beside it. */
static void count_alone(struct rn_task *t)
{
    int now = atomic_fetch_add(&alone_now, 1) + 1;
    if (now > atomic_load(&alone_most))
        atomic_store(&alone_most, now);
    usleep(100);
    count(t);
    atomic_fetch_sub(&alone_now, 1);
}

static void hold(struct rn_task *t)
{
    while (atomic_load(&held))
        usleep(100);
    count(t);
}

static void add(struct rn_pool *p, struct job *j, void (*work)(struct rn_task *), bool alone)
{
    *j = (struct job){.task = {.work = work, .alone = alone}};
    rn_pool_add(p, &j->task);
}

static void check_each_once(struct rn_pool *p, size_t n)
{
    size_t back = 0;
    while (rn_pool_wait(p))
        back++;
    cr_assert_eq(back, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(jobs[i].times, 1);
}

Test(pool, gives_back_each_task_once)
{
    struct rn_pool *p = rn_pool_new(THREADS, NULL, NULL);
    for (int i = 0; i < TASKS; i++)
        add(p, &jobs[i], count, false);
    check_each_once(p, TASKS);
    rn_pool_free(p);
}

Test(pool, works_on_one_at_a_time_of_those_that_are_alone)
{
    struct rn_pool *p = rn_pool_new(THREADS, NULL, NULL);
    for (int i = 0; i < TASKS; i++)
        add(p, &jobs[i], i % 2 ? count_alone : count, i % 2);
    check_each_once(p, TASKS);
    cr_assert_eq(alone_most, 1);
    rn_pool_free(p);
}

Test(pool, lets_others_pass_one_that_is_alone)
{
    struct rn_pool *p = rn_pool_new(2, NULL, NULL);
    atomic_store(&held, true);
    add(p, &jobs[0], hold, true);
    add(p, &jobs[1], count_alone, true);
    add(p, &jobs[2], count, false);
    struct rn_task *first = rn_pool_wait(p);
    cr_assert_eq(first, &jobs[2].task);
    atomic_store(&held, false);
    cr_assert_eq(rn_pool_wait(p), &jobs[0].task);
    cr_assert_eq(rn_pool_wait(p), &jobs[1].task);
    rn_pool_free(p);
}

Test(pool, ends_only_when_all_is_done)
{
    struct rn_pool *p = rn_pool_new(2, NULL, NULL);
    for (int i = 0; i < 20; i++)
        add(p, &jobs[i], count_alone, true);
    rn_pool_free(p);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(jobs[i].times, 1);
}
