/* What is known of hosts outlives a process, ages, and only puts sources into another order. */
#include "clock.h"
#include "file.h"
#include "health.h"
#include "path.h"
#include "probe.h"
#include "rig.h"

static struct rig rig;
static struct server *mirror;

static void up(void)
{
    rig_up(&rig);
    mirror = server_start(rig.www, 0);
    rig.fetcher.retries = 0;
}

static void down(void)
{
    server_stop(mirror);
    rig_down(&rig);
}

TestSuite(health, .init = up, .fini = down, .timeout = 300);

static void remember(const char *text)
{
    char *path = rn_join(rig.cache.dir, "hosts");
    cr_assert_eq(rn_mkdirs(rig.cache.dir, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(path);
}

/* "127.0.0.1:1234 FAILURES SPEED TIME" of the mirror. */
static char *line_of_mirror(int failures, double bytes_s, double age_s)
{
    return rn_xprintf("runnel-hosts 1\n%s %d %.0f %.0f\n", strstr(server_url(mirror), "//") + 2,
                      failures, bytes_s, rn_time_s() - age_s);
}

static int rank_of_mirror(void)
{
    struct rn_hosts hosts = {0};
    rn_health_recall(&hosts, rig.cache.dir);
    int rank = rn_host_rank(rn_host_of(&hosts, server_url(mirror)));
    rn_hosts_release(&hosts);
    return rank;
}

Test(health, a_mirror_that_was_dead_is_not_asked_first_by_the_next_run)
{
    server_fault(mirror, "*", "503");
    for (int i = 0; i < 3; i++) {
        struct rn_hosts hosts = {0};
        rn_health_recall(&hosts, rig.cache.dir);
        rn_host_learn(rn_host_of(&hosts, server_url(mirror)), 0, 0, true);
        cr_assert_eq(rn_mkdirs(rig.cache.dir, NULL), RN_OK);
        rn_health_save(&hosts, rig.cache.dir);
        rn_hosts_release(&hosts);
    }
    cr_assert_eq(rank_of_mirror(), 2);
    size_t asked = server_requests(mirror);
    rig_put(&rig, "a.jsonl", good_jsonl, strlen(good_jsonl));
    char *url = rn_xprintf("%s/a.jsonl", server_url(mirror));
    rig.file.passing = true; /* one source is enough */
    rig_source(&rig, url);
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_requests(mirror), asked, "the dead mirror was asked although it came last");
    free(url);
}

Test(health, one_that_answers_again_is_as_good_as_any)
{
    char *text = line_of_mirror(5, 0, 10);
    remember(text);
    cr_assert_eq(rank_of_mirror(), 2);
    rig.file.passing = true;
    rig_put(&rig, "a.jsonl", good_jsonl, strlen(good_jsonl));
    char *url = rn_xprintf("%s/a.jsonl", server_url(mirror));
    rig_source(&rig, "/not-there");
    rig_source(&rig, url);
    cr_assert_eq(rig_fetch(&rig), RN_OK, "health never leaves a source out: %s", rig.err.msg);
    cr_assert_eq(rank_of_mirror(), 0);
    free(url);
    free(text);
}

Test(health, what_was_learnt_ages)
{
    static const struct {
        int failures;
        double bytes_s, age_s;
        int rank;
    } rows[] = {
        {3, 0, 0, 2},        {3, 0, 3500, 2},    {3, 0, 3700, 0}, {0, 1000, 3700, 1},
        {0, 1000, 90000, 0}, {9, 1000, 3700, 1}, {3, 0, -100, 0}, /* a clock that was set back */
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        char *text = line_of_mirror(rows[i].failures, rows[i].bytes_s, rows[i].age_s);
        remember(text);
        cr_expect_eq(rank_of_mirror(), rows[i].rank, "row %zu", i);
        free(text);
    }
}

Test(health, a_file_of_another_kind_says_nothing)
{
    char *good = line_of_mirror(9, 0, 0);
    const char *name = strstr(server_url(mirror), "//") + 2;
    char *broken[] = {
        rn_xdup(""),
        rn_xdup(good + strlen("runnel-hosts 1\n")),
        rn_xprintf("runnel-hosts 2\n%s 9 0 %.0f\n", name, rn_time_s()),
        rn_xprintf("runnel-hosts 1\n%s 9 0\n", name),
        rn_xprintf("runnel-hosts 1\n%s 9 0 %.0f more\n", name, rn_time_s()),
        rn_xprintf("runnel-hosts 1\n%s -9 0 %.0f\n", name, rn_time_s()),
        rn_xprintf("runnel-hosts 1\n%s 999999999 0 %.0f\n", name, rn_time_s()),
        rn_xprintf("runnel-hosts 1\n%s 9 nan nan\n", name),
        rn_xprintf("runnel-hosts 1\n%s 9 -inf %.0f\n", name, rn_time_s()),
        rn_xprintf("runnel-hosts 1\n%0300d 9 0 %.0f\n", 7, rn_time_s()),
    };
    remember(good);
    cr_assert_eq(rank_of_mirror(), 2);
    for (size_t i = 0; i < RN_COUNT(broken); i++) {
        remember(broken[i]);
        cr_expect_eq(rank_of_mirror(), 0, "%s", broken[i]);
        free(broken[i]);
    }
    free(good);
}

Test(health, the_file_stays_small_and_keeps_the_latest)
{
    struct rn_hosts hosts = {0};
    char url[64];
    cr_assert_eq(rn_mkdirs(rig.cache.dir, NULL), RN_OK);
    for (int i = 0; i < 600; i++) {
        snprintf(url, sizeof url, "https://host-%03d.test/", i);
        struct rn_host *h = rn_host_of(&hosts, url);
        rn_host_learn(h, 0, 0, true);
        h->learnt_s = rn_time_s() - 600 + i;
    }
    rn_health_save(&hosts, rig.cache.dir);
    rn_hosts_release(&hosts);
    rn_health_recall(&hosts, rig.cache.dir);
    cr_assert_eq(hosts.n, 256);
    cr_assert_eq(rn_host_of(&hosts, "https://host-599.test/")->failures, 1);
    cr_assert_eq(rn_host_of(&hosts, "https://host-000.test/")->failures, 0);
    rn_hosts_release(&hosts);
}

Test(health, a_probe_tells_it_and_corrects_it)
{
    char *text = line_of_mirror(4, 0, 10);
    remember(text);
    rig_put(&rig, "a.jsonl", good_jsonl, strlen(good_jsonl));
    char *url = rn_xprintf("%s/a.jsonl", server_url(mirror));
    struct rn_probe p = {.file = &rig.file, .source = rig_source(&rig, url)};
    cr_assert_eq(rn_probe_all(&rig.fetcher, &p, 1, &rig.err), RN_OK, "%s", rig.err.msg);
    cr_assert_str_eq(p.health, "failed 4 times in a row");
    cr_assert_eq(rank_of_mirror(), 0);
    free(url);
    free(text);
}
