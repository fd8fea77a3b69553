/* Connections that die just as a request is sent over them. Of one that was kept nothing is known
 * of what the source would have answered, so it is no failure of the source; of a new one nothing
 * is waited for. */
#define _GNU_SOURCE
#include "rig.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

static struct rig rig;

/* --- the network: libcurl's send comes here --- */

/* What happens to the requests that begin so, one error after the other. */
static const char *_Atomic doomed; /* the server sends, too */
static const int *errors;          /* ends with 0 */
static int refusals;
/* The line is full, then the connection is gone: then libcurl does not ask once more by itself. */
static const int full_then_gone[] = {EAGAIN, EPIPE, 0}, gone[] = {ECONNRESET, 0};

static ssize_t (*honest)(int, const void *, size_t, int);

__attribute__((constructor)) static void find_honest(void) /* before there are threads */
{
    *(void **)&honest = dlsym(RTLD_NEXT, "send");
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    const char *start = doomed;
    bool hit = start && n > strlen(start) && memcmp(buf, start, strlen(start)) == 0;
    if (!hit || errors[refusals] == 0)
        return honest(fd, buf, n, flags);
    errno = errors[refusals++];
    if (errno != EAGAIN)
        shutdown(fd, SHUT_RDWR);
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
    errors = full_then_gone;
    refusals = 0;
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(kept, .init = up, .fini = down, .timeout = 300);

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
    struct rig_many m = {0};
    rig_many_add(&rig, &m, "first");
    rig_many_add(&rig, &m, "second");
    rig_fetch_many(&rig, &m);
    return m.had;
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

Test(kept, and_nobody_waits_for_a_first_one_that_died)
{
    put("first", "{\"text\": \"one\"}\n");
    put("second", "{\"text\": \"two\"}\n");
    rig.file.size_bytes = 5000 * (int64_t)strlen("{\"text\": \"one\"}\n"); /* small: may share */
    rig.fetcher.per_host = 2;
    rig.fetcher.retries = 1;
    doomed = "GET ";
    errors = gone;
    cr_assert_eq(fetch_both(), 2, "%s", rig.err.msg);
    cr_assert_eq(refusals, 1);
    cr_assert(rig_said(&rig, "Failed sending"), "%s", rig.said.p);
    cr_assert(!rig_said(&rig, "stalled"), "%s", rig.said.p);
}
