/* The tokenize stage: the same shards for any number of threads; what it cannot do is one line. */
#include "../scratch.h"
#include "file.h"
#include "path.h"
#include "stage.h"
#include "tokenizer.h"
#include "tokens.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct rn_stage rn_stage_tokenize;

/* --- a runner of three artifacts in a directory of its own --- */

struct rn_runner {
    struct rn_artifact tokenizer, train, val;
    struct rn_artifact_file files[3];
    bool stop;
    double train_tokens, val_tokens, done, total;
};

static struct rn_runner runner;
static struct rn_arena arena;

static bool stopping(struct rn_runner *r)
{
    return r->stop;
}
static const struct rn_artifact *artifact(struct rn_runner *r, const struct rn_ref *ref)
{
    return !strcmp(ref->text, "tokenizer") ? &r->tokenizer
           : !strcmp(ref->text, "train")   ? &r->train
                                           : &r->val;
}
static void metrics(struct rn_runner *r, int64_t step, const struct rn_metric_value *v, size_t n)
{
    cr_expect_eq(step, 0);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(v[i].name, "train_tokens"))
            r->train_tokens = v[i].value;
        else if (!strcmp(v[i].name, "val_tokens"))
            r->val_tokens = v[i].value;
}
static void progress(struct rn_runner *r, double done, double total, const char *unit,
                     const char *text)
{
    (void)unit;
    (void)text;
    r->done = done;
    r->total = total;
}
static const struct rn_job_ops ops = {
    .stopping = stopping, .artifact = artifact, .metrics = metrics, .progress = progress};

static char *in_dir(const char *name)
{
    return rn_join(dir, name);
}

static void write_tokenizer(const char *const *specials)
{
    static const char text[] = "the cat and the dog and the bird and the fish";
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, text, strlen(text));
    cr_assert_eq(rn_bpe_trainer_finish(trainer, 10, specials, NULL, NULL, &t, &err), RN_OK, "%s",
                 err.msg);
    runner.tokenizer.dir = rn_arena_printf(&arena, "%s/tokenizer", dir);
    cr_assert_eq(rn_mkdirs(runner.tokenizer.dir, &err), RN_OK);
    cr_assert_eq(rn_tokenizer_save(t, runner.tokenizer.dir, &err), RN_OK, "%s", err.msg);
    rn_bpe_trainer_free(trainer);
    rn_tokenizer_free(t);
}

static void set_file(struct rn_artifact *a, int i, const char *name, const char *text,
                     const char *sha256)
{
    struct rn_err err = {0};
    char *path = in_dir(name);
    cr_assert_eq(rn_file_write(path, text, strlen(text), &err), RN_OK, "%s", err.msg);
    runner.files[i] = (struct rn_artifact_file){name, path, (int64_t)strlen(text), sha256};
    *a = (struct rn_artifact){.files = &runner.files[i], .n_files = 1};
}

static void write_documents(void)
{
    struct rn_str text = {0};
    for (int i = 0; i < 5000; i++)
        rn_str_printf(&text, "{\"text\": \"the cat number %d and its %d dogs\"}\n", i, i % 13);
    set_file(&runner.train, 0, "train.jsonl", text.p, "a");
    set_file(&runner.val, 1, "val.jsonl", "{\"text\":\"\"}\n\"a bird\"\n", "b");
    rn_str_release(&text);
}

static void enter(void)
{
    scratch_up();
    write_tokenizer(rn_special_nanochat);
    write_documents();
}
static void leave(void)
{
    scratch_down();
    rn_arena_release(&arena);
}
TestSuite(tokenize, .init = enter, .fini = leave);

static const char both[] = "in: {tokenizer: tokenizer, train: train, val: val}\n";
static const char train_only[] = "in: {tokenizer: tokenizer, train: train}\n";

/* Runs the stage with keys as a user writes them; outputs go to dir/out. */
static int run(const char *keys, const char *out, int threads, struct rn_err *err)
{
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    struct rn_fill fill = {.arena = &arena, .problems = &problems, .what = "stage tokens"};
    void *cfg = rn_arena_alloc(&arena, rn_stage_tokenize.cfg_bytes);
    struct rn_part part = {rn_stage_tokenize.keys, cfg};
    struct rn_node *root = rn_yaml_parse(&tree, keys, strlen(keys), "test.yaml");
    *err = (struct rn_err){0};
    rn_schema_fill(&fill, &part, 1, root, RN_NOWHERE);
    cr_assert_eq(rn_problems_count(&problems), 0, "%s", problems.n ? problems.items[0]->msg : "");
    char *out_dir = in_dir(out);
    cr_assert_eq(rn_mkdirs(out_dir, err), RN_OK);
    struct rn_job job = {
        .out_dir = out_dir, .threads = threads, .runner = &runner, .ops = &ops, .device = "cpu"};
    int rc = rn_stage_tokenize.run(&job, cfg, err);
    free(out_dir);
    return rc;
}

static struct rn_tokens *open_split(const char *out, const char *split)
{
    struct rn_err err = {0};
    char paths[16][128];
    const char *list[16];
    struct rn_tokens *t;
    size_t n = 0;
    for (; n < 16; n++) {
        snprintf(paths[n], sizeof paths[n], "%s/%s/tokens/%s_%05zu.bin", dir, out, split, n);
        list[n] = paths[n];
        if (!rn_exists(paths[n]))
            break;
    }
    cr_assert_eq(rn_tokens_open(&t, list, n, split, NULL, &err), RN_OK, "%s", err.msg);
    return t;
}

/* --- */

Test(tokenize, documents_begin_with_bos_and_counts_are_told)
{
    struct rn_err err;
    int32_t ids[64];
    cr_assert_eq(run(both, "out", 2, &err), RN_OK, "%s", err.msg);
    struct rn_tokens *t = open_split("out", "val");
    cr_assert_eq(rn_tokens_docs(t), 2);
    cr_assert_eq(rn_tokens_get(t, 0, rn_tokens_count(t), ids, &err), RN_OK);
    int32_t bos = rn_tokens_vocab_size(t) - 9;
    cr_expect_eq(ids[0], bos); /* the empty document is its bos alone */
    cr_expect_eq(ids[1], bos);
    cr_expect_eq(ids[2], 'a');
    cr_expect_eq(rn_tokens_doc(t, 1).group_end, true);
    cr_expect_eq(runner.val_tokens, (double)rn_tokens_count(t));
    rn_tokens_free(t);
    t = open_split("out", "train");
    cr_expect_eq(rn_tokens_docs(t), 5000);
    cr_expect_eq(runner.train_tokens, (double)rn_tokens_count(t));
    cr_expect_eq(runner.done, 5002);
    rn_tokens_free(t);
}

Test(tokenize, shards_are_the_same_for_any_number_of_threads)
{
    static const char *const outs[] = {"one", "two", "five"};
    static const int threads[] = {1, 2, 5};
    char digests[3][RN_HEX], keys[128];
    snprintf(keys, sizeof keys, "%sshard_tokens: 20k\n", train_only);
    for (int i = 0; i < 3; i++) {
        struct rn_err err;
        cr_assert_eq(run(keys, outs[i], threads[i], &err), RN_OK, "%s", err.msg);
        struct rn_tokens *t = open_split(outs[i], "train");
        char second[128]; /* several shards, or the test would say little */
        snprintf(second, sizeof second, "%s/%s/tokens/train_00001.bin", dir, outs[i]);
        cr_expect(rn_exists(second));
        strcpy(digests[i], rn_tokens_digest(t));
        rn_tokens_free(t);
    }
    cr_expect_str_eq(digests[0], digests[1]);
    cr_expect_str_eq(digests[0], digests[2]);
}

Test(tokenize, without_bos_an_empty_document_is_empty)
{
    struct rn_err err;
    char keys[128];
    snprintf(keys, sizeof keys, "%sbos: false\ndtype: uint32\n", both);
    cr_assert_eq(run(keys, "out", 1, &err), RN_OK, "%s", err.msg);
    struct rn_tokens *t = open_split("out", "val");
    cr_expect_eq(rn_tokens_doc(t, 0).n, 0);
    cr_expect_gt(rn_tokens_doc(t, 1).n, 0);
    rn_tokens_free(t);
}

Test(tokenize, a_stop_is_interrupted_not_failed)
{
    struct rn_err err;
    runner.stop = true;
    cr_expect_eq(run(both, "out", 1, &err), RN_ESTOPPED);
}

Test(tokenize, a_tokenizer_without_bos_is_one_line)
{
    struct rn_err err;
    write_tokenizer(NULL);
    cr_expect_eq(run(both, "out", 1, &err), RN_ECONFIG);
    cr_expect(strstr(err.msg, "'bos'"), "%s", err.msg);
}

Test(tokenize, files_without_text_are_one_line)
{
    struct rn_err err;
    set_file(&runner.train, 2, "empty.jsonl", "\n", "c");
    cr_expect_eq(run(train_only, "out", 1, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "'train' files hold no text"), "%s", err.msg);
}

Test(tokenize, a_broken_line_is_named_by_its_number)
{
    struct rn_err err;
    set_file(&runner.val, 2, "broken.jsonl", "\"fine\"\n{\"text\": \"cut", "c");
    cr_expect_eq(run(both, "out", 1, &err), RN_ECORRUPT);
    cr_expect_eq(err.line, 2);
    cr_expect(strstr(err.path, "broken.jsonl"));
}
