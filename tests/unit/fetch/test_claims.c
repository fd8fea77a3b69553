/* What servers and publishers say about a file, and whether it holds. */
#include "../scratch.h"
#include "claims.h"
#include "file.h"
#include "lfs.h"
#include "path.h"
#include "rig.h"
#include "sums.h"

#define HELLO  "hello\n"
#define SHA256 "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define BASE64 "WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM="
#define GIT    "ce013625030ba8dba906f756967f9e9ca394464a"
#define OTHER  "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static char *body;
static struct rn_claims claims;
static struct rn_finding found;
static bool said;

static void up(void)
{
    scratch_up();
    body = rn_join(dir, "body");
    cr_assert_eq(rn_file_write(body, HELLO, strlen(HELLO), NULL), RN_OK);
}

static void down(void)
{
    scratch_down();
    free(body);
}

TestSuite(claims, .init = up, .fini = down, .timeout = 300);

/* Header lines of all hops, '\n' between them. */
static bool holds(const char *headers)
{
    claims = (struct rn_claims){0};
    for (const char *p = headers; *p; p += strcspn(p, "\n"), p += *p == '\n')
        rn_claims_line(&claims, p, strcspn(p, "\n"));
    rn_find(&found, RN_ACCEPTED, "%s", "");
    return rn_claims_hold(&claims, body, SHA256, (int64_t)strlen(HELLO), &found, &said);
}

static const struct {
    const char *headers;
    bool said;
} good[] = {
    {"", false},
    {"HTTP/1.1 200 OK\nETag: \"abc\"", false},
    {"etag: \"" GIT "\"", false}, /* an ETag is a digest on the hub only */
    {"ETag: \"" OTHER "\"", false},
    {"X-Linked-Etag: \"" SHA256 "\"\nX-Linked-Size: 6\r", true},
    {"x-linked-etag: W/\"" GIT "\"", true},
    {"X-Repo-Commit: 4a1f\nETag: \"" GIT "\"", true},
    {"X-Repo-Commit: 4a1f\nETag: W/\"" GIT "\"", true},
    {"Repr-Digest: sha-256=:" BASE64 ":\r\n", true},
    {"Repr-Digest: sha-512=:AAAA:, sha-256=:" BASE64 ":", true},
    {"x-amz-checksum-sha256: " BASE64 "\r", true},
    {"x-amz-checksum-sha256: " BASE64 "-7", false}, /* of the digests of seven parts */
    {"Repr-Digest: sha-256=:AAAA:", false},
    {"Repr-Digest: not-sha-256=:" BASE64 ":", false},
    {"Repr-Digest: sha-256=:" BASE64, true},
    {"X-Linked-Size: 99999999999999999999999", false},
    {"X-Linked-Size: -6", false},
    {"X-Linked-Etag: \"nonsense\"", false},
    /* A redirect's own body is another one than the file. */
    {"HTTP/2 302\nETag: \"x\"\nRepr-Digest: "
     "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n"
     "X-Linked-Etag: \"" SHA256 "\"\nHTTP/2 200\nETag: \"y\"",
     true},
};

Test(claims, those_that_hold)
{
    for (size_t i = 0; i < RN_COUNT(good); i++) {
        cr_expect(holds(good[i].headers), "%s: %s", good[i].headers, found.detail);
        cr_expect_eq(said, good[i].said, "%s", good[i].headers);
    }
}

static const struct {
    const char *headers;
    enum rn_verdict verdict;
    const char *told;
} bad[] = {
    {"X-Linked-Etag: \"" OTHER "\"", RN_DIGEST, "X-Linked-Etag says 2c26b46b68ff"},
    {"X-Linked-Etag: \"0123456789012345678901234567890123456789\"", RN_DIGEST, "git blob"},
    {"X-Repo-Commit: 1\nETag: \"0123456789012345678901234567890123456789\"", RN_DIGEST, "git blob"},
    {"X-Linked-Size: 7", RN_TRUNCATED, "6 bytes"},
    {"X-Linked-Size: 5", RN_OVERSIZE, "6 bytes"},
    {"Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", RN_DIGEST,
     "Repr-Digest"},
    {"x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", RN_DIGEST, "sha256"},
};

Test(claims, those_that_do_not)
{
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        cr_expect(!holds(bad[i].headers), "%s", bad[i].headers);
        cr_expect_eq(found.verdict, bad[i].verdict, "%s: %s", bad[i].headers, found.detail);
        cr_expect(strstr(found.detail, bad[i].told), "%s", found.detail);
    }
}

Test(claims, what_is_kept_is_printable_and_short)
{
    char line[4096];
    holds("ETag: \"a\033[31m\xff\"");
    cr_assert_str_eq(claims.etag, "\"a?[31m?\"");
    snprintf(line, sizeof line, "ETag: \"%0*d\"", 500, 7);
    holds(line);
    cr_assert_str_eq(claims.etag, "");
    snprintf(line, sizeof line, "ETag: \"%0*d\"", 2000, 7);
    holds(line);
    cr_assert_str_eq(claims.etag, "");
}

/* --- SHA256SUMS --- */

Test(claims, both_manners_of_sums_are_read)
{
    static const char text[] =
        "-----BEGIN PGP SIGNED MESSAGE-----\n\n" SHA256 "  ./data/a.jsonl\r\n" OTHER
        " *b.bin\n" SHA256 "  twice\n" OTHER "  other/twice\n" SHA256 "  same\n" SHA256 "  x/same\n"
        "SHA256 (c (1).txt) = " OTHER "\nshort  d\n" SHA256 "0  longer\n"
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855  upper";
    struct rn_sums s;
    struct rn_err err = {0};
    cr_assert_eq(rn_file_write(body, text, strlen(text), NULL), RN_OK);
    cr_assert_eq(rn_sums_read(&s, body, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(rn_sums_find(&s, "a.jsonl"), SHA256);
    cr_assert_str_eq(rn_sums_find(&s, "b.bin"), OTHER);
    cr_assert_str_eq(rn_sums_find(&s, "c (1).txt"), OTHER);
    cr_assert_str_eq(rn_sums_find(&s, "same"), SHA256);
    cr_assert(rn_starts_with(rn_sums_find(&s, "upper"), "e3b0c442"));
    cr_assert_null(rn_sums_find(&s, "twice"), "two digests for one name");
    cr_assert_null(rn_sums_find(&s, "longer"));
    cr_assert_null(rn_sums_find(&s, "d"));
    rn_sums_release(&s);
}

Test(claims, a_page_is_no_list_of_sums)
{
    static const char *const pages[] = {"", "<html>no</html>\n",
                                        "d41d8cd98f00b204e9800998ecf8427e  md5\n"};
    for (size_t i = 0; i < RN_COUNT(pages); i++) {
        struct rn_sums s;
        struct rn_err err = {0};
        cr_assert_eq(rn_file_write(body, pages[i], strlen(pages[i]), NULL), RN_OK);
        cr_assert_eq(rn_sums_read(&s, body, &err), RN_ECORRUPT, "%s", pages[i]);
    }
}

/* --- git-lfs --- */

#define POINTER "version https://git-lfs.github.com/spec/v1\n"

Test(claims, a_pointer_promises_digest_and_size)
{
    struct rn_lfs lfs;
    static const char whole[] = POINTER "oid sha256:" OTHER "\nsize 12345\n";
    cr_assert(rn_lfs_parse(whole, strlen(whole), &lfs));
    cr_assert_str_eq(lfs.sha256, OTHER);
    cr_assert_eq(lfs.size_bytes, 12345);
    static const char *const broken[] = {
        POINTER,
        POINTER "oid sha256:" OTHER "\n",
        POINTER "oid sha256:" OTHER "0\nsize 1\n",
        POINTER "oid sha256:1234\nsize 1\n",
        POINTER "oid md5:" OTHER "\nsize 1\n",
        POINTER "oid sha256:" OTHER "\nsize -1\n",
        POINTER "oid sha256:" OTHER "\nsize 9999999999999999999999\n",
        POINTER "oid sha256:" OTHER "\nsize 1x\n",
        "version https://evil.org/spec/v1\noid sha256:" OTHER "\nsize 1\n",
    };
    for (size_t i = 0; i < RN_COUNT(broken); i++)
        cr_expect(!rn_lfs_parse(broken[i], strlen(broken[i]), &lfs), "%s", broken[i]);
}

Test(claims, the_object_behind_a_pointer)
{
    static const struct {
        const char *url, *object;
    } objects[] = {
        {"https://raw.githubusercontent.com/o/r/main/d/a.bin",
         "https://media.githubusercontent.com/media/o/r/main/d/a.bin"},
        {"https://github.com/o/r/raw/main/a.bin",
         "https://media.githubusercontent.com/media/o/r/main/a.bin"},
        {"https://github.com/o/r/blob/main/a.bin", NULL},
        {"https://hub.test/datasets/o/n/raw/main/a.bin",
         "https://hub.test/datasets/o/n/resolve/main/a.bin"},
        {"https://hub.test.evil/o/raw/main/a", "https://hub.test.evil/o/media/main/a"},
        {"https://codeberg.org/o/r/raw/branch/main/a",
         "https://codeberg.org/o/r/media/branch/main/a"},
        {"https://example.org/files/a.bin", NULL},
    };
    for (size_t i = 0; i < RN_COUNT(objects); i++) {
        char *object = rn_lfs_object_url(objects[i].url, "https://hub.test");
        if (objects[i].object)
            cr_expect_str_eq(object, objects[i].object);
        else
            cr_expect_null(object, "%s", object);
        free(object);
    }
}
