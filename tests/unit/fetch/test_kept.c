/* A connection that was kept, and that dies just as the next request is sent over it: nothing is
 * known of what the source would have answered, so it is no failure of the source. */
#define _GNU_SOURCE
#include "rig.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

static struct rig rig;

/* --- the network: libcurl's send comes here --- */

/* What happens to a request that begins so: the first time the line is full, the second time the
 * connection is gone. That is when libcurl does not ask once more by itself. */
static const char *doomed;
static int refusals;

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    static ssize_t (*honest)(int, const void *, size_t, int);
    if (!honest)
        *(void **)&honest = dlsym(RTLD_NEXT, "send");
    bool hit = doomed && n > strlen(doomed) && memcmp(buf, doomed, strlen(doomed)) == 0;
    if (!hit || refusals == 2)
        return honest(fd, buf, n, flags);
    errno = refusals++ == 0 ? EAGAIN : EPIPE;
    return -1;
}

/* --- two files, one after the other over one connection --- */

static void up(void)
{
    rig_up(&rig);
    server_keep(rig.server);
    rig.fetcher.per_host = 1;
    rig.fetcher.retries = 0;
    doomed = NULL;
    refusals = 0;
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(kept, .init = up, .fini = down, .timeout = 300);

struct pair {
    struct rn_fetch_file files[2];
    struct rn_source sources[2];
    size_t given, had;
};

static int give(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct pair *p = ctx;
    (void)err;
    *file = p->given < 2 ? &p->files[p->given++] : NULL;
    return RN_OK;
}

static int take(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got, struct rn_err *err)
{
    (void)file, (void)err;
    ((struct pair *)ctx)->had += got != NULL;
    return RN_OK;
}

static void put(const char *name, const char *row)
{
    struct rn_str s = {0};
    for (int i = 0; i < 5000; i++)
        rn_str_puts(&s, row);
    rig_put(&rig, name, s.p, s.n);
    rn_str_release(&s);
}

/* How many of `first` and `second` could be had. */
static size_t fetch_both(void)
{
    static const char *const names[] = {"first", "second"};
    struct pair p = {0};
    for (size_t i = 0; i < 2; i++) {
        p.sources[i].url = rn_xprintf("%s/%s", server_url(rig.server), names[i]);
        p.files[i] = rig.file;
        p.files[i].id = p.files[i].name = names[i];
        p.files[i].sources = &p.sources[i];
        p.files[i].n_sources = 1;
    }
    struct rn_fetch_list list = {.next = give, .done = take, .ctx = &p};
    rn_fetch_all(&rig.fetcher, &list, &rig.err);
    for (size_t i = 0; i < 2; i++)
        free((char *)p.sources[i].url);
    return p.had;
}

Test(kept, a_connection_is_used_for_the_next_file)
{
    put("first", "{\"text\": \"one\"}\n");
    put("second", "{\"text\": \"two\"}\n");
    cr_assert_eq(fetch_both(), 2);
    cr_assert_eq(server_requests(rig.server), 1);
}

Test(kept, one_that_dies_with_the_request_is_replaced)
{
    put("first", "{\"text\": \"one\"}\n");
    put("second", "{\"text\": \"two\"}\n");
    doomed = "GET /second";
    cr_assert_eq(fetch_both(), 2, "%s", rig.err.msg);
    cr_assert_eq(refusals, 2, "the connection was to die while the request was sent");
    cr_assert_eq(server_requests(rig.server), 2);
    cr_assert(!rig_said(&rig, "rejected"), "it was held against the source");
}

Test(kept, and_the_rest_of_a_file_is_asked_for_over_the_new_one)
{
    put("first", "{\"text\": \"one\"}\n");
    put("second", "{\"text\": \"two\"}\n");
    server_fault(rig.server, "/second", "cut-once");
    cr_assert_eq(fetch_both(), 1);
    rig.err = (struct rn_err){0};
    rn_str_clear(&rig.said);
    put("first", "{\"text\": \"one again\"}\n");
    rn_pins_release(&rig.lock);
    doomed = "GET /second";
    cr_assert_eq(fetch_both(), 2, "%s", rig.err.msg);
    cr_assert_eq(refusals, 2);
    cr_assert_eq(server_ranged(rig.server), 1, "the second request for the rest has a Range, too");
    cr_assert(!rig_said(&rig, "rejected"));
}
