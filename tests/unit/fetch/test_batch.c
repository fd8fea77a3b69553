/* Files on their way to their names and pins: two loads at once, pins of many together. */
#include "../scratch.h"
#include "batch.h"
#include "path.h"
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
    rn_batch_init(&batch, &cache, &list, &lock);
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

static struct rn_batch_end returned(void)
{
    struct rn_batch_end end;
    cr_assert(rn_batch_returned(&batch, rn_pool_wait(pool), &end));
    return end;
}

static bool is_pinned(const char *id)
{
    return rn_pins_find(&lock, id) != NULL;
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
    returned();
    cr_assert(rn_batch_ready(&batch));
    rn_batch_send(&batch, pool, NULL);
    cr_assert_eq(batch.n_waiting, 0);
    cr_assert_eq(rn_batch_under_way(&batch), 4);
}

Test(batch, pins_what_has_its_name_of_many_loads_together)
{
    send("a");
    send("b");
    atomic_store(&held, false);
    cr_assert_eq(returned().n, 0); /* a name, no pin: not the end */
    cr_assert_eq(rn_batch_unsettled(&batch), 1);
    cr_assert_not(rn_batch_all_named(&batch));
    cr_assert_eq(returned().n, 0);
    cr_assert_eq(rn_batch_unsettled(&batch), 2);
    cr_assert(rn_batch_all_named(&batch));
    rn_batch_settle(&batch, pool);
    struct rn_batch_end end = returned();
    cr_assert_eq(end.n, 2);
    cr_assert_eq(end.rc, RN_OK);
    cr_assert(is_pinned("a") && is_pinned("b"));
    cr_assert_eq(rn_batch_under_way(&batch), 0);
}

Test(batch, writes_no_pins_while_others_are_being_written)
{
    struct rn_batch_end end;
    atomic_store(&held, false);
    send("a");
    returned();
    atomic_store(&held, true);
    send("b");
    rn_batch_settle(&batch, pool);
    const struct rn_task *pins = rn_pool_wait(pool); /* written, and the batch does not know */
    atomic_store(&held, false);
    cr_assert_eq(returned().n, 0);
    cr_assert_eq(rn_batch_unsettled(&batch), 0);
    cr_assert(rn_batch_returned(&batch, pins, &end));
    cr_assert_eq(end.n, 1);
    cr_assert_eq(rn_batch_unsettled(&batch), 1);
}

Test(batch, ends_at_once_what_the_lock_has_already)
{
    atomic_store(&held, false);
    send("a");
    returned();
    rn_batch_settle(&batch, pool);
    returned();
    send("a");
    cr_assert_eq(returned().n, 1);
    cr_assert_eq(rn_batch_unsettled(&batch), 0);
}

Test(batch, pins_nothing_of_a_load_that_failed)
{
    answer = RN_ENOSPACE;
    send("a");
    atomic_store(&held, false);
    struct rn_batch_end end = returned();
    cr_assert_eq(end.n, 1);
    cr_assert_eq(end.rc, RN_ENOSPACE);
    cr_assert_eq(rn_batch_unsettled(&batch), 0);
}

Test(batch, tells_why_pins_could_not_be_written_of_each_that_waited_for_them)
{
    atomic_store(&held, false);
    send("a");
    send("b");
    returned();
    returned();
    free(lock.path);
    lock.path = rn_join(dir, "no/such/folder/p.lock");
    rn_batch_settle(&batch, pool);
    struct rn_batch_end end = returned();
    cr_assert_eq(end.n, 2);
    cr_assert_eq(end.rc, RN_EIO);
    cr_assert(rn_ends_with(end.err->path, "p.lock"));
}

Test(batch, pins_nothing_where_the_lock_may_not_grow)
{
    batch.lock = NULL;
    send("a");
    atomic_store(&held, false);
    struct rn_batch_end end = returned();
    cr_assert_eq(end.n, 1);
    cr_assert_eq(end.rc, RN_OK);
    cr_assert_not(is_pinned("a"));
}
