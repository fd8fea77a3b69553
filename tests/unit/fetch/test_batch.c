/* Files on their way to their names: two loads at once, pinned one after the other. */
#include "../scratch.h"
#include "batch.h"
#include "rig.h"

#include <stdatomic.h>

static const char content[] = "known already";
static struct rn_cache cache;
static struct rn_pins lock;
static struct rn_pool *pool;
static struct rn_batch batch;
static atomic_bool held;
static int answer;

/* Where a stage puts a file, as long as the test wants it to take. */
static int lay_out(void *ctx, const struct rn_fetch_file *file, const struct rn_fetched *got,
                   struct rn_err *err)
{
    (void)ctx;
    (void)got;
    while (atomic_load(&held))
        usleep(100);
    return answer == RN_OK ? RN_OK : rn_fail(err, answer, RN_NOWHERE, "no room for %s", file->id);
}

static void up(void)
{
    static struct rn_fetch_list list = {.lay_out = lay_out};
    scratch_up();
    char *path = rn_join(dir, "p.lock");
    rn_cache_init(&cache, dir);
    cr_assert_eq(rn_pins_open(&lock, path, dir, NULL), RN_OK);
    free(path);
    pool = rn_pool_new(3, NULL, NULL);
    rn_batch_init(&batch, &cache, &list);
    atomic_store(&held, true);
    answer = RN_OK;
}

static void down(void)
{
    rn_pool_free(pool);
    rn_batch_release(&batch);
    rn_pins_release(&lock);
    rn_cache_release(&cache);
    scratch_down();
}

TestSuite(batch, .init = up, .fini = down, .timeout = 300);

/* One that the cache has already: all that is left to do is lay_out and its pin. */
static void add(const char *id)
{
    static struct rn_fetch_file files[8];
    static struct rn_fetched got[8];
    static size_t n;
    struct rn_fetch_file *file = &files[n % 8];
    struct rn_fetched *g = &got[n++ % 8];
    *file = (struct rn_fetch_file){.id = id, .name = id};
    *g = (struct rn_fetched){.path = dir, .size_bytes = (int64_t)strlen(content)};
    rn_sha256_hex(content, strlen(content), g->sha256);
    rn_batch_add(&batch, &(struct rn_batch_item){
                             .file = file, .got = g, .pinned = true, .host = "example.org"});
}

static void send(const char *id)
{
    add(id);
    cr_assert(rn_batch_ready(&batch));
    rn_batch_send(&batch, pool, NULL);
}

static struct rn_load *returned(void)
{
    struct rn_load *load = rn_batch_load(&batch, rn_pool_wait(pool));
    cr_assert_not_null(load);
    rn_batch_returned(&batch, load, &lock, pool);
    return load;
}

Test(batch, sends_two_loads_at_once_and_keeps_what_comes_meanwhile_for_the_next)
{
    send("a");
    send("b");
    add("c");
    add("d");
    cr_assert_eq(rn_batch_under_way(&batch), 2);
    cr_assert_not(rn_batch_ready(&batch));
    atomic_store(&held, false);
    while (!rn_batch_ended(&batch))
        returned();
    rn_load_end(rn_batch_ended(&batch));
    cr_assert(rn_batch_ready(&batch));
    rn_batch_send(&batch, pool, NULL);
    cr_assert_eq(batch.n_waiting, 0);
    while (rn_pool_under_way(pool))
        returned();
    for (const char *id = "abcd"; *id; id++)
        cr_assert_not_null(rn_pins_find(&lock, (char[]){*id, '\0'}));
}

Test(batch, writes_the_pins_of_one_load_after_those_of_the_other)
{
    send("a");
    send("b");
    atomic_store(&held, false);
    struct rn_load *first = rn_batch_load(&batch, rn_pool_wait(pool));
    struct rn_load *second = rn_batch_load(&batch, rn_pool_wait(pool));
    rn_batch_returned(&batch, first, &lock, pool);
    rn_batch_returned(&batch, second, &lock, pool);
    cr_assert_eq(first->state, RN_LOAD_PINNING);
    cr_assert_eq(second->state, RN_LOAD_NAMED);
    cr_assert_eq(returned(), first);
    cr_assert_eq(first->state, RN_LOAD_ENDED);
    cr_assert_eq(second->state, RN_LOAD_PINNING);
    cr_assert_eq(returned(), second);
}

Test(batch, pins_nothing_of_a_load_that_failed)
{
    answer = RN_ENOSPACE;
    send("a");
    atomic_store(&held, false);
    struct rn_load *load = returned();
    cr_assert_eq(rn_batch_ended(&batch), load);
    cr_assert_eq(load->rc, RN_ENOSPACE);
    cr_assert_null(rn_pins_find(&lock, "a"));
}

Test(batch, pins_nothing_where_the_lock_may_not_grow)
{
    send("a");
    atomic_store(&held, false);
    struct rn_load *load = rn_batch_load(&batch, rn_pool_wait(pool));
    rn_batch_returned(&batch, load, NULL, pool);
    cr_assert_eq(rn_batch_ended(&batch), load);
    cr_assert_eq(load->rc, RN_OK);
    cr_assert_null(rn_pins_find(&lock, "a"));
}
