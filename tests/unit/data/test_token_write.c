/* Token shards of ours for other programs: the same ids and documents come back from each. */
#include "shards_of.h"
#include "token_write.h"

#include <errno.h>

TestSuite(token_write, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static const char digest[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
enum { DOCS = 3000, VOCAB = 50000 };

/* Document d: 1, then d % 37 ids that are functions of their place. */
static struct rn_tokens *make_tokens(int width)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens *t;
    struct rn_tokens_spec spec = {digest, VOCAB, width, 20000};
    const char *const *paths;
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    for (int d = 0; d < DOCS; d++) {
        int32_t ids[40] = {1};
        int n = 1 + d % 37;
        for (int i = 1; i < n; i++)
            ids[i] = 2 + (d * 37 + i) * 101 % (VOCAB - 2);
        cr_assert_eq(rn_tokens_writer_add(w, ids, (size_t)n, 0, &err), RN_OK);
    }
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK);
    rn_tokens_writer_free(w);
    size_t n = scratch_shards(&paths);
    cr_assert_eq(rn_tokens_open(&t, paths, n, "train", NULL, &err), RN_OK, "%s", err.msg);
    return t;
}

static void expect_same(struct rn_tokens *a, struct rn_tokens *b)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_tokens_count(a), rn_tokens_count(b));
    cr_assert_eq(rn_tokens_docs(a), rn_tokens_docs(b));
    cr_expect_eq(rn_tokens_width(a), rn_tokens_width(b));
    for (int64_t d = 0; d < rn_tokens_docs(a); d++) {
        struct rn_tokens_doc x = rn_tokens_doc(a, d), y = rn_tokens_doc(b, d);
        int32_t ids[2][40];
        cr_assert(x.start == y.start && x.n == y.n, "document %d", (int)d);
        cr_assert_eq(rn_tokens_get(a, x.start, x.n, ids[0], &err), RN_OK, "%s", err.msg);
        cr_assert_eq(rn_tokens_get(b, y.start, y.n, ids[1], &err), RN_OK, "%s", err.msg);
        cr_assert_arr_eq(ids[0], ids[1], (size_t)x.n * sizeof *ids[0]);
    }
}

Test(token_write, ids_and_documents_come_back_from_every_format_and_width)
{
    static const char *const names[][2] = {
        {"a.npy", "a.npy"}, {"b.bin", "b.bin"}, {"c.idx", "c.bin"}};
    for (int width = 2; width <= 4; width += 2) {
        struct rn_tokens *t = make_tokens(width), *back;
        for (int i = 0; i < 3; i++) {
            struct rn_err err = {0};
            cr_assert_eq(rn_tokens_write(t, scratch_path(names[i][0]), &err), RN_OK, "%s", err.msg);
            cr_assert_eq(rn_tokens_open_any(&back, scratch_path(names[i][1]), 1, &err), RN_OK, "%s",
                         err.msg);
            expect_same(t, back);
            rn_tokens_free(back);
        }
        rn_tokens_free(t);
    }
}

Test(token_write, no_tokens_at_all_are_a_file_too)
{
    struct rn_err err = {0};
    struct rn_tokens_writer *w;
    struct rn_tokens *none, *back;
    struct rn_tokens_spec spec = {digest, VOCAB, 2, 20000};
    cr_assert_eq(rn_tokens_writer_new(&w, dir, "train", &spec, &err), RN_OK);
    cr_assert_eq(rn_tokens_writer_finish(w, &err), RN_OK);
    rn_tokens_writer_free(w);
    cr_assert_eq(rn_tokens_open_one(&none, scratch_path("train_00000.bin"), &err), RN_OK);
    for (int i = 0; i < 3; i++) {
        static const char *const names[][2] = {
            {"a.npy", "a.npy"}, {"b.bin", "b.bin"}, {"c.idx", "c.bin"}};
        cr_assert_eq(rn_tokens_write(none, scratch_path(names[i][0]), &err), RN_OK, "%s", err.msg);
        cr_assert_eq(rn_tokens_open_any(&back, scratch_path(names[i][1]), -1, &err), RN_OK, "%s",
                     err.msg);
        cr_expect_eq(rn_tokens_count(back), 0);
        rn_tokens_free(back);
    }
    rn_tokens_free(none);
}

static size_t calls;
static ssize_t write_no_more(int fd, const void *bytes, size_t n)
{
    if (calls-- > 0)
        return write(fd, bytes, n);
    errno = ENOSPC;
    return -1;
}

Test(token_write, a_full_disk_leaves_no_name)
{
    struct rn_tokens *t = make_tokens(2);
    static const char *const names[][2] = {
        {"a.npy", "a.npy"}, {"b.bin", "b.bin"}, {"c.idx", "c.bin"}};
    rn_io.write = write_no_more;
    for (int i = 0; i < 3; i++) {
        struct rn_err err = {0};
        calls = 0;
        cr_expect_eq(rn_tokens_write(t, scratch_path(names[i][0]), &err), RN_ENOSPACE);
        cr_expect_not(rn_exists(scratch_path(names[i][0])));
        cr_expect_not(rn_exists(scratch_path(names[i][1])));
    }
    rn_tokens_free(t);
}
