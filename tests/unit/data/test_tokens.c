/* Token shards: what is written is read; what was damaged is never used. */
#include "shards_of.h"
#include "tokens.h"

TestSuite(tokens, .init = scratch_up, .fini = scratch_down);

static const char digest_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char digest_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

enum { DOCS = 50 };

/* Document d has d % 7 tokens, which are 1000 d + their place; every tenth one ends a group. */
static void write_docs(int width, int64_t shard_tokens, const char *split)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens_spec spec = {digest_a, 60000, width, shard_tokens};
    cr_assert_eq(rn_tokens_writer_new(&w, dir, split, &spec, &err), RN_OK);
    for (int d = 0; d < DOCS; d++) {
        int32_t ids[7];
        for (int i = 0; i < d % 7; i++)
            ids[i] = 1000 * d + i;
        cr_assert_eq(rn_tokens_writer_add(w, ids, (size_t)(d % 7), d % 10 == 9, &err), RN_OK);
    }
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_tokens_writer_count(w), 147);
    rn_tokens_writer_free(w);
}

static const char *const *shard_paths;
static size_t n_paths;

static int open_tokens(struct rn_tokens **t, const char *split, const char *digest,
                       struct rn_err *err)
{
    *err = (struct rn_err){0};
    n_paths = scratch_shards(&shard_paths);
    return rn_tokens_open(t, shard_paths, n_paths, split, digest, err);
}

static void expect_docs(struct rn_tokens *t)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_tokens_docs(t), DOCS);
    cr_assert_eq(rn_tokens_count(t), 147);
    cr_assert_eq(rn_tokens_vocab_size(t), 60000);
    int32_t all[147];
    cr_assert_eq(rn_tokens_get(t, 0, 147, all, &err), RN_OK, "%s", err.msg);
    int64_t at = 0;
    for (int d = 0; d < DOCS; d++) {
        struct rn_tokens_doc doc = rn_tokens_doc(t, d);
        cr_expect_eq(doc.start, at);
        cr_expect_eq(doc.n, d % 7);
        cr_expect_eq(doc.group_end, d % 10 == 9);
        for (int i = 0; i < d % 7; i++)
            cr_expect_eq(all[at++], 1000 * d + i);
    }
}

Test(tokens, read_as_written_for_both_widths_and_any_split_into_shards)
{
    static const int64_t sizes[] = {1, 6, 20, 147, 1000};
    for (int width = 2; width <= 4; width += 2)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct rn_err err;
            struct rn_tokens *t;
            write_docs(width, sizes[i], "train");
            cr_assert_eq(open_tokens(&t, "train", digest_a, &err), RN_OK, "%s", err.msg);
            cr_expect(sizes[i] < 147 ? n_paths > 1 : n_paths == 1);
            expect_docs(t);
            rn_tokens_free(t);
            scratch_down();
            cr_assert_eq(rn_mkdirs(dir, &err), RN_OK);
        }
}

Test(tokens, splits_do_not_mix)
{
    struct rn_err err;
    struct rn_tokens *t;
    write_docs(2, 20, "train");
    write_docs(2, 1000, "val");
    cr_assert_eq(open_tokens(&t, "val", NULL, &err), RN_OK, "%s", err.msg);
    expect_docs(t);
    rn_tokens_free(t);
    cr_expect_eq(open_tokens(&t, "test", NULL, &err), RN_ECORRUPT);
    cr_expect_null(t);
}

Test(tokens, another_tokenizer_is_refused_with_both_digests)
{
    struct rn_err err;
    struct rn_tokens *t;
    write_docs(2, 20, "train");
    cr_expect_eq(open_tokens(&t, "train", digest_b, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, digest_a) && strstr(err.msg, digest_b), "%s", err.msg);
}

Test(tokens, ids_outside_the_vocabulary_are_not_written)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens_spec spec = {digest_a, 100, 2, 1000};
    int32_t over = 100, under = -1;
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    cr_expect_eq(rn_tokens_writer_add(w, &over, 1, true, &err), RN_ECORRUPT);
    cr_expect_eq(rn_tokens_writer_add(w, &under, 1, true, &err), RN_ECORRUPT);
    rn_tokens_writer_free(w);
}

Test(tokens, two_bytes_do_not_hold_a_large_vocabulary)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens_spec spec = {digest_a, 65537, 2, 1000};
    cr_expect_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_ECONFIG);
}

Test(tokens, a_missing_shard_is_missed)
{
    struct rn_err err;
    struct rn_tokens *t;
    write_docs(2, 20, "train");
    cr_assert_eq(open_tokens(&t, "train", NULL, &err), RN_OK);
    rn_tokens_free(t);
    size_t all = n_paths;
    for (size_t drop = 0; drop < all; drop++) {
        const char *paths[64];
        size_t n = 0;
        for (size_t i = 0; i < all; i++)
            if (i != drop)
                paths[n++] = shard_paths[i];
        err = (struct rn_err){0};
        cr_expect_eq(rn_tokens_open(&t, paths, n, "train", NULL, &err), RN_ECORRUPT, "%zu", drop);
        cr_expect(strstr(err.msg, "is missing"), "%s", err.msg);
    }
}

static int read_damaged(const char *bytes, size_t n, struct rn_err *err)
{
    struct rn_tokens *t;
    int32_t ids[147];
    const char *path = scratch_write("train_00000.bin", bytes, n);
    *err = (struct rn_err){0};
    int rc = rn_tokens_open(&t, &path, 1, "train", digest_a, err);
    if (rc == RN_OK)
        rc = rn_tokens_get(t, 0, rn_tokens_count(t), ids, err);
    rn_tokens_free(t);
    return rc;
}

/* Every bit of a shard is under a checksum, but for seven bytes of padding at most. */
Test(tokens, any_damaged_bit_and_any_missing_tail_is_found)
{
    struct rn_err err = {0};
    char *bytes;
    size_t n, unseen = 0;
    write_docs(2, 1000, "train");
    const char *path = scratch_path("train_00000.bin");
    cr_assert_eq(rn_file_read(path, 1 << 20, &bytes, &n, &err), RN_OK);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(read_damaged(bytes, i, &err), RN_ECORRUPT, "%zu bytes", i);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x10;
        unseen += read_damaged(bytes, n, &err) == RN_OK;
        bytes[i] ^= 0x10;
    }
    cr_expect_leq(unseen, 7);
    free(bytes);
}
