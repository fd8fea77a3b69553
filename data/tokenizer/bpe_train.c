/* Documents are counted in batches by all threads, each with its own table; at the end each thread
 * adds up a share of the words. Neither counts nor merges depend on the order of words, so any
 * number of threads gives the same vocabulary. */
#include "bpe_merge.h"
#include "mem.h"
#include "parallel.h"
#include "split_regex.h"
#include "tokenizer_parts.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 1 << 23, THREADS_MAX = 256 };

struct rn_bpe_trainer {
    struct rn_split *split;
    int threads;
    struct rn_words *words; /* one per thread */
    size_t memory_bytes;    /* that words and merging may take */
    int64_t distinct;       /* words, once they are gathered */
    struct rn_err err;      /* the first failure sticks */
    struct rn_str batch;    /* documents end to end */
    size_t *ends;           /* of the documents in batch */
    size_t ends_n, ends_cap;
};

struct rn_bpe_trainer *rn_bpe_trainer_new(const char *pattern, int threads)
{
    struct rn_split *split;
    if (rn_split_open(&split, pattern, RN_NOWHERE, NULL) != RN_OK)
        return NULL;
    struct rn_bpe_trainer *t = rn_new(struct rn_bpe_trainer);
    t->split = split;
    t->threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    t->words = rn_xalloc((size_t)t->threads * sizeof *t->words);
    t->memory_bytes = SIZE_MAX;
    return t;
}

void rn_bpe_trainer_free(struct rn_bpe_trainer *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->threads; i++)
        rn_words_release(&t->words[i]);
    free(t->words);
    rn_split_free(t->split);
    rn_str_release(&t->batch);
    free(t->ends);
    free(t);
}

static void count_docs(void *ctx, int64_t first, int64_t end, int worker)
{
    struct rn_bpe_trainer *t = ctx;
    for (size_t i = (size_t)first; i < (size_t)end; i++) {
        size_t start = i ? t->ends[i - 1] : 0;
        rn_words_count(&t->words[worker], t->split, t->batch.p + start, t->ends[i] - start);
    }
}

/* More would end the program, or another one, later and without a word. */
static void check_memory(struct rn_bpe_trainer *t)
{
    size_t take = 0, words = 0;
    char have_text[32], take_text[32], words_text[32];
    for (int i = 0; i < t->threads; i++) {
        take += 2 * rn_words_bytes(&t->words[i]); /* to grow, and to be gathered */
        words += t->words[i].n;
        rn_fail_as(&t->err, &t->words[i].err);
    }
    if (take <= t->memory_bytes || t->err.code != RN_OK)
        return;
    rn_show_bytes(have_text, (double)t->memory_bytes);
    rn_show_bytes(take_text, (double)take);
    rn_show_count(words_text, (double)words);
    rn_fail(&t->err, RN_ENOMEM, RN_NOWHERE,
            "%s distinct words would take %s to learn from, %s may be used", words_text, take_text,
            have_text);
    rn_hint(&t->err, "lower max_chars or doc_chars, or use fewer threads: each counts for itself");
}

static void check(struct rn_bpe_trainer *t)
{
    if (rn_split_gave_up(t->split))
        rn_fail(&t->err, RN_ECORRUPT, RN_NOWHERE,
                "the pattern gave up on %lld of the documents, after %d steps on one",
                (long long)rn_split_gave_up(t->split), RN_REGEX_STEPS);
    check_memory(t);
}

static void count_batch(struct rn_bpe_trainer *t)
{
    rn_parallel(t->threads, (int64_t)t->ends_n, 1, count_docs, t);
    rn_str_clear(&t->batch);
    t->ends_n = 0;
    check(t);
}

int rn_bpe_trainer_add(struct rn_bpe_trainer *t, const char *text, size_t n)
{
    if (n == 0 || t->err.code != RN_OK)
        return t->err.code;
    if (n >= BATCH_BYTES) {
        rn_words_count(&t->words[0], t->split, text, n);
        check(t);
        return t->err.code;
    }
    rn_str_add(&t->batch, text, n);
    RN_PUSH(t->ends, t->ends_n, t->ends_cap, t->batch.n);
    if (t->batch.n >= BATCH_BYTES)
        count_batch(t);
    return t->err.code;
}

static int gather(struct rn_bpe_trainer *t, struct rn_words *all, struct rn_err *err)
{
    count_batch(t);
    rn_str_release(&t->batch);
    RN_TRY(rn_fail_as(err, &t->err));
    rn_words_gather(t->words, t->threads, all);
    t->distinct = (int64_t)all->n;
    return rn_fail_as(err, &all->err);
}

static int add_bytes(struct rn_vocab *v, struct rn_err *err)
{
    for (int b = 0; b < 256; b++) {
        unsigned char byte = (unsigned char)b;
        RN_TRY(rn_vocab_add(v, &byte, 1, RN_NOWHERE, err));
    }
    return RN_OK;
}

static int add_merge(struct rn_vocab *v, struct rn_merge merge, struct rn_str *token,
                     struct rn_err *err)
{
    size_t n;
    rn_str_clear(token);
    const unsigned char *left = rn_vocab_bytes(v, (size_t)merge.left, &n);
    rn_str_add(token, left, n);
    const unsigned char *right = rn_vocab_bytes(v, (size_t)merge.right, &n);
    rn_str_add(token, right, n);
    return rn_vocab_add(v, token->p, token->n, RN_NOWHERE, err);
}

struct watcher {
    bool (*progress)(void *ctx, int64_t done, int64_t total);
    void *ctx;
};

static int learn(struct rn_merger *m, struct rn_vocab *v, int32_t n_merges, struct watcher w,
                 struct rn_err *err)
{
    struct rn_str token = {0};
    struct rn_merge merge;
    int rc = RN_OK;
    for (int32_t done = 0; done < n_merges; done++) {
        RN_CHECK(rc = rn_merger_step(m, &merge, err));
        if (merge.left < 0)
            break;
        RN_CHECK(rc = add_merge(v, merge, &token, err));
        if (w.progress && !w.progress(w.ctx, done + 1, n_merges))
            RN_CHECK(rc = rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped after %d of %d merges",
                                  done + 1, n_merges));
    }
done:
    rn_str_release(&token);
    return rc;
}

void rn_bpe_trainer_limit(struct rn_bpe_trainer *t, size_t memory_bytes)
{
    t->memory_bytes = memory_bytes;
}

int64_t rn_bpe_trainer_words(const struct rn_bpe_trainer *t)
{
    return t->distinct;
}

int rn_bpe_trainer_finish(struct rn_bpe_trainer *t, int32_t n_merges, const char *const *specials,
                          bool (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                          struct rn_tokenizer **out, struct rn_err *err)
{
    struct rn_vocab v = {0};
    struct rn_words all = {0};
    struct rn_merger *m = NULL;
    int rc;
    *out = NULL;
    RN_CHECK(rc = gather(t, &all, err));
    RN_CHECK(rc = add_bytes(&v, err));
    RN_CHECK(rc = rn_merger_new(&m, &all, n_merges, err));
    RN_CHECK(rc = learn(m, &v, n_merges, (struct watcher){progress, ctx}, err));
    RN_CHECK(rc = rn_vocab_seal(&v, RN_NOWHERE, err));
    rc = rn_tokenizer_make(out, &v, t->split, specials, RN_NOWHERE, err);
    t->split = NULL;
done:
    rn_merger_free(m);
    rn_words_release(&all);
    rn_vocab_release(&v);
    return rc;
}
