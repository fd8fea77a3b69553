/* What is in the cache, is it still that, who needs it, and who may have it. */
#include "clock.h"
#include "file.h"
#include "partial.h"
#include "path.h"
#include "rig.h"
#include "serve.h"
#include "upkeep.h"

#include <sys/stat.h>

static struct rig rig;
static char hex[2][RN_HEX], *paths[2];

/* Two contents: the good file, and "other". */
static void up(void)
{
    rig_up(&rig);
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    memcpy(hex[0], rig.got.sha256, RN_HEX);
    paths[0] = rn_xdup(rig.got.path);
    rig_put(&rig, "a.jsonl", "{\"other\": 1}\n", 13);
    rig.file.id = "data.b/b.jsonl";
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    memcpy(hex[1], rig.got.sha256, RN_HEX);
    paths[1] = rn_xdup(rig.got.path);
}

static void down(void)
{
    free(paths[0]);
    free(paths[1]);
    rig_down(&rig);
}

TestSuite(upkeep, .init = up, .fini = down, .timeout = 300);

static void damage(const char *path)
{
    chmod(path, 0644);
    FILE *f = fopen(path, "r+b");
    cr_assert(f && fputc('X', f) == 'X' && fclose(f) == 0);
    chmod(path, 0444);
}

Test(upkeep, verify_moves_what_is_damaged_aside)
{
    struct rn_upkeep sums;
    cr_assert_eq(rn_cache_verify(&rig.cache, NULL, NULL, &sums, &rig.err), RN_OK);
    cr_expect_eq(sums.files[RN_GOOD], 2);
    damage(paths[0]);
    cr_assert_eq(rn_cache_verify(&rig.cache, NULL, NULL, &sums, &rig.err), RN_OK);
    cr_expect_eq(sums.files[RN_GOOD], 1);
    cr_expect_eq(sums.files[RN_DAMAGED], 1);
    cr_expect(!rn_exists(paths[0]));
    cr_expect_eq(rig_count(&rig, "cache/damaged"), 1);
}

Test(upkeep, contents_that_lie_as_they_once_did_are_found)
{
    char *found, *parent = rn_dirname(paths[0]);
    char *folder = rn_xprintf("%s/%.2s", parent, rn_basename(paths[0]));
    char *old = rn_join(folder, rn_basename(paths[0]));
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rename(paths[0], old), 0);
    cr_assert(!rn_cache_has(&rig.cache, rn_basename(paths[0])));
    rn_cache_sweep(&rig.cache);
    cr_assert_eq(rn_cache_find(&rig.cache, rn_basename(paths[0]), &found, &rig.err), RN_OK);
    cr_assert_str_eq(found, paths[0]);
    cr_assert(!rn_exists(folder), "the empty folder stays");
    free(found);
    free(old);
    free(folder);
    free(parent);
}

Test(upkeep, a_file_of_another_name_stays_where_it_lies)
{
    char *parent = rn_dirname(paths[0]), *folder = rn_join(parent, "ab");
    char *foreign = rn_join(folder, "notes.txt");
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(foreign, "x", 1, NULL), RN_OK);
    rn_cache_sweep(&rig.cache);
    cr_assert(rn_exists(foreign));
    free(foreign);
    free(folder);
    free(parent);
}

static int collect_garbage(struct rn_digests *named, double keep_s, bool dry_run,
                           struct rn_upkeep *sums)
{
    struct rn_gc gc = {
        .named = named, .keep_s = keep_s, .now_s = rn_time_s() + 100, .dry_run = dry_run};
    return rn_cache_gc(&rig.cache, &gc, NULL, NULL, sums, &rig.err);
}

Test(upkeep, gc_keeps_what_is_named_or_young)
{
    struct rn_digests named = {0};
    struct rn_upkeep sums;
    cr_assert_eq(collect_garbage(&named, 1000, false, &sums), RN_OK);
    cr_expect_eq(sums.files[RN_KEPT_YOUNG], 2);
    cr_assert_eq(collect_garbage(&named, 10, true, &sums), RN_OK);
    cr_expect_eq(sums.files[RN_REMOVED], 2);
    cr_expect(rn_exists(paths[0]) && rn_exists(paths[1]), "a dry run removes nothing");
    char *text = rn_xprintf("{\"event\": \"done\", \"out\": \"%s\"}\n", hex[1]);
    char *journal = rn_join(rig.dir, "runs/x/journal.jsonl"), *runs = rn_join(rig.dir, "runs");
    char *folder = rn_dirname(journal);
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(journal, text, strlen(text), NULL), RN_OK);
    cr_assert_eq(rn_digests_collect(&named, runs, &rig.err), RN_OK);
    cr_assert_eq(collect_garbage(&named, 10, false, &sums), RN_OK);
    cr_expect_eq(sums.files[RN_REMOVED], 1);
    cr_expect_eq(sums.files[RN_KEPT_NAMED], 1);
    cr_expect(!rn_exists(paths[0]) && rn_exists(paths[1]));
    rn_digests_release(&named);
    free(folder);
    free(runs);
    free(journal);
    free(text);
}

Test(upkeep, gc_keeps_what_an_output_is_linked_to)
{
    struct rn_digests none = {0};
    struct rn_upkeep sums;
    char *output = rn_join(rig.dir, "output");
    cr_assert_eq(link(paths[0], output), 0);
    cr_assert_eq(collect_garbage(&none, 0, false, &sums), RN_OK);
    cr_expect_eq(sums.files[RN_KEPT_LINKED], 1);
    cr_expect_eq(sums.files[RN_REMOVED], 1);
    cr_expect(rn_exists(paths[0]) && !rn_exists(paths[1]));
    unlink(output);
    cr_assert_eq(collect_garbage(&none, 0, false, &sums), RN_OK);
    cr_expect(!rn_exists(paths[0]), "the output is gone, so nobody needs it");
    free(output);
}

Test(upkeep, a_lock_file_names_what_it_pins)
{
    struct rn_digests named = {0};
    cr_assert_eq(rn_digests_read(&named, rig.lock.path, &rig.err), RN_OK);
    cr_expect(rn_digests_have(&named, hex[0]) && rn_digests_have(&named, hex[1]));
    cr_expect(!rn_digests_have(&named, "0123"));
    rn_digests_release(&named);
}

/* --- serving --- */

static struct rn_serve *serve(void)
{
    struct rn_serve *s;
    cr_assert_eq(rn_serve_start(&s, &rig.cache, "127.0.0.1:0", &rig.err), RN_OK, "%s", rig.err.msg);
    return s;
}

/* Everything that comes for a request written out. */
static struct rn_str ask(const struct rn_serve *s, const char *request)
{
    struct rn_str got = {0};
    char *port = rn_xdup(strrchr(rn_serve_url(s), ':') + 1);
    char *command = rn_xprintf("printf '%s' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; "
                               "cat >&3; cat <&3'",
                               request, port);
    FILE *f = popen(command, "r");
    for (int c; (c = getc(f)) != EOF;)
        rn_str_putc(&got, (char)c);
    pclose(f);
    free(command);
    free(port);
    return got;
}

static void expect_answer(const struct rn_serve *s, const char *request, const char *status,
                          const char *text)
{
    struct rn_str got = ask(s, request);
    cr_expect(got.p && strstr(got.p, status), "%s\n%s", request, got.p ? got.p : "");
    cr_expect(got.p && strstr(got.p, text), "%s\n%s", request, got.p ? got.p : "");
    rn_str_release(&got);
}

static void expect_for(const struct rn_serve *s, const char *method, const char *path,
                       const char *headers, const char *status, const char *text)
{
    char *request = rn_xprintf("%s %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n%s\\r\\n",
                               method, path, headers);
    expect_answer(s, request, status, text);
    free(request);
}

Test(upkeep, serve_gives_contents_by_digest_and_nothing_else)
{
    struct rn_serve *s = serve();
    char *path = rn_xprintf("/sha256/%s", hex[1]), *etag = rn_xprintf("ETag: \"%s\"", hex[1]);
    char *none = rn_xprintf("/sha256/%064d", 7), *up_case = rn_xprintf("/sha256/%064d", 0);
    memset(up_case + 8, 'A', 64);
    char *longer = rn_xprintf("%s0", path), *climb = rn_xprintf("/sha256/../sha256/%s", hex[1]);
    char *matching = rn_xprintf("Range: bytes=2-6\\r\\nIf-Range: \"%s\"\\r\\n", hex[1]);
    expect_for(s, "GET", path, "", "200 OK", "{\"other\": 1}");
    expect_for(s, "GET", path, "", "200 OK", etag);
    expect_for(s, "HEAD", path, "", "200 OK", "Content-Length: 13");
    expect_for(s, "GET", path, "Range: bytes=2-6\\r\\n", "206", "Content-Range: bytes 2-6/13");
    expect_for(s, "GET", path, matching, "206", "\r\n\r\nother");
    expect_for(s, "GET", path, "Range: bytes=-3\\r\\n", "206", "\r\n\r\n1}\n");
    expect_for(s, "GET", path, "Range: bytes=8-\\r\\n", "206", "bytes 8-12/13");
    expect_for(s, "GET", path, "Range: bytes=13-\\r\\n", "416", "bytes */13");
    expect_for(s, "GET", path, "Range: bytes=2-6\\r\\nIf-Range: \"x\"\\r\\n", "200 OK", "{\"other");
    expect_for(s, "GET", path, "Range: bytes=6-2\\r\\n", "200 OK", "{\"other");
    expect_for(s, "GET", path, "Range: bytes=0-1,3-4\\r\\n", "200 OK", "{\"other");
    expect_for(s, "POST", path, "Content-Length: 0\\r\\n", "405", "Allow: GET, HEAD");
    expect_for(s, "DELETE", path, "", "405", "");
    expect_for(s, "GET", none, "", "404", "");
    expect_for(s, "GET", up_case, "", "404", "");
    expect_for(s, "GET", longer, "", "404", "");
    expect_for(s, "GET", climb, "", "404", "");
    expect_for(s, "GET", "/", "", "404", "");
    expect_for(s, "GET", "/etc/passwd", "", "404", "");
    expect_for(s, "GET", "/digests", "", "404", "");
    damage(paths[1]);
    expect_for(s, "GET", path, "", "404", "");
    rn_serve_stop(s);
    free(matching);
    free(climb);
    free(longer);
    free(up_case);
    free(none);
    free(etag);
    free(path);
}

Test(upkeep, another_machine_fetches_from_the_served_cache)
{
    struct rn_serve *s = serve();
    struct rn_cache second;
    char *dir = rn_join(rig.dir, "second");
    const char *mirrors[] = {rn_serve_url(s), NULL};
    rn_cache_init(&second, dir);
    rig.fetcher.cache = &second;
    rig.fetcher.mirrors = mirrors;
    server_fault(rig.server, "/a.jsonl", "404");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_expect_str_eq(rig.got.sha256, hex[1]);
    rn_cache_release(&second);
    rn_serve_stop(s);
    free(dir);
}

Test(upkeep, addresses_that_are_none)
{
    static const char *const bad[] = {"",           "127.0.0.1",   "localhost:1", "127.0.0.1:99999",
                                      "1.2.3.4:x",  "[::1]",       "[]:1",        "::1:80",
                                      "127.0.0.1:", "127.0.0.1:-1"};
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_serve *s = NULL;
        struct rn_err err = {0};
        cr_expect_eq(rn_serve_start(&s, &rig.cache, bad[i], &err), RN_EUSAGE, "%s", bad[i]);
        rn_serve_stop(s);
    }
}
