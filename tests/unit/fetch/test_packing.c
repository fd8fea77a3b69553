/* The payload inside gzip and zstd: whole, once, and nothing beside it. */
#include "../scratch.h"
#include "file.h"
#include "packing.h"
#include "path.h"
#include "rig.h"

#include <zlib.h>
#include <zstd.h>

static char *body, *payload;
static struct rn_str packed;
static struct rn_finding found;
static struct rn_packed got;

static void up(void)
{
    scratch_up();
    body = rn_join(dir, "body");
    payload = rn_join(dir, "payload");
}

static void down(void)
{
    scratch_down();
    rn_str_release(&packed);
    free(body);
    free(payload);
}

TestSuite(packing, .init = up, .fini = down, .timeout = 300);

static void add_gzip(const void *bytes, size_t n)
{
    z_stream z = {.next_in = (unsigned char *)bytes, .avail_in = (uInt)n};
    unsigned char *out = malloc(n + 4096);
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)n + 4096;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    rn_str_add(&packed, out, z.total_out);
    deflateEnd(&z);
    free(out);
}

static void add_zstd(const void *bytes, size_t n)
{
    size_t cap = ZSTD_compressBound(n);
    char *out = malloc(cap);
    size_t size = ZSTD_compress(out, cap, bytes, n, 3);
    cr_assert(!ZSTD_isError(size));
    rn_str_add(&packed, out, size);
    free(out);
}

static const struct {
    enum rn_pack pack;
    void (*add)(const void *bytes, size_t n);
} packs[] = {{RN_PACK_GZIP, add_gzip}, {RN_PACK_ZSTD, add_zstd}};

static int count_one(void *ctx, const char *name, struct rn_err *err)
{
    (void)name;
    (void)err;
    ++*(size_t *)ctx;
    return RN_OK;
}

static size_t files_here(void)
{
    size_t n = 0;
    cr_assert_eq(rn_walk(dir, count_one, &n, NULL), RN_OK);
    return n;
}

static enum rn_verdict unpack_first(size_t n, enum rn_pack pack, int64_t cap_bytes)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_file_write(body, packed.p ? packed.p : "", n, NULL), RN_OK);
    unlink(payload);
    cr_assert_eq(rn_unpack_stream(pack, body, payload, cap_bytes, &got, &found, &err), RN_OK, "%s",
                 err.msg);
    cr_assert_eq(rn_exists(payload), found.verdict == RN_ACCEPTED, "a name for what is whole only");
    cr_assert_eq(files_here(), found.verdict == RN_ACCEPTED ? 2 : 1, "nothing temporary stays");
    return found.verdict;
}

static enum rn_verdict unpack(enum rn_pack pack)
{
    return unpack_first(packed.n, pack, -1);
}

static void payload_is(const char *text)
{
    char hex[RN_HEX];
    rn_sha256_hex(text, strlen(text), hex);
    cr_assert_str_eq(got.sha256, hex);
    cr_assert_eq(got.size_bytes, (int64_t)strlen(text));
    cr_assert_eq(rn_file_size(payload), (int64_t)strlen(text));
}

Test(packing, gives_the_payload_and_its_digest)
{
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add(good_jsonl, strlen(good_jsonl));
        cr_assert_eq(unpack(packs[i].pack), RN_ACCEPTED, "%s", found.detail);
        payload_is(good_jsonl);
    }
}

Test(packing, members_one_after_the_other_are_one_payload)
{
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add("one\n", 4);
        packs[i].add("", 0);
        packs[i].add("two\n", 4);
        cr_assert_eq(unpack(packs[i].pack), RN_ACCEPTED, "%s", found.detail);
        payload_is("one\ntwo\n");
    }
}

Test(packing, a_payload_larger_than_any_buffer)
{
    enum { LARGE = 3 << 20 };
    struct rn_str text = {0};
    while (text.n < LARGE)
        rn_str_printf(&text, "{\"n\": %zu}\n", text.n * 2654435761u);
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add(text.p, text.n);
        cr_assert_eq(unpack(packs[i].pack), RN_ACCEPTED, "%s", found.detail);
        payload_is(text.p);
        cr_assert_eq(unpack_first(packed.n, packs[i].pack, (int64_t)text.n), RN_ACCEPTED);
        cr_assert_eq(unpack_first(packed.n, packs[i].pack, (int64_t)text.n - 1), RN_OVERSIZE);
    }
    rn_str_release(&text);
}

Test(packing, every_cut_is_truncated)
{
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add(good_jsonl, strlen(good_jsonl));
        for (size_t n = 0; n < packed.n; n++)
            cr_expect_eq(unpack_first(n, packs[i].pack, -1), RN_TRUNCATED, "%s at %zu of %zu: %s",
                         rn_pack_words[packs[i].pack], n, packed.n, found.detail);
    }
}

Test(packing, what_follows_the_end_is_refused)
{
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add("one\n", 4);
        rn_str_add(&packed, "garbage", 7);
        cr_assert_eq(unpack(packs[i].pack), RN_MALFORMED);
        cr_assert(strstr(found.detail, "followed by"), "%s", found.detail);
    }
}

Test(packing, a_flipped_bit_is_seen)
{
    add_gzip(good_jsonl, strlen(good_jsonl));
    packed.p[packed.n - 6] ^= 1; /* in the CRC */
    cr_assert_eq(unpack(RN_PACK_GZIP), RN_MALFORMED);
}

Test(packing, another_packing_is_not_guessed)
{
    add_gzip("one\n", 4);
    cr_assert_eq(unpack(RN_PACK_ZSTD), RN_MALFORMED);
    rn_str_clear(&packed);
    add_zstd("one\n", 4);
    cr_assert_eq(unpack(RN_PACK_GZIP), RN_MALFORMED);
    rn_str_clear(&packed);
    rn_str_puts(&packed, "plain text, never packed");
    cr_assert_eq(unpack(RN_PACK_GZIP), RN_MALFORMED);
    cr_assert(strstr(found.detail, "not gzip"));
}

Test(packing, a_bomb_ends_at_the_ratio)
{
    enum { LARGE = 64 << 20 };
    char *zeros = calloc(1, LARGE);
    for (size_t i = 0; i < RN_COUNT(packs); i++) {
        rn_str_clear(&packed);
        packs[i].add(zeros, LARGE);
        cr_assert_eq(unpack(packs[i].pack), RN_OVERSIZE);
    }
    free(zeros);
}

Test(packing, one_layer_is_taken_off_and_no_more)
{
    struct rn_str inner = {0};
    add_gzip("one\n", 4);
    rn_str_add(&inner, packed.p, packed.n);
    rn_str_clear(&packed);
    add_gzip(inner.p, inner.n);
    cr_assert_eq(unpack(RN_PACK_GZIP), RN_ACCEPTED);
    char head[2];
    cr_assert_eq(rn_file_head(payload, head, 2), 2);
    cr_assert_eq(memcmp(head, "\x1f\x8b", 2), 0);
    rn_str_release(&inner);
}
