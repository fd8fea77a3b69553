/* What one file must go through before it has a name. */
#include "clock.h"
#include "file.h"
#include "path.h"
#include "rig.h"

#include <errno.h>
#include <json.h>

static struct rig rig;

static void up(void)
{
    rig_up(&rig);
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(fetch, .init = up, .fini = down, .timeout = 300);

static void nothing_has_a_name(void)
{
    cr_assert_eq(rig_count(&rig, "cache/sha256"), 0);
    cr_assert_eq(rig_count(&rig, "cache/tmp"), 0);
    cr_assert_null(rig.got.path);
    cr_assert_eq(rig.lock.n, 0);
}

Test(fetch, a_good_file_is_accepted_pinned_and_read_only)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(rig.got.size_bytes, (int64_t)strlen(good_jsonl));
    cr_assert_eq(rig.got.trust, RN_TRUST_FIRST_USE);
    cr_assert(!rig.got.from_cache);
    cr_assert(rig_said(&rig, "accepted a.jsonl from 127.0.0.1:"));
    const struct rn_pin *pin = rn_pins_find(&rig.lock, "data.a/a.jsonl");
    cr_assert(pin);
    cr_assert_str_eq(pin->sha256, rig.got.sha256);
    cr_assert_eq(rig_count(&rig, "cache/tmp"), 0, "no temporary file is left");
    if (geteuid() != 0)
        cr_assert_neq(access(rig.got.path, W_OK), 0);
}

/* Every kind of wrong answer, alone: the verdict, and nothing with a name. */
static const struct {
    const char *kind, *verdict, *in_message;
    bool has_body;
} wrong[] = {
    {"403-xml", "refused", "S3 AccessDenied (403)", true},
    {"200-xml", "error-page", "S3 AccessDenied (200)", true},
    {"html", "error-page", "HTML page 'Sign in' (200)", true},
    {"json-error", "error-json", "JSON error 'Repository not found' (200)", true},
    {"lfs", "lfs-pointer", "git-lfs pointer to sha256 4d7a214614ab", true},
    {"cut", "truncated", " of ", true},
    {"cut-chunked", "truncated", "", true},
    {"cut-close", "malformed", "not an object", true},
    {"wrong-length", "malformed", "not an object", true},
    {"206", "truncated", "status 206", true},
    {"204", "refused", "status 204", false},
    {"empty", "truncated", "empty body", false},
    {"gzip", "malformed", "sent as gzip", true},
    {"evil-headers", "error-page", "HTML page '\\x1B[2J\\xFF' (200)", true},
    {"401", "refused", "JSON error 'Access to dataset x is restricted", true},
    {"404", "refused", "HTML page 'Sign in' (404)", true},
    {"429", "transient", "status 429", true},
    {"503", "transient", "HTML page 'Sign in' (503)", true},
    {"511", "intercepted", "captive portal", true},
    {"redirect-http", "intercepted", "plain http at 198.51.100.7", false},
    {"redirect-loop", "refused", "redirects", false},
    {"redirect-html", "error-page", "HTML page", true},
    {"reset", "transient", "", false},
};

Test(fetch, each_wrong_answer_gets_its_verdict_and_no_name)
{
    rig.fetcher.retries = 0;
    rig_source(&rig, "/a.jsonl");
    for (size_t i = 0; i < RN_COUNT(wrong); i++) {
        struct server *s = server_start(rig.www, 0);
        cr_assert_eq(server_fault(s, "/a.jsonl", wrong[i].kind), 0, "%s", wrong[i].kind);
        char *url = rn_xprintf("%s/a.jsonl", server_url(s));
        rig.sources[0].url = url;
        cr_assert_eq(rig_fetch(&rig), RN_EFETCH, "%s was not rejected", wrong[i].kind);
        char *expected = rn_xprintf(": %s: ", wrong[i].verdict);
        cr_assert(strstr(rig.err.msg, expected), "%s: %s", wrong[i].kind, rig.err.msg);
        cr_assert(strstr(rig.err.msg, wrong[i].in_message), "%s: %s", wrong[i].kind, rig.err.msg);
        nothing_has_a_name();
        char *folder = rn_xprintf("a.jsonl-%s", wrong[i].verdict);
        if (wrong[i].has_body)
            cr_assert(rig_quarantined(&rig, folder), "%s: no evidence", wrong[i].kind);
        rn_remove_tree(rig.quarantine, NULL);
        free(folder);
        free(expected);
        free(url);
        server_stop(s);
    }
}

Test(fetch, the_403_xml_of_a_bucket_falls_back_to_the_zip_of_the_second_source)
{
    server_fault(rig.server, "/a.jsonl", "200-xml");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "builtin:tiny/good.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rig_said(&rig, "rejected a.jsonl from 127.0.0.1:"));
    cr_assert(rig_said(&rig, ": error-page: S3 AccessDenied (200), "), "%s", rig.said.p);
    cr_assert(rig_said(&rig, "bytes, \"<?xml version="));
    cr_assert(rig_said(&rig, "accepted a.jsonl from builtin:tiny"));
    cr_assert(rig_quarantined(&rig, "a.jsonl-error-page"));
    cr_assert_eq(rig.lock.n, 0, "builtin sources are not pinned");
}

Test(fetch, the_builtin_bucket_answers_as_s3_does)
{
    rig.fetcher.offline = true;
    rig_source(&rig, "builtin:access-denied");
    rig_source(&rig, "builtin:tiny/good.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rig_said(&rig, "rejected a.jsonl from builtin:access-denied: refused: "
                             "S3 AccessDenied (403), "));
}

Test(fetch, quarantine_keeps_64_kib_and_no_secrets)
{
    char *big = rn_xalloc(200000);
    memset(big, ' ', 200000);
    memcpy(big, "<html>", 6);
    rig_put(&rig, "big", big, 200000);
    free(big);
    char *url = rn_xprintf("%s/big?token=secret", server_url(rig.server));
    rig_source(&rig, url);
    free(url);
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    char *meta, *path = rn_join(rig.quarantine, "a.jsonl-error-page/body");
    size_t n;
    cr_assert_eq(rn_file_size(path), RN_ERROR_BODY);
    free(path);
    path = rn_join(rig.quarantine, "a.jsonl-error-page/meta.json");
    cr_assert_eq(rn_file_read(path, 1 << 16, &meta, &n, NULL), RN_OK);
    cr_assert(strstr(meta, "\"first_bytes\": \"3C 68 74 6D 6C 3E"), "%s", meta);
    cr_assert(!strstr(meta, "secret"), "%s", meta);
    cr_assert(!strstr(rig.err.msg, "secret"), "%s", rig.err.msg);
    cr_assert(!rig_said(&rig, "secret"));
    free(meta);
    free(path);
}

Test(fetch, two_rejections_of_one_kind_are_both_kept)
{
    server_fault(rig.server, "/a.jsonl", "200-xml");
    server_fault(rig.server, "/b.jsonl", "html");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(rig_quarantined(&rig, "a.jsonl-error-page"));
    cr_assert(rig_quarantined(&rig, "a.jsonl-error-page-2"));
    cr_assert(!rig_quarantined(&rig, "a.jsonl-error-page-3"), "asked twice, kept once");
}

Test(fetch, transient_trouble_is_asked_again_but_a_refusal_is_not)
{
    server_fault(rig.server, "/a.jsonl", "503-once");
    server_fault(rig.server, "/a.jsonl", "cut-once");
    server_fault(rig.server, "/gone", "404");
    rig_source(&rig, "/gone");
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(server_requests(rig.server), 4, "404 once; 503, cut, then the file");
}

Test(fetch, retry_after_is_waited_for)
{
    server_fault(rig.server, "/a.jsonl", "429-once");
    rig_source(&rig, "/a.jsonl");
    double start = rn_clock_s();
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_geq(rn_clock_s() - start, 1.0);
}

Test(fetch, a_drip_and_a_silent_server_are_dropped)
{
    rig.fetcher.retries = 0;
    rig.fetcher.stall_s = 0.3;
    server_fault(rig.server, "/a.jsonl", "drip");
    server_fault(rig.server, "/b.jsonl", "hang");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    double start = rn_clock_s();
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert_lt(rn_clock_s() - start, 8.0);
    cr_assert(strstr(rig.err.msg, "stalled"), "%s", rig.err.msg);
    nothing_has_a_name();
}

Test(fetch, an_endless_body_ends_at_the_cap)
{
    server_fault(rig.server, "/a.jsonl", "endless");
    rig.file.expect.max_size = 1 << 20;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "oversize"), "%s", rig.err.msg);
    nothing_has_a_name();
}

Test(fetch, a_redirect_on_loopback_is_followed)
{
    server_fault(rig.server, "/a.jsonl", "redirect");
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
}

Test(fetch, a_wrong_digest_is_rejected_with_both_digests_and_the_first_bytes)
{
    char hex[RN_HEX];
    rn_sha256_hex("other", 5, hex);
    rig.file.sha256 = hex;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, ": digest: sha256 "), "%s", rig.err.msg);
    cr_assert(strstr(rig.err.msg, "7B 22 74 65"), "%s", rig.err.msg);
    nothing_has_a_name();
}

Test(fetch, a_pinned_error_page_is_still_called_an_error_page)
{
    char hex[RN_HEX];
    rn_sha256_hex("other", 5, hex);
    rig.file.sha256 = hex;
    server_fault(rig.server, "/a.jsonl", "200-xml");
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "error-page: S3 AccessDenied"), "%s", rig.err.msg);
}

Test(fetch, size_rows_and_min_size_are_checked)
{
    rig_source(&rig, "/a.jsonl");
    rig.fetcher.retries = 0;
    rig.file.size_bytes = (int64_t)strlen(good_jsonl) + 1;
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "truncated: 50 of 51 bytes"), "%s", rig.err.msg);
    rig.file.size_bytes = (int64_t)strlen(good_jsonl) - 1;
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "oversize: "), "%s", rig.err.msg);
    rig.file.size_bytes = -1;
    rig.file.expect.min_size = 1000;
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "malformed: 50 bytes, at least 1000"), "%s", rig.err.msg);
    rig.file.expect.min_size = -1;
    rig.file.expect.rows = 4;
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "malformed: 3 rows, expected 4"), "%s", rig.err.msg);
    nothing_has_a_name();
}

Test(fetch, a_pinned_and_cached_file_needs_no_socket)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    size_t asked = server_requests(rig.server);
    rig.fetcher.offline = true;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rig.got.from_cache);
    cr_assert_eq(rig.got.trust, RN_TRUST_LOCK);
    rig.fetcher.offline = false;
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    cr_assert_eq(server_requests(rig.server), asked);
}

Test(fetch, a_damaged_cache_entry_is_fetched_again)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    cr_assert_eq(rn_remove_tree(rig.got.path, NULL), RN_OK);
    cr_assert_eq(rn_file_write(rig.got.path, "damaged", 7, NULL), RN_OK);
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(!rig.got.from_cache);
    cr_assert_eq(rn_file_size(rig.got.path), (int64_t)strlen(good_jsonl));
}

Test(fetch, damage_in_the_way_of_a_new_download_does_not_stay_under_its_name)
{
    char hex[RN_HEX];
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    char *damaged = rn_xdup(good_jsonl); /* of the same size */
    damaged[2] = '!';
    cr_assert_eq(rn_remove_tree(rig.got.path, NULL), RN_OK);
    cr_assert_eq(rn_file_write(rig.got.path, damaged, strlen(damaged), NULL), RN_OK);
    free(damaged);
    rig.file.id = "data.b/a.jsonl"; /* not pinned: nothing looks into the cache before */
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(rn_sha256_file(rig.got.path, hex, NULL, NULL), RN_OK);
    cr_assert_str_eq(hex, rig.got.sha256);
}

Test(fetch, offline_without_a_cached_copy_names_the_file)
{
    rig.fetcher.offline = true;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EOFFLINE);
    cr_assert(strstr(rig.err.msg, "a.jsonl"), "%s", rig.err.msg);
    cr_assert_eq(server_requests(rig.server), 0);
}

Test(fetch, locked_accepts_pinned_files_and_adds_none)
{
    rig.fetcher.locked = true;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_ECONFIG);
    cr_assert_eq(server_requests(rig.server), 0, "refused before asking");
    rig.fetcher.locked = false;
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    rig.fetcher.locked = true;
    cr_assert_eq(rn_remove_tree(rig.got.path, NULL), RN_OK);
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(rig.got.trust, RN_TRUST_LOCK);
}

Test(fetch, a_source_that_changed_its_mind_meets_the_pin)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    cr_assert_eq(rn_remove_tree(rig.got.path, NULL), RN_OK);
    rig_put(&rig, "a.jsonl", "{\"text\": \"new\"}\n", 16);
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, ": digest: "), "%s", rig.err.msg);
}

Test(fetch, a_check_written_later_is_applied_to_the_cached_file)
{
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    rig.file.expect.rows = 7;
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "fails its check: malformed: 3 rows"), "%s", rig.err.msg);
}

Test(fetch, local_files_are_copied_digested_and_not_pinned)
{
    rig_source(&rig, "www/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_eq(rig.lock.n, 0);
    char *absolute = rn_xprintf("file://%s/a.jsonl", rig.www);
    rig.sources[0].url = absolute;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    free(absolute);
    rig.sources[0].url = "www";
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "not a regular file"), "%s", rig.err.msg);
}

Test(fetch, a_local_file_of_any_name_may_be_rejected)
{
    char name[240], *path;
    snprintf(name, sizeof name, "%s", "ab");
    while (strlen(name) + 2 < 140)
        strcat(name, "\xC3\xA4"); /* a cut between the two bytes would be no UTF-8 */
    path = rn_join(rig.dir, name);
    cr_assert_eq(rn_file_write(path, "no lines", 8, NULL), RN_OK);
    rig_source(&rig, path)->url = rn_arena_printf(&rig.texts, "file://%s", path);
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(rig_quarantined(&rig, "a.jsonl-malformed"));
    free(path);
}

static bool is_allowed(const char *url, bool pinned)
{
    struct rn_url u = rn_url_parse(url);
    return rn_url_allowed(&u, pinned);
}

Test(fetch, plain_http_from_afar_needs_a_digest)
{
    cr_assert(is_allowed("https://example.org/x", false));
    cr_assert(!is_allowed("http://example.org/x", false));
    cr_assert(is_allowed("http://example.org/x", true));
    cr_assert(is_allowed("http://127.0.0.1:8080/x", false));
    cr_assert(is_allowed("http://[::1]/x", false));
    cr_assert(!is_allowed("http://127.0.0.1.example.org/x", false));
    cr_assert(!is_allowed("http://127.0.0.1@example.org/x", false));
    cr_assert(!is_allowed("ftp://127.0.0.1/x", true));
    rig_source(&rig, "http://example.org/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "plain http without a sha256"), "%s", rig.err.msg);
}

static ssize_t full_disk(int fd, const void *bytes, size_t n)
{
    (void)fd;
    (void)bytes;
    (void)n;
    errno = ENOSPC;
    return -1;
}

static int no_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    errno = ENOSPC;
    return -1;
}

static int no_sync(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

Test(fetch, a_full_disk_ends_the_fetch_and_leaves_no_name)
{
    struct rn_io real = rn_io;
    rig_source(&rig, "/a.jsonl");
    rn_io.write = full_disk;
    cr_assert_eq(rig_fetch(&rig), RN_ENOSPACE);
    cr_expect(strstr(rig.err.hint, "more are needed"), "%s", rig.err.hint);
    nothing_has_a_name();
    rn_io = real;
    rn_io.rename_new = no_rename;
    cr_assert_eq(rig_fetch(&rig), RN_ENOSPACE);
    cr_expect(rn_starts_with(rig.err.hint, "make room"), "all bytes are there: %s", rig.err.hint);
    nothing_has_a_name();
    rn_io = real;
    rn_io.fsync = no_sync;
    cr_assert_eq(rig_fetch(&rig), RN_EIO);
    nothing_has_a_name();
    rn_io = real;
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
}

static bool stop_now(void *ctx)
{
    (void)ctx;
    return true;
}

Test(fetch, a_stop_signal_ends_a_stalled_download)
{
    server_fault(rig.server, "/a.jsonl", "drip");
    rig.fetcher.stopping = stop_now;
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_ESTOPPED);
    nothing_has_a_name();
}
