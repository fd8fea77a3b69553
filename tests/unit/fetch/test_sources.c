/* From an url as written to a file that is proven: packings, pointers, the word of publishers and
 * servers, a second opinion, and secrets that stay where they belong. */
#include "file.h"
#include "path.h"
#include "probe.h"
#include "request.h"
#include "rig.h"

#include <openssl/evp.h>
#include <zlib.h>
#include <zstd.h>

static struct rig rig;
static struct rn_who who;
static char hex[RN_HEX];

static void up(void)
{
    rig_up(&rig);
    rig.fetcher.retries = 0;
    rig.fetcher.who = &who;
    rn_sha256_hex(good_jsonl, strlen(good_jsonl), hex);
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(sources, .init = up, .fini = down, .timeout = 300);

static void put(const char *name, const char *text)
{
    char *path = rn_join(rig.www, name), *parent = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(parent, NULL), RN_OK);
    rig_put(&rig, name, text, strlen(text));
    free(parent);
    free(path);
}

static const struct rn_pin *pin(void)
{
    return rn_pins_find(&rig.lock, "data.a/a.jsonl");
}

static void is_accepted(enum rn_trust trust)
{
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s\n%s", rig.err.msg, rig.said.p);
    cr_assert_str_eq(rig.got.sha256, hex);
    cr_assert_eq(rig.got.trust, trust, "trust %s", rn_trust_word(rig.got.trust));
    cr_assert_str_eq(pin()->sha256, hex);
    cr_assert_eq(pin()->trust, trust);
    cr_assert_eq(rig_count(&rig, "cache/partial"), 0, "nothing half done stays");
}

static void is_rejected(const char *verdict, const char *told)
{
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH, "%s", rig.said.p);
    cr_assert(strstr(rig.err.msg, verdict), "%s", rig.err.msg);
    cr_assert(strstr(rig.err.msg, told) || strstr(rig.err.hint, told), "%s (%s)", rig.err.msg,
              rig.err.hint);
    cr_assert_null(rig.got.path);
    cr_assert_null(pin());
}

/* --- packings --- */

static void put_gzip(const char *name, const void *bytes, size_t n)
{
    unsigned char out[4096];
    z_stream z = {.next_in = (unsigned char *)bytes, .avail_in = (uInt)n};
    z.next_out = out;
    z.avail_out = sizeof out;
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    rig_put(&rig, name, out, z.total_out);
    deflateEnd(&z);
}

Test(sources, one_payload_in_three_packings_is_one_file)
{
    char zst[4096];
    size_t n = ZSTD_compress(zst, sizeof zst, good_jsonl, strlen(good_jsonl), 3);
    put_gzip("a.jsonl.gz", good_jsonl, strlen(good_jsonl));
    rig_put(&rig, "a.bin", zst, n);
    rig_source(&rig, "/a.jsonl.gz")->pack = RN_PACK_GZIP;
    rig_source(&rig, "/a.bin")->pack = RN_PACK_ZSTD;
    is_accepted(RN_TRUST_AGREED);
    for (size_t i = 0; i < 2; i++) { /* each alone gives the pinned digest */
        cr_assert_eq(rn_remove_tree(rig.cache.dir, NULL), RN_OK);
        rig.file.n_sources = 1;
        rig.sources[0] = rig.sources[i];
        cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
        cr_assert_eq(rig.got.trust, RN_TRUST_LOCK);
    }
}

Test(sources, a_packed_source_that_is_none)
{
    put("page.gz", "<!DOCTYPE html><html><title>Sign in</title></html>");
    rig_source(&rig, "/page.gz")->pack = RN_PACK_GZIP;
    is_rejected("error-page", "Sign in");
    rig.sources[0].pack = RN_PACK_ZSTD;
    is_rejected("error-page", "Sign in");
    put("page.gz", good_jsonl);
    is_rejected("malformed", "not zstd");
}

Test(sources, gzip_in_gzip_is_not_the_file)
{
    put_gzip("once", good_jsonl, strlen(good_jsonl));
    char *path = rn_join(rig.www, "once"), *bytes;
    size_t n;
    cr_assert_eq(rn_file_read(path, 4096, &bytes, &n, NULL), RN_OK);
    put_gzip("twice", bytes, n);
    rig_source(&rig, "/twice")->pack = RN_PACK_GZIP;
    is_rejected("malformed", "not an object");
    cr_expect_eq(rig_count(&rig, "cache/partial"), 0);
    free(bytes);
    free(path);
}

Test(sources, a_cut_packing_is_truncated)
{
    put_gzip("a.gz", good_jsonl, strlen(good_jsonl));
    server_fault(rig.server, "/a.gz", "cut-close");
    rig_source(&rig, "/a.gz")->pack = RN_PACK_GZIP;
    is_rejected("truncated", "ends before its end");
}

Test(sources, a_member_that_is_not_there)
{
    char empty_zip[22] = "PK\005\006";
    rig_put(&rig, "a.zip", empty_zip, sizeof empty_zip);
    rig_source(&rig, "/a.zip")->member = "a.jsonl";
    is_rejected("malformed", "no member 'a.jsonl'");
}

/* --- git-lfs --- */

static void put_pointer(const char *name, const char *digest, size_t n)
{
    char *text = rn_xprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n",
                            digest, n);
    put(name, text);
    free(text);
}

Test(sources, a_pointer_leads_to_its_object)
{
    put_pointer("o/r/raw/main/a.jsonl", hex, strlen(good_jsonl));
    put("o/r/media/main/a.jsonl", good_jsonl);
    rig_source(&rig, "/o/r/raw/main/a.jsonl");
    is_accepted(RN_TRUST_HEADER);
    cr_assert(rig_said(&rig, "git-lfs pointer, following it"));
}

Test(sources, an_object_that_is_not_what_its_pointer_promised)
{
    char other[RN_HEX];
    rn_sha256_hex("other", 5, other);
    put_pointer("o/r/raw/main/a.jsonl", other, strlen(good_jsonl));
    put("o/r/media/main/a.jsonl", good_jsonl);
    rig_source(&rig, "/o/r/raw/main/a.jsonl");
    is_rejected("digest", "the git-lfs pointer says");
}

Test(sources, a_pointer_behind_a_pointer_leads_nowhere)
{
    put_pointer("o/r/raw/main/raw/a.jsonl", hex, strlen(good_jsonl));
    put_pointer("o/r/media/main/raw/a.jsonl", hex, strlen(good_jsonl));
    rig_source(&rig, "/o/r/raw/main/raw/a.jsonl");
    is_rejected("lfs-pointer", "");
    cr_assert_eq(server_count(rig.server, "GET "), 2);
}

/* --- whose word the digest rests on --- */

static void put_sums(const char *digest, const char *name)
{
    char *text = rn_xprintf("%s  %s\n", digest, name);
    put("SHA256SUMS", text);
    free(text);
}

static void use_sums(void)
{
    rig.file.sums = rn_xprintf("%s/SHA256SUMS", server_url(rig.server));
}

Test(sources, the_publishers_sums_vouch_for_a_file)
{
    put_sums(hex, "./a.jsonl");
    use_sums();
    rig_source(&rig, "/a.jsonl");
    is_accepted(RN_TRUST_SUMS);
    cr_assert_null(rn_pins_find(&rig.lock, "SHA256SUMS"), "the list itself is not pinned");
    size_t asked = server_requests(rig.server);
    cr_assert_eq(rig_fetch(&rig), RN_OK);
    cr_assert_eq(rig.got.trust, RN_TRUST_LOCK);
    cr_assert_eq(server_requests(rig.server), asked, "what is pinned and cached asks nobody");
}

Test(sources, sums_that_name_the_packed_body)
{
    char packed[RN_HEX];
    put_gzip("a.jsonl.gz", good_jsonl, strlen(good_jsonl));
    char *path = rn_join(rig.www, "a.jsonl.gz");
    cr_assert_eq(rn_sha256_file(path, packed, NULL, NULL), RN_OK);
    free(path);
    put_sums(packed, "a.jsonl.gz");
    use_sums();
    rig_source(&rig, "/a.jsonl.gz")->pack = RN_PACK_GZIP;
    is_accepted(RN_TRUST_SUMS);
}

Test(sources, sums_that_say_otherwise)
{
    char other[RN_HEX];
    rn_sha256_hex("other", 5, other);
    put_sums(other, "a.jsonl");
    use_sums();
    rig_source(&rig, "/a.jsonl");
    is_rejected("digest", "SHA256SUMS says");
}

Test(sources, sums_that_do_not_name_the_file)
{
    put_sums(hex, "b.jsonl");
    use_sums();
    rig_source(&rig, "/a.jsonl");
    is_rejected("digest", "SHA256SUMS has no digest for 'a.jsonl'");
}

Test(sources, sums_that_cannot_be_had)
{
    put("SHA256SUMS", "<html><title>Moved</title></html>");
    use_sums();
    rig_source(&rig, "/a.jsonl");
    is_rejected("error-page", "SHA256SUMS");
}

Test(sources, a_repr_digest_that_holds_and_one_that_does_not)
{
    put("a.jsonl.headers",
        "Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n");
    rig_source(&rig, "/a.jsonl");
    is_rejected("digest", "Repr-Digest says e3b0c44298fc");
    char *line = rn_xprintf("X-Linked-Etag: \"%s\"\r\n", hex);
    put("a.jsonl.headers", line);
    is_accepted(RN_TRUST_HEADER);
    cr_assert(pin()->etag[0] == '"', "%s", pin()->etag);
    free(line);
}

Test(sources, without_anybodys_word_two_sources_must_agree)
{
    put("b.jsonl", good_jsonl);
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    is_accepted(RN_TRUST_AGREED);
    cr_assert_eq(server_requests(rig.server), 2);
}

Test(sources, two_sources_that_disagree_give_no_file)
{
    put("b.jsonl", "{\"text\": \"something else\"}\n");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    is_rejected("digest", "they do not give the same bytes");
    cr_assert_eq(rig_count(&rig, "cache/sha256"), 0);
}

Test(sources, a_dead_second_source_leaves_first_use)
{
    server_fault(rig.server, "/b.jsonl", "503");
    rig.fetcher.retries = 5;
    rig.fetcher.pause_s = 60;
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    rig_source(&rig, "/missing");
    is_accepted(RN_TRUST_FIRST_USE);
    cr_assert_eq(server_requests(rig.server), 3, "each once, and no round of waiting");
}

Test(sources, two_that_agree_against_the_lock_hint_at_a_new_version)
{
    struct rn_pin old = {
        .id = "data.a/a.jsonl", .size_bytes = -1, .trust = RN_TRUST_FIRST_USE, .host = "h"};
    rn_sha256_hex("old", 3, old.sha256);
    old.size_bytes = (int64_t)strlen(good_jsonl);
    cr_assert_eq(rn_pins_add(&rig.lock, &old, 1, NULL), RN_OK);
    put("b.jsonl", good_jsonl);
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/b.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, "digest"), "%s", rig.err.msg);
    cr_assert(strstr(rig.err.hint, "data.a/a.jsonl --update"), "%s", rig.err.hint);
    cr_assert_str_eq(pin()->sha256, old.sha256, "the pin stays");
}

/* --- the hub --- */

Test(sources, hub_files_come_with_commit_and_digest)
{
    who = (struct rn_who){.hf_token = "hf_secret", .hf_endpoint = server_url(rig.server)};
    char *headers = rn_xprintf("X-Repo-Commit: 4a1f\r\nX-Linked-Etag: \"%s\"\r\n"
                               "X-Linked-Size: %zu\r\n",
                               hex, strlen(good_jsonl));
    put("datasets/o/n/resolve/main/a.jsonl", good_jsonl);
    put("datasets/o/n/resolve/main/a.jsonl.headers", headers);
    rig_source(&rig, "hf://datasets/o/n/a.jsonl");
    is_accepted(RN_TRUST_HEADER);
    cr_assert(server_heard(rig.server, "Authorization: Bearer hf_secret"));
    cr_assert(!rig_said(&rig, "hf_secret"));
    free(headers);
}

Test(sources, an_answer_that_is_not_the_hubs_is_intercepted)
{
    who = (struct rn_who){.hf_endpoint = server_url(rig.server)};
    put("datasets/o/n/resolve/main/a.jsonl", good_jsonl);
    rig_source(&rig, "hf://datasets/o/n/a.jsonl");
    is_rejected("intercepted", "no X-Repo-Commit");
}

Test(sources, a_gated_file_says_what_to_do)
{
    who = (struct rn_who){.hf_endpoint = server_url(rig.server)};
    server_fault(rig.server, "/datasets/o/n/resolve/main/a.jsonl", "403-hub");
    rig_source(&rig, "hf://datasets/o/n/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(rig_said(&rig, "accept the terms") && rig_said(&rig, "HF_TOKEN"), "%s", rig.said.p);
}

/* --- secrets --- */

Test(sources, a_token_does_not_follow_a_redirect_to_another_port)
{
    struct server *other = server_start(rig.www, 0);
    who = (struct rn_who){.hf_token = "hf_secret", .hf_endpoint = server_url(rig.server)};
    server_set_other(rig.server, server_url(other));
    server_fault(rig.server, "/a.jsonl", "redirect-other");
    rig_source(&rig, "/a.jsonl");
    is_accepted(RN_TRUST_FIRST_USE);
    cr_assert(server_heard(rig.server, "hf_secret"));
    cr_assert_eq(server_requests(other), 1);
    cr_assert(!server_heard(other, "hf_secret"));
    struct rn_probe probe = {.file = &rig.file, .source = &rig.sources[0]};
    cr_assert_eq(rn_probe_all(&rig.fetcher, &probe, 1, &rig.err), RN_OK);
    cr_assert_eq(server_requests(other), 2);
    cr_assert(!server_heard(other, "hf_secret"), "nor when it is only looked at");
    server_stop(other);
}

Test(sources, no_secret_is_kept_in_any_file)
{
    who = (struct rn_who){.hf_token = "hf_secret",
                          .hf_endpoint = server_url(rig.server),
                          .s3_key = "AKID",
                          .s3_secret = "s3_secret",
                          .s3_endpoint = server_url(rig.server)};
    server_fault(rig.server, "/a.jsonl", "403-xml");
    server_fault(rig.server, "/bucket/a.jsonl", "html");
    rig_source(&rig, "/a.jsonl?token=query_secret");
    rig_source(&rig, "s3://bucket/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(server_heard(rig.server, "hf_secret") && server_heard(rig.server, "AKID"));
    char *grep = rn_xprintf("grep -rqE 'hf_secret|s3_secret|AKID|query_secret' %s/run %s/cache",
                            rig.dir, rig.dir);
    cr_assert_neq(system(grep), 0, "a secret is in a file");
    cr_assert(!rig_said(&rig, "secret") && !strstr(rig.err.msg, "secret"));
    free(grep);
}

Test(sources, auth_none_asks_without_secrets)
{
    who = (struct rn_who){.hf_token = "hf_secret", .hf_endpoint = server_url(rig.server)};
    rig_source(&rig, "/a.jsonl")->auth = RN_AUTH_NONE;
    is_accepted(RN_TRUST_FIRST_USE);
    cr_assert(!server_heard(rig.server, "hf_secret"));
}

Test(sources, s3_checksums_vouch_for_an_object)
{
    who =
        (struct rn_who){.s3_key = "AKID", .s3_secret = "s", .s3_endpoint = server_url(rig.server)};
    unsigned char raw[32];
    char base64[64], line[128];
    for (int i = 0; i < 32; i++)
        raw[i] = (unsigned char)strtol((char[3]){hex[2 * i], hex[2 * i + 1]}, NULL, 16);
    EVP_EncodeBlock((unsigned char *)base64, raw, sizeof raw);
    snprintf(line, sizeof line, "x-amz-checksum-sha256: %s\r\n", base64);
    put("bucket/d/a.jsonl", good_jsonl);
    put("bucket/d/a.jsonl.headers", line);
    rig_source(&rig, "s3://bucket/d/a.jsonl");
    is_accepted(RN_TRUST_HEADER);
    cr_assert(server_heard(rig.server, "/bucket/d/a.jsonl"));
    cr_assert(server_heard(rig.server, "x-amz-checksum-mode: ENABLED"));
}

/* --- probes --- */

static enum rn_verdict probe(const char *kind)
{
    struct rn_probe p = {.file = &rig.file, .source = &rig.sources[0]};
    server_heal(rig.server);
    if (kind)
        cr_assert_eq(server_fault(rig.server, "/a.jsonl", kind), 0, "%s", kind);
    cr_assert_eq(rn_probe_all(&rig.fetcher, &p, 1, &rig.err), RN_OK, "%s", rig.err.msg);
    return p.r.finding.verdict;
}

Test(sources, a_probe_sees_what_became_of_a_source)
{
    rig_source(&rig, "/a.jsonl");
    rig.fetcher.connect_s = 60;
    cr_expect_eq(probe(NULL), RN_ACCEPTED);
    cr_expect_eq(probe("redirect"), RN_ACCEPTED);
    cr_expect_eq(probe("range-ignored"), RN_ACCEPTED);
    cr_expect_eq(probe("403-xml"), RN_REFUSED);
    cr_expect_eq(probe("404"), RN_REFUSED);
    cr_expect_eq(probe("503"), RN_TRANSIENT);
    cr_expect_eq(probe("html"), RN_ERROR_PAGE);
    cr_expect_eq(probe("lfs"), RN_LFS_POINTER);
    cr_expect_eq(probe("redirect-loop"), RN_REFUSED);
    rig.file.size_bytes = (int64_t)strlen(good_jsonl) + 1;
    cr_expect_eq(probe(NULL), RN_TRUNCATED);
    rig.file.size_bytes = (int64_t)strlen(good_jsonl) - 1;
    cr_expect_eq(probe(NULL), RN_OVERSIZE);
    rig.fetcher.connect_s = rig.fetcher.stall_s = 0.2;
    cr_expect_eq(probe("hang"), RN_TRANSIENT);
    cr_assert_eq(rig_count(&rig, "cache"), 0, "nothing is kept");
}

Test(sources, many_probes_at_once_each_get_their_answer)
{
    struct rn_probe p[24];
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/missing");
    for (size_t i = 0; i < RN_COUNT(p); i++)
        p[i] = (struct rn_probe){.file = &rig.file, .source = &rig.sources[i % 2]};
    cr_assert_eq(rn_probe_all(&rig.fetcher, p, RN_COUNT(p), &rig.err), RN_OK);
    for (size_t i = 0; i < RN_COUNT(p); i++)
        cr_assert_eq(p[i].r.finding.verdict, i % 2 ? RN_REFUSED : RN_ACCEPTED);
}

Test(sources, a_probe_reads_four_kibibytes_of_an_endless_body)
{
    rig_source(&rig, "/a.jsonl");
    cr_expect_eq(probe("endless"), RN_ACCEPTED);
}
