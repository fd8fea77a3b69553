/* Token files of other programs: the same ids from each, documents where they say, and no damage
 * that is not noticed where it can be. */
#include "../scratch.h"
#include "file.h"
#include "formats.h"
#include "token_file.h"
#include "tokens.h"

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/tokens/"

TestSuite(token_file, .init = scratch_up, .fini = scratch_down, .timeout = 300);

enum { TOKENS = 30, VOCAB = 300, BOS = 299 };
static const struct {
    const char *path, *format;
} files[] = {{GOLDEN "u2.npy", "npy"},
             {GOLDEN "u4.npy", "npy"},
             {GOLDEN "i4.npy", "npy"},
             {GOLDEN "llmc-v1.bin", "llmc"},
             {GOLDEN "llmc-v7.bin", "llmc"},
             {GOLDEN "megatron-u2.bin", "megatron"},
             {GOLDEN "megatron-i4.bin", "megatron"}};
#define EACH_FILE(i) for (size_t i = 0; i < sizeof files / sizeof *files; i++)

static int check_format(const char *path, const char *format, struct rn_err *err)
{
    const struct rn_format *f = rn_data_formats;
    struct rn_expect any = {.rows = -1, .min_size = -1, .max_size = -1};
    while (strcmp(f->name, format) != 0)
        f++;
    *err = (struct rn_err){0};
    return f->check(path, &any, err);
}

Test(token_file, every_format_gives_the_same_ids_and_documents)
{
    EACH_FILE(i)
    {
        struct rn_err err = {0};
        struct rn_tokens *t;
        int32_t ids[TOKENS];
        const char *path = files[i].path;
        cr_assert_eq(rn_tokens_open_foreign(&t, &path, 1, VOCAB, BOS, &err), RN_OK, "%s", err.msg);
        cr_assert_eq(rn_tokens_count(t), TOKENS);
        cr_assert_eq(rn_tokens_get(t, 0, TOKENS, ids, &err), RN_OK);
        for (int k = 0; k < TOKENS; k++)
            cr_expect_eq(ids[k], k % 8 == 0 ? BOS : k * 7 % BOS, "%s: %d", path, k);
        cr_assert_eq(rn_tokens_docs(t), 4, "%s", path);
        for (int d = 0; d < 4; d++) {
            struct rn_tokens_doc doc = rn_tokens_doc(t, d);
            cr_expect(doc.start == 8 * d && doc.n == (d < 3 ? 8 : 6) && doc.group_end == (d == 3));
        }
        rn_tokens_free(t);
    }
}

Test(token_file, several_files_are_one_stream)
{
    struct rn_err err = {0};
    struct rn_tokens *t;
    const char *paths[] = {files[0].path, GOLDEN "megatron-u2.idx", files[5].path, files[4].path};
    int32_t ids[4];
    cr_assert_eq(rn_tokens_open_foreign(&t, paths, 4, VOCAB, BOS, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(rn_tokens_count(t), 3 * TOKENS);
    cr_expect_eq(rn_tokens_docs(t), 12);
    cr_assert_eq(rn_tokens_get(t, 2 * TOKENS - 2, 4, ids, &err), RN_OK);
    cr_expect(ids[0] == 28 * 7 % BOS && ids[2] == BOS && ids[3] == 7);
    rn_tokens_free(t);
}

Test(token_file, an_id_outside_the_vocabulary_is_found_at_opening)
{
    EACH_FILE(i)
    {
        struct rn_err err = {0};
        struct rn_tokens *t;
        int rc = rn_tokens_open_foreign(&t, &files[i].path, 1, VOCAB - 1, BOS, &err);
        cr_expect_eq(rc, RN_ECORRUPT);
        cr_expect(strstr(err.msg, "largest token is 299"), "%s", err.msg);
        cr_expect_null(t);
    }
}

Test(token_file, each_passes_its_own_check_and_no_other)
{
    struct rn_err err;
    EACH_FILE(i)
    {
        cr_expect_eq(check_format(files[i].path, files[i].format, &err), RN_OK, "%s", err.msg);
        cr_expect_eq(
            check_format(files[i].path, strcmp(files[i].format, "npy") ? "npy" : "llmc", &err),
            RN_ECORRUPT);
        cr_expect_eq(check_format(files[i].path, "runnel", &err), RN_ECORRUPT);
    }
    cr_expect_eq(check_format(GOLDEN "megatron-u2.idx", "megatron", &err), RN_OK, "%s", err.msg);
    cr_expect_eq(check_format(GOLDEN "f4.npy", "npy", &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "type"), "%s", err.msg);
    cr_expect_eq(check_format(GOLDEN "big-endian.npy", "npy", &err), RN_ECORRUPT);
    cr_expect_eq(check_format(GOLDEN "2d.npy", "npy", &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "shape"), "%s", err.msg);
}

/* Writes a changed copy under the ending it had (a .bin of Megatron's finds no .idx). */
static int open_bytes(const char *bytes, size_t n)
{
    struct rn_err err = {0};
    struct rn_token_file f;
    int rc = rn_token_file_open(&f, scratch_write("x.dat", bytes, n), NULL, &err);
    if (rc == RN_OK)
        rn_token_file_largest(&f);
    rn_token_file_close(&f);
    return rc;
}

Test(token_file, a_file_cut_anywhere_is_refused_and_no_flipped_bit_breaks_the_reader)
{
    for (size_t i = 0; i < 5; i++) {
        char *bytes;
        size_t n;
        cr_assert_eq(rn_file_read(files[i].path, 1 << 20, &bytes, &n, NULL), RN_OK);
        for (size_t cut = 0; cut < n; cut++)
            cr_expect_eq(open_bytes(bytes, cut), RN_ECORRUPT, "%s: %zu", files[i].path, cut);
        for (size_t bit = 0; bit < 8 * 160; bit++) {
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            open_bytes(bytes, n);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        free(bytes);
    }
}

Test(token_file, an_index_cut_or_changed_is_refused)
{
    struct rn_err err;
    char *bytes;
    size_t n;
    cr_assert_eq(rn_file_read(GOLDEN "megatron-u2.idx", 1 << 20, &bytes, &n, NULL), RN_OK);
    for (size_t cut = 10; cut < n; cut++)
        cr_expect_eq(check_format(scratch_write("x.idx", bytes, cut), "megatron", &err),
                     RN_ECORRUPT, "%zu", cut);
    for (size_t at = 9; at < 34 + 16 + 32; at++) { /* all but the documents' index */
        bytes[at] ^= 64;
        /* the last length and the last pointer have nothing behind them to disagree with */
        bool unseen = at >= 34 + 12 && at < 34 + 16;
        int rc = check_format(scratch_write("x.idx", bytes, n), "megatron", &err);
        cr_expect(rc == RN_ECORRUPT || unseen, "byte %zu", at);
        bytes[at] ^= 64;
    }
    free(bytes);
}
