/* Archives from strangers: what is refused leaves nothing, what is accepted is whole. */
#include "../scratch.h"
#include "file.h"
#include "path.h"
#include "rig.h"

#include <errno.h>
#include <sys/stat.h>
#include <zip.h>

static char *zip_path, *out;

static void up(void)
{
    scratch_up();
    zip_path = rn_join(dir, "a.zip");
    out = rn_join(dir, "out");
}

static void down(void)
{
    scratch_down();
    free(zip_path);
    free(out);
}

TestSuite(unpack, .init = up, .fini = down, .timeout = 300);

static zip_t *begin(void)
{
    zip_t *z = zip_open(zip_path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    cr_assert(z);
    return z;
}

static zip_int64_t add(zip_t *z, const char *name, const void *bytes, size_t n)
{
    zip_int64_t i = zip_file_add(z, name, zip_source_buffer(z, bytes, n, 0), ZIP_FL_ENC_GUESS);
    cr_assert_geq(i, 0, "%s", name);
    return i;
}

static void finish(zip_t *z)
{
    cr_assert_eq(zip_close(z), 0, "%s", zip_strerror(z));
}

/* An archive with the given names, each holding "content". */
static void make(const char *const *names)
{
    zip_t *z = begin();
    for (; *names; names++)
        add(z, *names, "content", 7);
    finish(z);
}

/* Replaces every `from` in the archive's bytes: what libzip would not write. Equal lengths. */
static void patch(const char *from, const char *to, size_t n)
{
    char *bytes;
    size_t size, hits = 0;
    cr_assert_eq(rn_file_read(zip_path, 1 << 24, &bytes, &size, NULL), RN_OK);
    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(bytes + i, from, n) == 0) {
            memcpy(bytes + i, to, n);
            hits++;
        }
    cr_assert_gt(hits, 0);
    cr_assert_eq(rn_file_write(zip_path, bytes, size, NULL), RN_OK);
    free(bytes);
}

/* Refused both when only checked and when unpacked, with a message that says why; nothing left. */
static void refused(const struct rn_unpack *u, const char *why)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_archive_check(zip_path, NULL, u, &err), RN_ECORRUPT, "%s was not seen", why);
    cr_assert(strstr(err.msg, why), "%s: %s", why, err.msg);
    err = (struct rn_err){0};
    cr_assert_eq(rn_archive_unpack(zip_path, out, u, &err), RN_ECORRUPT);
    cr_assert(!rn_exists(out));
    char *tmp = rn_xprintf("%s.%ld.tmp", out, (long)getpid());
    cr_assert(!rn_exists(tmp));
    free(tmp);
}

Test(unpack, a_good_archive_appears_whole)
{
    static const char *const require[] = {"a.txt", "sub/b.txt", NULL};
    struct rn_unpack u = {.strip = 1, .require = require, .max_bytes = -1};
    struct rn_err err = {0};
    make((const char *const[]){"top/a.txt", "top/sub/b.txt", "readme", NULL});
    cr_assert_eq(rn_archive_check(zip_path, NULL, &u, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_archive_unpack(zip_path, out, &u, &err), RN_OK, "%s", err.msg);
    char *b = rn_join(out, "sub/b.txt"), *readme = rn_join(out, "readme"), *text;
    size_t n;
    cr_assert_eq(rn_file_read(b, 100, &text, &n, &err), RN_OK);
    cr_assert_str_eq(text, "content");
    cr_assert(!rn_exists(readme), "it has no more components than are stripped");
    free(text);
    free(b);
    free(readme);
}

Test(unpack, names_that_leave_the_directory)
{
    static const char *const bad[] = {"../evil",   "a/../../evil", "/etc/evil", "a\\..\\evil",
                                      "C:/evil",   "a//b",         "./a",       "a/./b",
                                      "line\nend", "bell\x07",     "a/.."};
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        make((const char *const[]){"good", bad[i], NULL});
        refused(NULL, "unsafe name");
    }
}

Test(unpack, a_name_that_is_not_utf8)
{
    zip_t *z = begin();
    zip_int64_t i = zip_file_add(z, "caf\x82", zip_source_buffer(z, "x", 1, 0), ZIP_FL_ENC_CP437);
    cr_assert_geq(i, 0);
    finish(z);
    refused(NULL, "'caf?' has an unsafe name");
}

Test(unpack, a_nul_inside_a_name_does_not_cut_it)
{
    static const char *const require[] = {"core.yaml", NULL};
    make((const char *const[]){"core.yamlXpart", NULL});
    patch("core.yamlXpart", "core.yaml\0part", 14);
    refused(&(struct rn_unpack){.require = require, .max_bytes = -1}, "NUL in its name");
}

Test(unpack, two_names_for_one_place)
{
    make((const char *const[]){"dir/File", "dir/fILE", NULL});
    refused(NULL, "have one place");
    make((const char *const[]){"x/same", "y/same", NULL});
    refused(&(struct rn_unpack){.strip = 1, .max_bytes = -1}, "have one place");
    make((const char *const[]){"a", "a/b", NULL});
    refused(NULL, "both file and directory");
    make((const char *const[]){"twinA", "twinB", NULL});
    patch("twinB", "twinA", 5);
    refused(NULL, "already exists"); /* libzip's own check */
}

static void with_mode(const char *name, mode_t mode)
{
    zip_t *z = begin();
    zip_int64_t i = add(z, name, "/etc/passwd", 11);
    zip_file_set_external_attributes(z, (zip_uint64_t)i, 0, ZIP_OPSYS_UNIX,
                                     (zip_uint32_t)mode << 16);
    finish(z);
}

Test(unpack, links_and_devices)
{
    with_mode("link", S_IFLNK | 0777);
    refused(NULL, "'link' is a link");
    with_mode("device", S_IFCHR | 0666);
    refused(NULL, "'device' is a special file");
    with_mode("fifo", S_IFIFO | 0666);
    refused(NULL, "'fifo' is a special file");
}

Test(unpack, a_bomb_stops_at_the_ratio_or_the_cap)
{
    size_t n = 16 << 20;
    char *zeros = rn_xalloc(n);
    zip_t *z = begin();
    add(z, "zeros", zeros, n);
    finish(z);
    free(zeros);
    cr_assert_lt(rn_file_size(zip_path), 1 << 16);
    refused(NULL, "above");
    z = begin();
    add(z, "small", "0123456789", 10);
    finish(z);
    refused(&(struct rn_unpack){.max_bytes = 9}, "above 9 bytes");
}

Test(unpack, a_wrong_crc_and_a_lying_size)
{
    zip_t *z = begin();
    zip_int64_t i = add(z, "stored", "content-of-the-file", 19);
    zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_STORE, 0);
    finish(z);
    patch("content-of", "CONTENT-OF", 10);
    refused(NULL, "CRC");
}

Test(unpack, what_is_required_must_be_there_in_its_own_case)
{
    static const char *const require[] = {"core.yaml", NULL};
    make((const char *const[]){"Core.yaml", NULL});
    refused(&(struct rn_unpack){.require = require, .max_bytes = -1}, "'core.yaml' is not in");
}

Test(unpack, a_cut_archive_and_no_archive)
{
    make((const char *const[]){"a", "b", NULL});
    cr_assert_eq(truncate(zip_path, rn_file_size(zip_path) - 30), 0);
    refused(NULL, "not a whole zip archive");
    cr_assert_eq(rn_file_write(zip_path, "<html>", 6, NULL), RN_OK);
    refused(NULL, "neither a zip nor a tar");
}

static ssize_t full_disk(int fd, const void *bytes, size_t n)
{
    (void)fd;
    (void)bytes;
    (void)n;
    errno = ENOSPC;
    return -1;
}

Test(unpack, a_full_disk_leaves_no_directory)
{
    make((const char *const[]){"a", "b/c", NULL});
    struct rn_err err = {0};
    ssize_t (*real)(int, const void *, size_t) = rn_io.write;
    rn_io.write = full_disk;
    cr_assert_eq(rn_archive_unpack(zip_path, out, NULL, &err), RN_ENOSPACE);
    rn_io.write = real;
    cr_assert(!rn_exists(out));
    cr_assert_eq(rn_archive_unpack(zip_path, out, NULL, NULL), RN_OK);
}

/* --- through the fetcher --- */

static struct rig rig;

static void rig_begin(void)
{
    up();
    rig_up(&rig);
}

static void rig_end(void)
{
    rig_down(&rig);
    down();
}

TestSuite(packed, .init = rig_begin, .fini = rig_end, .timeout = 300);

static void serve_zip(const char *name)
{
    char *bytes;
    size_t n;
    cr_assert_eq(rn_file_read(zip_path, 1 << 24, &bytes, &n, NULL), RN_OK);
    rig_put(&rig, name, bytes, n);
    free(bytes);
}

static void serve_packed_jsonl(void)
{
    zip_t *z = begin();
    add(z, "a.jsonl", good_jsonl, strlen(good_jsonl));
    finish(z);
    serve_zip("a.jsonl.zip");
}

Test(packed, a_member_is_the_payload_whatever_packs_it)
{
    char plain[RN_HEX];
    rn_sha256_hex(good_jsonl, strlen(good_jsonl), plain);
    serve_packed_jsonl();
    server_fault(rig.server, "/a.jsonl", "403-xml");
    rig_source(&rig, "/a.jsonl");
    rig_source(&rig, "/a.jsonl.zip")->member = "a.jsonl";
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert_str_eq(rig.got.sha256, plain, "the digest is the payload's");
    cr_assert_str_eq(rig.lock.pins[0].sha256, plain);
    /* The same pin is met by the plain file. */
    struct server *healed = server_start(rig.www, 0);
    char *url = rn_xprintf("%s/a.jsonl", server_url(healed));
    rig.sources[0].url = url;
    cr_assert_eq(rn_remove_tree(rig.got.path, NULL), RN_OK);
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    free(url);
    server_stop(healed);
}

Test(packed, a_zip_that_is_a_page_or_cut_or_lacks_the_member)
{
    serve_packed_jsonl();
    rig.fetcher.retries = 0;
    server_fault(rig.server, "/page.zip", "html");
    server_fault(rig.server, "/a.jsonl.zip", "cut-close");
    rig_source(&rig, "/page.zip")->member = "a.jsonl";
    rig_source(&rig, "/a.jsonl.zip")->member = "a.jsonl";
    rig_source(&rig, "/moved/a.jsonl.zip")->member = "b.jsonl";
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_assert(strstr(rig.err.msg, ": error-page: HTML"), "%s", rig.err.msg);
    cr_assert(strstr(rig.err.msg, ": truncated: begins as zip"), "%s", rig.err.msg);
    cr_assert(strstr(rig.err.msg, ": malformed: no member 'b.jsonl'"), "%s", rig.err.msg);
    cr_assert_eq(rig_count(&rig, "cache/sha256"), 0);
}

Test(packed, an_url_is_no_second_opinion_on_itself)
{
    static const char page[] = "<html><title>Other</title></html>";
    char hex[RN_HEX];
    zip_t *z = begin();
    add(z, "good", good_jsonl, strlen(good_jsonl));
    add(z, "page", page, strlen(page));
    finish(z);
    serve_zip("a.zip");
    rig_source(&rig, "/a.zip")->member = "good";
    rig_source(&rig, "/a.zip")->member = "page";
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_expect_eq(rig.got.trust, RN_TRUST_FIRST_USE);
    cr_expect_eq(server_requests(rig.server), 1);
    cr_assert_eq(rn_sha256_file(rig.got.path, hex, NULL, NULL), RN_OK);
    cr_assert_str_eq(hex, rig.got.sha256, "what was proven is what has the name");
}

Test(packed, an_archive_without_what_is_required_goes_to_the_next_source)
{
    static const char *const require[] = {"core.yaml", NULL};
    struct rn_unpack u = {.strip = 1, .require = require, .max_bytes = -1};
    make((const char *const[]){"b/other", NULL});
    serve_zip("poor.zip");
    make((const char *const[]){"b/core.yaml", NULL});
    serve_zip("good.zip");
    rig.file.expect.format = "zip";
    rig.file.unpack = &u;
    rig_source(&rig, "/poor.zip");
    rig_source(&rig, "/good.zip");
    cr_assert_eq(rig_fetch(&rig), RN_OK, "%s", rig.err.msg);
    cr_assert(rig_said(&rig, "malformed: required file 'core.yaml' is not in the archive"));
}
