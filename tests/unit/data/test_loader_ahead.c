/* Batches made ahead by a thread: the same batches, the same positions, the same errors, and an end
 * at any time. */
#include "loader.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 4 };

/* An inner loader that counts: batch n is n, n, n, n; it fails where it is told to. */
struct counting {
    int64_t n;
    int64_t fails_at; /* -1: never */
    bool *freed;
};

static atomic_llong made; /* batches made by all of them */

static int next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    struct counting *c = self;
    if (c->n == c->fails_at)
        return rn_fail(err, RN_ECORRUPT, RN_PATH("shard"), "batch %d is damaged", (int)c->n);
    for (int i = 0; i < IDS; i++) {
        x[i] = (int32_t)c->n;
        y[i] = (int32_t)c->n + 1;
    }
    c->n++;
    atomic_fetch_add(&made, 1);
    return RN_OK;
}
static json_t *state(const void *self)
{
    return json_pack("{s:I}", "n", (json_int_t)((const struct counting *)self)->n);
}
static int restore(void *self, const json_t *from, struct rn_err *err)
{
    int64_t n = rn_json_int(from, "n", -1);
    if (n < 0)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "no such position");
    ((struct counting *)self)->n = n;
    return RN_OK;
}
static int64_t epoch(const void *self)
{
    return ((const struct counting *)self)->n / 10;
}
static void release(void *self)
{
    struct counting *c = self;
    if (c->freed)
        *c->freed = true;
    free(c);
}
static const struct rn_loader_kind counting = {"counting", next, state, restore, epoch, release};

static struct rn_loader *ahead_of(int64_t fails_at, bool *freed)
{
    struct rn_err err = {0};
    struct counting *c = rn_new(struct counting);
    struct rn_loader *l;
    *c = (struct counting){.fails_at = fails_at, .freed = freed};
    cr_assert_eq(rn_loader_ahead(&l, rn_loader_new(&counting, c), IDS, &err), RN_OK, "%s", err.msg);
    return l;
}

static void expect_batch(struct rn_loader *l, int n)
{
    struct rn_err err = {0};
    int32_t x[IDS], y[IDS];
    cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK, "%s", err.msg);
    for (int i = 0; i < IDS; i++) {
        cr_assert_eq(x[i], n);
        cr_assert_eq(y[i], n + 1);
    }
}

static int64_t position(const struct rn_loader *l)
{
    json_t *s = rn_loader_state(l);
    int64_t n = rn_json_int(s, "n", -1);
    cr_assert_str_eq(rn_json_str(s, "loader", ""), "counting");
    json_decref(s);
    return n;
}

TestSuite(ahead, .timeout = 300);

Test(ahead, batches_come_in_order_with_the_positions_behind_them)
{
    struct rn_loader *l = ahead_of(-1, NULL);
    cr_expect_eq(position(l), 0);
    for (int n = 0; n < 1000; n++) {
        expect_batch(l, n);
        cr_assert_eq(position(l), n + 1);
        cr_assert_eq(rn_loader_epoch(l), (n + 1) / 10);
    }
    rn_loader_free(l);
}

Test(ahead, no_more_than_two_batches_wait)
{
    struct rn_loader *l = ahead_of(-1, NULL);
    atomic_store(&made, 0);
    for (int n = 0; n < 100; n++) {
        expect_batch(l, n);
        cr_assert_leq(atomic_load(&made), n + 1 + 2);
    }
    rn_loader_free(l);
}

Test(ahead, nothing_is_read_before_the_first_batch_is_asked_for)
{
    atomic_store(&made, 0);
    struct rn_loader *l = ahead_of(-1, NULL);
    cr_expect_eq(atomic_load(&made), 0);
    rn_loader_free(l);
}

Test(ahead, an_error_comes_with_its_batch_and_stays)
{
    struct rn_loader *l = ahead_of(5, NULL);
    int32_t x[IDS], y[IDS];
    for (int n = 0; n < 5; n++)
        expect_batch(l, n);
    for (int again = 0; again < 3; again++) {
        struct rn_err err = {0};
        cr_assert_eq(rn_loader_next(l, x, y, &err), RN_ECORRUPT);
        cr_expect_str_eq(err.msg, "batch 5 is damaged");
        cr_expect_str_eq(err.path, "shard");
        cr_expect_eq(position(l), 5);
    }
    rn_loader_free(l);
}

Test(ahead, a_position_is_taken_up_whatever_was_made_already)
{
    struct rn_loader *l = ahead_of(-1, NULL);
    struct rn_err err = {0};
    for (int from = 0; from < 200; from += 7) {
        json_t *s = json_pack("{s:s, s:i}", "loader", "counting", "n", from);
        cr_assert_eq(rn_loader_restore(l, s, &err), RN_OK, "%s", err.msg);
        json_decref(s);
        cr_expect_eq(position(l), from);
        for (int n = from; n < from + from % 5; n++)
            expect_batch(l, n);
    }
    rn_loader_free(l);
}

Test(ahead, a_refused_position_is_the_inner_ones_error)
{
    struct rn_loader *l = ahead_of(-1, NULL);
    struct rn_err err = {0};
    json_t *s = json_pack("{s:s, s:i}", "loader", "counting", "n", -3);
    cr_expect_eq(rn_loader_restore(l, s, &err), RN_ECORRUPT);
    cr_expect_str_eq(err.msg, "no such position");
    json_decref(s);
    rn_loader_free(l);
}

/* At every number of batches taken, the thread waits, works or has ended. */
Test(ahead, it_ends_at_any_time_and_frees_the_inner_one)
{
    for (int taken = 0; taken < 40; taken++) {
        bool freed = false;
        struct rn_loader *l = ahead_of(taken % 4 == 3 ? taken : -1, &freed);
        for (int n = 0; n < taken; n++)
            expect_batch(l, n);
        rn_loader_free(l);
        cr_assert(freed);
    }
}
