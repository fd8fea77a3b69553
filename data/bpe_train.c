/* Documents are counted in batches by all threads, each with its own table; the tables are added up
 * at the end. Neither counts nor merges depend on the order of words, so any number of threads
 * gives the same vocabulary. */
#include "bpe.h"
#include "bpe_merge.h"
#include "mem.h"
#include "parallel.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 1 << 23, THREADS_MAX = 256 };

struct rn_bpe_trainer {
    const struct rn_split *split;
    int threads;
    struct rn_words *words; /* one per thread */
    struct rn_str batch;    /* documents end to end */
    size_t *ends;           /* of the documents in batch */
    size_t ends_n, ends_cap;
};

struct rn_bpe_trainer *rn_bpe_trainer_new(const char *pattern, int threads)
{
    const struct rn_split *split = rn_split_find(pattern);
    if (!split)
        return NULL;
    struct rn_bpe_trainer *t = rn_new(struct rn_bpe_trainer);
    t->split = split;
    t->threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    t->words = rn_xalloc((size_t)t->threads * sizeof *t->words);
    return t;
}

void rn_bpe_trainer_free(struct rn_bpe_trainer *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->threads; i++)
        rn_words_release(&t->words[i]);
    free(t->words);
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

static void count_batch(struct rn_bpe_trainer *t)
{
    rn_parallel(t->threads, (int64_t)t->ends_n, 1, count_docs, t);
    rn_str_clear(&t->batch);
    t->ends_n = 0;
}

void rn_bpe_trainer_add(struct rn_bpe_trainer *t, const char *text, size_t n)
{
    if (n == 0)
        return;
    if (n >= BATCH_BYTES) {
        rn_words_count(&t->words[0], t->split, text, n);
        return;
    }
    rn_str_add(&t->batch, text, n);
    RN_PUSH(t->ends, t->ends_n, t->ends_cap, t->batch.n);
    if (t->batch.n >= BATCH_BYTES)
        count_batch(t);
}

/* All counts in words[0]. */
static int gather(struct rn_bpe_trainer *t, struct rn_err *err)
{
    count_batch(t);
    rn_str_release(&t->batch);
    for (int i = 1; i < t->threads; i++)
        rn_words_absorb(&t->words[0], &t->words[i]);
    const struct rn_err *failed = &t->words[0].err;
    return failed->code == RN_OK ? RN_OK
                                 : rn_fail(err, failed->code, RN_NOWHERE, "%s", failed->msg);
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

int rn_bpe_trainer_finish(struct rn_bpe_trainer *t, int32_t n_merges, const char *const *specials,
                          bool (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                          struct rn_tokenizer **out, struct rn_err *err)
{
    struct rn_vocab v = {0};
    struct rn_merger *m = NULL;
    int rc;
    *out = NULL;
    RN_CHECK(rc = gather(t, err));
    RN_CHECK(rc = add_bytes(&v, err));
    RN_CHECK(rc = rn_merger_new(&m, &t->words[0], n_merges, err));
    RN_CHECK(rc = learn(m, &v, n_merges, (struct watcher){progress, ctx}, err));
    RN_CHECK(rc = rn_vocab_seal(&v, RN_NOWHERE, err));
    rc = rn_tokenizer_make(out, &v, t->split, specials, RN_NOWHERE, err);
done:
    rn_merger_free(m);
    rn_vocab_release(&v);
    return rc;
}
