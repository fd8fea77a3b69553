/* A git-lfs pointer leads to its object: by an url that is known for the host, or by the word of
 * the repository's batch API, which may lie. */
#include "clock.h"
#include "file.h"
#include "path.h"
#include "rig.h"

#include "lfs_api.h"
#include "who.h"

#define POINTER "/o/r/raw/main/a.jsonl"
#define API     "/o/r.git/info/lfs/objects/batch"

static struct rig rig;
static struct server *other;
static char oid[RN_HEX];

static void put_at(const char *name, const void *bytes, size_t n)
{
    char *path = rn_join(rig.www, name), *dir = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(dir, NULL), RN_OK);
    rig_put(&rig, name, bytes, n);
    free(dir);
    free(path);
}

static void put_pointer(const char *name, const char *digest, size_t n)
{
    char *text = rn_xprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n",
                            digest, n);
    put_at(name, text, strlen(text));
    free(text);
}

static void up(void)
{
    char name[128];
    rig_up(&rig);
    other = server_start(rig.www, 0);
    server_set_other(rig.server, server_url(other));
    rig.fetcher.retries = 0;
    rn_sha256_hex(good_jsonl, strlen(good_jsonl), oid);
    snprintf(name, sizeof name, "lfs/%s", oid);
    put_at(name, good_jsonl, strlen(good_jsonl));
    put_at("lfs/other", "{\"text\": \"x\"}\n", 14);
    put_pointer(&POINTER[1], oid, strlen(good_jsonl));
    rig_source(&rig, POINTER);
}

static void down(void)
{
    server_stop(other);
    rig_down(&rig);
}

TestSuite(lfs, .init = up, .fini = down, .timeout = 300);

Test(lfs, the_api_of_a_repository)
{
    static const struct {
        const char *url, *api;
    } rows[] = {
        {"https://raw.githubusercontent.com/o/r/main/d/a.bin",
         "https://github.com/o/r.git/info/lfs/objects/batch"},
        {"https://github.com/o/r/raw/main/a.bin",
         "https://github.com/o/r.git/info/lfs/objects/batch"},
        {"https://gitlab.test/g/s/r/-/raw/main/a",
         "https://gitlab.test/g/s/r.git/info/lfs/objects/batch"},
        {"https://hub.test/datasets/o/n/raw/main/a",
         "https://hub.test/datasets/o/n.git/info/lfs/objects/batch"},
        {"https://example.org/files/a.bin", NULL},
    };
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        char *api = rn_lfs_api_url(rows[i].url);
        if (rows[i].api)
            cr_expect_str_eq(api, rows[i].api);
        else
            cr_expect_null(api, "%s", api);
        free(api);
    }
}

/* What the API says, and what becomes of the file: accepted where `verdict` is NULL. */
static const struct scenario {
    const char *kind, *verdict, *because;
} scenarios[] = {
    {"lfs-batch", NULL, ""},
    {"lfs-other-host", NULL, ""},
    {"lfs-expired-once", NULL, ""},
    {"lfs-503-once", NULL, ""},
    {"404", "refused", ""},
    {"html", "error-json", "no JSON"},
    {"redirect-other", "refused", "302"},
    {"reset", "transient", ""},
    {"lfs-no-json", "error-json", "no JSON"},
    {"lfs-tus", "refused", "without objects"},
    {"lfs-null", "refused", "no word about this object"},
    {"lfs-other-oid", "refused", "no word about this object"},
    {"lfs-other-size", "refused", "the pointer says"},
    {"lfs-other-bytes", "truncated", "the git-lfs pointer says"},
    {"lfs-plain-http", "intercepted", "plain http"},
    {"lfs-file", "refused", "an address that is none"},
    {"lfs-user", "refused", "an address that is none"},
    {"lfs-expired", "transient", "expired"},
    {"lfs-expired-date", "transient", "expired"},
    {"lfs-injects", "refused", "not its to set"},
    {"lfs-sets-range", "refused", "not its to set"},
    {"lfs-404", "refused", "not here (404)"},
    {"lfs-huge", "oversize", "more than 1048576 bytes"},
    {"lfs-deep", "error-json", "no JSON"},
};

/* Once afresh, once when half of the object came before. */
static void play(const struct scenario *s, bool again)
{
    bool once = strstr(s->kind, "-once") != NULL;
    rig.fetcher.pause_s = 0.01;
    if (again) {
        char *object = rn_xprintf("/lfs/%s", oid);
        server_fault(rig.server, object, "cut-once");
        server_fault(rig.server, API, "lfs-batch");
        cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
        server_heal(rig.server);
        rig.err = (struct rn_err){0};
        free(object);
    }
    rig.fetcher.retries = once;
    server_fault(rig.server, API, s->kind);
    if (once)
        server_fault(rig.server, API, "lfs-batch");
    int rc = rig_fetch(&rig);
    if (!s->verdict) {
        cr_expect_eq(rc, RN_OK, "%s: %s", s->kind, rig.err.msg);
        cr_expect_str_eq(rig.got.sha256, oid);
    } else {
        char *word = rn_xprintf(": %s: ", s->verdict);
        cr_expect_eq(rc, RN_EFETCH, "%s", s->kind);
        cr_expect(strstr(rig.err.msg, word), "%s: %s", s->kind, rig.err.msg);
        cr_expect(strstr(rig.err.msg, s->because), "%s: %s", s->kind, rig.err.msg);
        cr_expect_eq(rig_count(&rig, "cache/sha256"), 0, "%s", s->kind);
        free(word);
    }
    down();
    up();
}

Test(lfs, what_the_batch_api_may_say)
{
    for (size_t i = 0; i < RN_COUNT(scenarios); i++) {
        play(&scenarios[i], false);
        play(&scenarios[i], true);
    }
}

Test(lfs, an_object_elsewhere_sees_its_own_header_and_no_token_of_ours)
{
    struct rn_who who = {.hf_token = "hub-secret", .hf_endpoint = server_url(rig.server)};
    rig.fetcher.who = &who;
    server_fault(rig.server, API, "lfs-other-host");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(server_heard(rig.server, "POST " API));
    cr_assert(server_heard(rig.server, "Bearer hub-secret"));
    cr_assert(server_heard(other, "Bearer of-the-object"));
    cr_assert(!server_heard(other, "hub-secret"));
    cr_assert(!server_heard(rig.server, "Bearer of-the-object"));
}

/* --- many --- */

enum { MANY = 150 };

/* Time stands still: only the number of pointers, or that none is still to come, ends gathering. */
static double standing_now(void *ctx)
{
    (void)ctx;
    return 1000;
}

static void no_sleep(void *ctx, double seconds)
{
    (void)ctx, (void)seconds;
}

static const struct rn_clock standing = {.now_s = standing_now, .sleep_s = no_sleep};

Test(lfs, a_hundred_and_fifty_pointers_are_two_questions)
{
    struct rig_many m = {0};
    for (size_t i = 0; i < MANY; i++) {
        char digest[RN_HEX], text[64], name[128];
        snprintf(text, sizeof text, "{\"number\": %zu}\n", i);
        rn_sha256_hex(text, strlen(text), digest);
        snprintf(name, sizeof name, "lfs/%s", digest);
        put_at(name, text, strlen(text));
        snprintf(name, sizeof name, "o/r/raw/main/p%03zu", i);
        put_pointer(name, digest, strlen(text));
        rig_many_add(&rig, &m, name);
    }
    rig.fetcher.clock = &standing;
    server_fault(rig.server, API, "lfs-batch");
    cr_assert_eq(rig_fetch_many(&rig, &m), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(m.had, MANY);
    cr_assert_eq(server_count(rig.server, "POST " API), 2);
}
