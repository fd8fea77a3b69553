/* Whom the loop asks, when it asks again, what it goes on with: minutes of waiting in no time. */
#include "clock.h"
#include "file.h"
#include "path.h"
#include "rig.h"

#include "asking.h"
#include "owner.h"

#include <dirent.h>
#include <math.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

static struct rig rig;

/* A clock that moves with the system's and leaps when it is slept on. */
static double leapt_s;

static double leaping_now(void *ctx)
{
    (void)ctx;
    return rn_clock_s() + leapt_s;
}

static void leap(void *ctx, double seconds)
{
    (void)ctx;
    leapt_s += seconds;
}

static const struct rn_clock leaping = {.now_s = leaping_now, .sleep_s = leap};

static void up(void)
{
    rig_up(&rig);
    leapt_s = 0;
    rig.fetcher.clock = &leaping;
    rig.fetcher.pause_s = 1;
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(loop, .init = up, .fini = down, .timeout = 300);

/* --- many files --- */

static void make_many(struct rig_many *m, size_t n)
{
    *m = (struct rig_many){0};
    for (size_t i = 0; i < n; i++) {
        char *name = rn_xprintf("f%03zu", i), *text = rn_xprintf("{\"number\": %zu}\n", i);
        rig_put(&rig, name, text, strlen(text));
        rig_many_add(&rig, m, name);
        free(text);
        free(name);
    }
}

Test(loop, many_files_are_fetched_at_once_and_each_is_done_once)
{
    struct rig_many m;
    make_many(&m, 300);
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(m.had, 300);
    cr_assert_eq(m.lost, 0);
    cr_assert_eq(rig.lock.n, 300);
    cr_assert_eq(rig_count(&rig, "cache/sha256"), 300);
    cr_assert_eq(rig_count(&rig, "cache/partial"), 0);
}

/* Processor time: what else runs on the machine does not count. */
static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

Test(loop, a_cached_pinned_set_is_confirmed_without_a_socket_or_a_read)
{
    struct rig_many m;
    make_many(&m, 300);
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_OK, "%s", rig.err.msg);
    size_t asked = server_requests(rig.server);
    double best_s = INFINITY;
    for (int i = 0; i < 3; i++) {
        double start = cpu_s();
        cr_assert_eq(rig_fetch_many(&rig, &m), RN_OK, "%s", rig.err.msg);
        best_s = fmin(best_s, cpu_s() - start);
        cr_assert_eq(m.had, 300);
    }
    cr_assert_eq(server_requests(rig.server), asked);
    cr_assert_lt(best_s, 0.05, "%.3f s", best_s);
}

Test(loop, what_cannot_be_had_keeps_no_other_file_from_being_fetched)
{
    struct rig_many m;
    make_many(&m, 50);
    server_fault(rig.server, "/f003", "404");
    server_fault(rig.server, "/f040", "200-xml");
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    cr_assert_eq(m.had, 48);
    cr_assert_eq(m.lost, 2);
    bool third = strstr(rig.err.msg, "/f003: ") != NULL; /* one is returned, one logged */
    cr_assert(rig_said(&rig, third ? "/f040: " : "/f003: "), "%s", rig.err.msg);
}

Test(loop, a_list_of_sums_that_cannot_be_had_is_asked_for_once)
{
    struct rig_many m = {0};
    make_many(&m, 5);
    char *url = rn_xprintf("%s/SHA256SUMS", server_url(rig.server));
    for (size_t i = 0; i < m.n; i++)
        m.files[i].sums = url;
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    cr_assert_eq(m.lost, 5);
    cr_assert_eq(server_requests(rig.server), 1);
    free(url);
}

Test(loop, a_host_that_gives_nothing_is_not_asked_for_everything)
{
    struct rig_many m;
    make_many(&m, 300);
    server_fault(rig.server, "*", "404");
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    cr_assert_eq(m.had, 0);
    cr_assert_lt(server_requests(rig.server), 100);
    cr_expect(m.failed >= 16 && m.failed < m.lost, "of those that were dropped nobody knows: %zu",
              m.failed);
    cr_expect(strstr(rig.err.msg, " files cannot be had and the rest was not waited for; the first "
                                  "of them: no source gave acceptable bytes for data.f/f"),
              "%s", rig.err.msg);
}

/* Lines of the log that hold `a` and `b`. */
static size_t count_said(const char *a, const char *b)
{
    size_t n = 0;
    for (const char *p = rig.said.p, *end; p && (end = strchr(p, '\n')); p = end + 1) {
        const char *one = strstr(p, a), *two = strstr(p, b);
        n += one && one < end && two && two < end;
    }
    return n;
}

/* Of 300 files, five times each. */
Test(loop, a_host_that_is_down_is_told_of_a_few_files_and_of_the_others_together)
{
    struct rig_many m = {0};
    for (int i = 0; i < 300; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%03d", i);
        rig_many_add(&rig, &m, name);
        m.sources[i].url = "http://127.0.0.1:1/nobody";
    }
    rig.fetcher.retries = 4;
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    size_t in_all = count_said("rejected f", ""), counts = count_said("rejected f", " alike)");
    cr_expect_eq(in_all - counts, RN_ALIKE_NAMED, "%s", rig.said.p);
    cr_expect_geq(counts, 1);
    cr_expect_lt(count_said("", ""), 60, "a few, and a line every 10 seconds:\n%s", rig.said.p);
    cr_expect(strstr(rig.err.msg, "; the first of them: no source gave acceptable bytes for data"),
              "%s", rig.err.msg);
    cr_expect(strstr(rig.err.hint, "try again later"), "%s", rig.err.hint);
    cr_expect_geq(m.failed, 16);
    cr_expect_eq(m.lost, 300);
}

Test(loop, failures_that_differ_are_never_told_together)
{
    static const char *const kinds[] = {"404", "403-xml", "500"};
    struct rig_many m;
    make_many(&m, 15);
    rig.fetcher.retries = 0;
    for (int i = 0; i < 12; i++) {
        char path[8];
        snprintf(path, sizeof path, "/f%03d", i);
        server_fault(rig.server, path, kinds[i % 3]);
    }
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    cr_assert_eq(m.had, 3);
    cr_expect_eq(count_said("rejected f", "(404)"), 4);
    cr_expect_eq(count_said("rejected f", "S3 AccessDenied (403)"), 4);
    cr_expect_eq(count_said("rejected f", "(500)"), 4);
    cr_expect_eq(count_said("no source gave acceptable bytes", ""), 11, "and one is returned");
    cr_expect(strstr(rig.err.msg, "12 files cannot be had; the first of them: "), "%s",
              rig.err.msg);
}

/* The words around a name may hold the same letters. */
Test(loop, failures_that_are_alike_are_told_together_whatever_the_names_of_the_files)
{
    static const char *const names[] = {"n", "o", "s", "u", "r", "c", "e", "gave"};
    struct rig_many m = {0};
    rig.fetcher.retries = 0;
    for (size_t i = 0; i < RN_COUNT(names); i++)
        rig_many_add(&rig, &m, names[i]);
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_EFETCH);
    cr_expect_eq(count_said("no source gave", ""), RN_ALIKE_NAMED + 1, "%s", rig.said.p);
    cr_expect_eq(count_said("no source gave", "(and 2 more alike)"), 1);
}

static size_t count_pieces(void)
{
    size_t n = 0;
    DIR *d = opendir(rig.quarantine);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static atomic_int syncs;

static int count_sync(int fd)
{
    (void)fd;
    syncs++;
    return 0;
}

/* While it is written nobody is talked to. */
Test(loop, evidence_is_that_of_a_few_alike_and_waits_for_no_disk)
{
    struct rn_io system = rn_io;
    struct rig_many m;
    make_many(&m, 15);
    rig.fetcher.retries = 0;
    server_fault(rig.server, "*", "403-xml");
    server_fault(rig.server, "/f014", "html");
    rn_io.fsync = rn_io.syncfs = count_sync;
    int rc = rig_fetch_many(&rig, &m);
    rn_io = system;
    cr_assert_eq(rc, RN_EFETCH);
    cr_expect_eq(m.failed, 15);
    cr_expect_eq(count_pieces(), RN_ALIKE_NAMED + 1);
    cr_expect(rig_quarantined(&rig, "f014-error-page"), "what differs is kept");
    cr_expect_eq(syncs, 0);
}

/* --- waiting --- */

Test(loop, rounds_wait_longer_and_longer)
{
    rig.fetcher.retries = 6;
    server_fault(rig.server, "/a.jsonl", "503");
    rig_source(&rig, "/a.jsonl");
    double start = rn_clock_s();
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert_lt(rn_clock_s() - start, 5.0, "the clock is not slept on");
    cr_assert_geq(leapt_s, 31, "1 2 4 8 16 32 seconds, each half to one and a half of it");
    cr_assert_leq(leapt_s, 96);
    cr_assert_eq(server_requests(rig.server), 7);
}

Test(loop, nobody_waits_for_a_day_and_the_message_says_who_asked_for_it)
{
    struct rn_hosts hosts = {0};
    struct rn_alike alike = {0};
    struct rn_asking a;
    struct rn_response r = {.host = "one.example", .status = 429, .retry_after_s = 86400};
    rn_find(&r.finding, RN_TRANSIENT, "status 429");
    rig_source(&rig, "https://one.example/a");
    rn_asking_init(&a, &rig.fetcher, &rig.file, &hosts, &alike);
    cr_assert_eq(rn_asking_next(&a, 0), RN_ASK);
    rn_asking_reject(&a, &r, false, 0);
    cr_assert_eq(rn_asking_next(&a, 0), RN_GIVE_UP);
    char *reason;
    cr_assert_eq(rn_asking_fail(&a, &reason, &rig.err), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "asks to come back in 24 h"), "%s", rig.err.msg);
    cr_expect_str_eq(reason, "one.example: transient: status 429, asks to come back in 24 h 00 "
                             "min");
    free(reason);
    rn_asking_release(&a);
    rn_alike_release(&alike);
    rn_hosts_release(&hosts);
}

Test(loop, a_host_that_asks_for_a_pause_gets_it_from_all_files)
{
    struct rig_many m;
    make_many(&m, 20);
    rig.fetcher.per_host = 1;
    server_fault(rig.server, "/f000", "429-once");
    double start = rn_clock_s();
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_OK, "%s", rig.err.msg);
    cr_assert_geq(rn_clock_s() - start + leapt_s, 0.99, "one second was asked for");
    cr_assert_eq(server_requests(rig.server), 21);
}

/* --- whom to ask --- */

Test(loop, sources_come_by_health_and_equals_as_written)
{
    struct rn_hosts hosts = {0};
    struct rn_alike alike = {0};
    struct rn_asking a;
    rig_source(&rig, "https://one.example/a");
    rig_source(&rig, "https://two.example/a");
    rig_source(&rig, "https://three.example/a");
    rn_asking_init(&a, &rig.fetcher, &rig.file, &hosts, &alike);
    cr_assert_eq(rn_asking_next(&a, 0), RN_ASK);
    cr_assert_str_eq(a.now->host->name, "one.example");
    for (int i = 0; i < 3; i++)
        rn_host_learn(a.now->host, 0, 1, true);
    cr_assert_eq(rn_asking_next(&a, 0), RN_ASK);
    cr_assert_str_eq(a.now->host->name, "two.example", "the first failed three times");
    rn_host_learn(a.now->host, 1 << 20, 1000, false);
    cr_assert_eq(rn_asking_next(&a, 0), RN_ASK);
    cr_assert_str_eq(a.now->host->name, "three.example", "the second is slow");
    a.now->host->hold_until_s = 5;
    cr_assert_eq(rn_asking_next(&a, 0), RN_ASK);
    cr_assert_str_eq(a.now->host->name, "two.example", "the third wants a pause");
    rn_asking_release(&a);
    rn_alike_release(&alike);
    rn_hosts_release(&hosts);
}

Test(loop, a_mirror_by_digest_is_asked_first_and_may_lack_the_file)
{
    char hex[RN_HEX], path[128];
    rn_sha256_hex(good_jsonl, strlen(good_jsonl), hex);
    const char *mirrors[] = {"http://127.0.0.1:1/", server_url(rig.server), NULL};
    rig.fetcher.mirrors = mirrors;
    rig.file.sha256 = hex;
    rig_source(&rig, "https://192.0.2.1/never-asked");
    char *sub = rn_join(rig.www, "sha256");
    rn_mkdirs(sub, NULL);
    free(sub);
    snprintf(path, sizeof path, "sha256/%s", hex);
    rig_put(&rig, path, good_jsonl, strlen(good_jsonl));
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_requests(rig.server), 1);
}

/* --- going on --- */

static void put_big(const char *name, size_t n, char seed)
{
    char *big = rn_xalloc(n);
    for (size_t i = 0; i < n; i++)
        big[i] = i % 64 == 0    ? '{'
                 : i % 64 == 63 ? '\n'
                                : (char)('a' + (i / 64 + (size_t)seed) % 26);
    rig_put(&rig, name, big, n);
    free(big);
}

Test(loop, a_cut_body_is_gone_on_with_and_not_begun_again)
{
    put_big("a.jsonl", 1 << 20, 0);
    rig.file.expect.format = NULL;
    rig.file.expect.min_size = 1;
    server_fault(rig.server, "/a.jsonl", "cut-once");
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_ranged(rig.server), 1);
    cr_assert(server_heard(rig.server, "If-Range: \""));
    cr_assert(server_heard(rig.server, "Accept-Encoding: identity"));
}

Test(loop, a_second_source_goes_on_only_under_a_pinned_digest)
{
    char hex[RN_HEX], *path = rn_join(rig.www, "a.jsonl");
    put_big("a.jsonl", 1 << 20, 0);
    put_big("b.jsonl", 1 << 20, 0);
    rn_sha256_file(path, hex, NULL, NULL);
    free(path);
    rig.file.expect.format = NULL;
    rig.file.expect.min_size = 1;
    server_fault(rig.server, "/a.jsonl", "cut");
    rig.fetcher.retries = 0;
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_ranged(rig.server), 0, "who says that they are one file?");
    rn_remove_tree(rig.got.path, NULL);
    rig.file.id = "data.a/other";
    rig.file.sha256 = hex;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_ranged(rig.server), 1);
    cr_assert_str_eq(rig.got.sha256, hex);
}

Test(loop, a_local_copy_in_place_of_a_cut_body_is_read_only_too)
{
    struct stat st;
    char hex[RN_HEX], *path = rn_join(rig.www, "a.jsonl");
    put_big("a.jsonl", 2 << 20, 0);
    rn_sha256_file(path, hex, NULL, NULL);
    rig.file.sha256 = hex;
    rig.file.expect.format = NULL;
    server_fault(rig.server, "/a.jsonl", "cut");
    rig_source(&rig, "/a.jsonl");
    char *local = rn_xprintf("file://%s", path);
    rig_source(&rig, local);
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(stat(rig.got.path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0444, "mode %o", st.st_mode & 0777);
    free(local);
    free(path);
}

Test(loop, a_mixture_that_the_digest_refuses_is_asked_for_anew)
{
    char hex[RN_HEX], *path = rn_join(rig.www, "b.jsonl");
    put_big("a.jsonl", 1 << 20, 1); /* another file under the first url */
    put_big("b.jsonl", 1 << 20, 0);
    rn_sha256_file(path, hex, NULL, NULL);
    free(path);
    rig.file.expect.format = NULL;
    rig.file.expect.min_size = 1;
    rig.file.sha256 = hex;
    server_fault(rig.server, "/a.jsonl", "cut");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_str_eq(rig.got.sha256, hex);
    cr_assert(rig_said(&rig, "was continued from"), "%s", rig.said.p);
}

Test(loop, a_body_that_is_always_cut_at_one_place_is_no_progress)
{
    put_big("a.jsonl", 4 << 20, 0);
    rig.file.expect.format = NULL;
    rig.file.expect.min_size = 1;
    server_fault(rig.server, "/a.jsonl", "half-bare"); /* to be begun again each time */
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "truncated"), "%s", rig.err.msg);
    cr_assert_eq(server_requests(rig.server), 3, "one, and the two rounds that `retries` allows");
}

static void note_bytes(void *ctx, const struct rn_fetch_progress *p)
{
    *(int64_t *)ctx = p->done_bytes;
}

static bool stop_after_some(void *ctx)
{
    return *(int64_t *)ctx > 0;
}

Test(loop, what_a_stop_signal_left_is_gone_on_with)
{
    int64_t received_bytes = 0;
    put_big("a.jsonl", 4 << 20, 0);
    rig.file.expect.format = NULL;
    rig.file.expect.min_size = 1;
    server_fault(rig.server, "/a.jsonl", "stall-late");
    rig.fetcher.stopping = stop_after_some;
    rig.fetcher.progress = note_bytes;
    rig.fetcher.ctx = &received_bytes;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_ESTOPPED);
    cr_assert_eq(rig_count(&rig, "cache/partial"), 2);
    cr_assert_eq(rig_count(&rig, "cache/sha256"), 0);
    server_heal(rig.server);
    rig.fetcher.stopping = NULL;
    rig.fetcher.progress = NULL;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_ranged(rig.server), 1);
    cr_assert_eq(rig_count(&rig, "cache/partial"), 0);
}

/* --- what is small --- */

Test(loop, a_body_is_small_by_its_size_or_by_what_its_host_gave_so_far)
{
    enum { SMALL = 16 << 10, LARGE = 16 << 20 };
    struct rn_host h = {0};
    cr_expect(rn_host_small(&h, -1), "nothing is known");
    cr_expect(rn_host_small(&h, SMALL) && !rn_host_small(&h, LARGE), "its size is");
    rn_host_gave(&h, LARGE, true);
    cr_expect(!rn_host_small(&h, -1) && rn_host_small(&h, SMALL));
    for (int i = 0; i < 20; i++)
        rn_host_gave(&h, SMALL, true);
    cr_expect(rn_host_small(&h, -1) && h.shares);
    rn_host_gave(&h, SMALL, false);
    cr_expect(!h.shares, "its last answer came alone");
}

/* --- the cache --- */

Test(loop, a_cache_that_cannot_be_written_is_read_and_another_takes_what_is_new)
{
    struct rn_cache shared;
    char *spare = rn_join(rig.dir, "run/cache"), *nowhere = rn_join(rig.www, "a.jsonl/cache");
    rig_source(&rig, "/a.jsonl");
    rn_cache_init(&shared, nowhere); /* below a file: nobody, not even root, may write there */
    rn_cache_fall_back(&shared, spare);
    cr_assert_str_eq(rn_cache_home(&shared), spare);
    rig.fetcher.cache = &shared;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rn_starts_with(rig.got.path, spare));
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rig.got.from_cache);
    rn_cache_release(&shared);
    free(nowhere);
    free(spare);
}

Test(loop, a_second_name_does_not_make_the_cache_forget_what_it_knows)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    char *to = rn_join(rig.dir, "out");
    const struct rn_cache_item item = {
        .sha256 = rig.got.sha256, .path = rig.got.path, .seen = rig.got.seen};
    struct rn_seen seen;
    cr_assert_eq(rn_cache_take(&rig.cache, &item, to, &seen, NULL), RN_OK);
    char *known = rn_cache_recall(&rig.cache, rig.got.sha256, &seen);
    cr_assert(known, "its digest would be taken again");
    cr_assert(rn_exists(to));
    free(known);
    free(to);
}
