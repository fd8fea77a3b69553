/* Documents by number: what their files, groups and sizes are, and text that is not what it was. */
#include "../scratch.h"
#include "corpus.h"
#include "parquet_write.h"
#include "shared.h"

TestSuite(corpus, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static struct rn_tokenizer *make_tokenizer(const char *const *specials)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, "aaabbb", 6);
    cr_assert_eq(rn_bpe_trainer_finish(trainer, 1, specials, NULL, NULL, &t, &err), RN_OK);
    rn_bpe_trainer_free(trainer);
    return t;
}

static const char *write_file(const char *name, int rows, int group_rows)
{
    struct rn_err err = {0};
    struct rn_parquet_writer w;
    const char *path = scratch_path(name);
    cr_assert_eq(rn_parquet_writer_open(&w, path, "text", group_rows, &err), RN_OK);
    for (int i = 0; i < rows; i++)
        rn_parquet_writer_add(&w, "xyzxyzxyzx", (size_t)(i % 10));
    cr_assert_eq(rn_parquet_writer_commit(&w, &err), RN_OK, "%s", err.msg);
    return path;
}

Test(corpus, text_is_files_of_row_groups_of_documents_that_begin_with_bos)
{
    struct rn_err err = {0};
    struct rn_tokenizer *tok = make_tokenizer(rn_special_nanochat);
    const char *paths[] = {write_file("a.parquet", 25, 10), write_file("b.parquet", 10, 10)};
    struct rn_corpus *c;
    struct rn_corpus_reader *r;
    cr_assert_eq(rn_corpus_of_text(&c, paths, 2, tok, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(rn_corpus_docs(c), 35);
    cr_expect_eq(rn_corpus_tokens(c), -1);
    cr_expect_eq(rn_corpus_files(c), 2);
    cr_expect_eq(rn_corpus_first_group(c, 1), 3);
    cr_expect_eq(rn_corpus_first_doc(c, 2), 20);
    cr_expect_eq(rn_corpus_first_doc(c, 4), 35);
    cr_assert_eq(rn_corpus_reader_new(&r, c, &err), RN_OK);
    for (int step = 1; step < 35; step += 11) /* in order, and all over the place */
        for (int i = 0; i < 35; i++) {
            int64_t doc = i * step % 35, n;
            int32_t ids[10];
            cr_assert_eq(rn_corpus_size(r, doc, &n, &err), RN_OK, "%s", err.msg);
            cr_assert_eq(n, 1 + (doc < 25 ? doc : doc - 25) % 10);
            cr_assert_eq(rn_corpus_read(r, doc, 0, n, ids, &err), RN_OK);
            cr_expect_eq(ids[0], rn_tokenizer_bos(tok));
            cr_expect(n < 2 || ids[1] == 'x');
        }
    rn_corpus_reader_free(r);
    rn_corpus_free(c);
    rn_tokenizer_free(tok);
}

Test(corpus, a_null_is_an_empty_document)
{
    struct rn_err err = {0};
    const char *path = shared_file("data/parquet_codecs/nulls_extra_columns.parquet");
    struct rn_tokenizer *tok = make_tokenizer(rn_special_nanochat);
    struct rn_corpus *c;
    struct rn_corpus_reader *r;
    int64_t n, empty = 0;
    if (!path)
        return;
    cr_assert_eq(rn_corpus_of_text(&c, &path, 1, tok, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_corpus_reader_new(&r, c, &err), RN_OK);
    for (int64_t d = 0; d < rn_corpus_docs(c); d++) {
        cr_assert_eq(rn_corpus_size(r, d, &n, &err), RN_OK, "%s", err.msg);
        empty += n == 0;
    }
    cr_expect(empty > 0 && empty < rn_corpus_docs(c));
    rn_corpus_reader_free(r);
    rn_corpus_free(c);
    rn_tokenizer_free(tok);
}

Test(corpus, other_text_or_another_tokenizer_is_another_digest)
{
    struct rn_err err = {0};
    struct rn_tokenizer *tok[] = {make_tokenizer(rn_special_nanochat),
                                  make_tokenizer((const char *const[]){"<|bos|>", NULL})};
    const char *paths[] = {write_file("a.parquet", 25, 10), write_file("b.parquet", 26, 10)};
    struct rn_corpus *c[3];
    cr_assert_eq(rn_corpus_of_text(&c[0], &paths[0], 1, tok[0], &err), RN_OK);
    cr_assert_eq(rn_corpus_of_text(&c[1], &paths[1], 1, tok[0], &err), RN_OK);
    cr_assert_eq(rn_corpus_of_text(&c[2], &paths[0], 1, tok[1], &err), RN_OK);
    cr_expect_str_neq(rn_corpus_digest(c[0]), rn_corpus_digest(c[1]));
    cr_expect_str_neq(rn_corpus_digest(c[0]), rn_corpus_digest(c[2]));
    for (int i = 0; i < 3; i++)
        rn_corpus_free(c[i]);
    rn_tokenizer_free(tok[0]);
    rn_tokenizer_free(tok[1]);
}

Test(corpus, what_cannot_be_encoded_is_one_line)
{
    struct rn_err err = {0};
    struct rn_tokenizer *tok = make_tokenizer(rn_special_nanochat), *bare = make_tokenizer(NULL);
    const char *good = write_file("a.parquet", 5, 10), *cut = scratch_write("b.parquet", "PAR1", 4);
    struct rn_corpus *c;
    cr_expect_eq(rn_corpus_of_text(&c, &cut, 1, tok, &err), RN_ECORRUPT);
    cr_expect_null(c);
    err = (struct rn_err){0};
    cr_expect_eq(rn_corpus_of_text(&c, &good, 1, bare, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "<|bos|>"), "%s", err.msg);
    rn_tokenizer_free(tok);
    rn_tokenizer_free(bare);
}

Test(corpus, a_file_that_changes_while_it_is_read_is_noticed)
{
    struct rn_err err = {0};
    struct rn_tokenizer *tok = make_tokenizer(rn_special_nanochat);
    const char *path = write_file("a.parquet", 25, 10);
    struct rn_corpus *c;
    struct rn_corpus_reader *r;
    int64_t n;
    cr_assert_eq(rn_corpus_of_text(&c, &path, 1, tok, &err), RN_OK);
    write_file("a.parquet", 25, 5);
    cr_assert_eq(rn_corpus_reader_new(&r, c, &err), RN_OK);
    cr_expect_eq(rn_corpus_size(r, 0, &n, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "not those it had before"), "%s", err.msg);
    rn_corpus_reader_free(r);
    rn_corpus_free(c);
    rn_tokenizer_free(tok);
}
