#include "tokenizer_train.h"

#include "clock.h"
#include "machine.h"
#include "mem.h"
#include "unicode.h"

enum { BYTE_TOKENS = 256, ASK_EVERY = 64 };

static int64_t specials_n(const struct rn_train_plan *p)
{
    int64_t n = 0;
    while (p->specials && p->specials[n])
        n++;
    return n;
}

int64_t rn_train_merges(const struct rn_train_plan *p)
{
    return p->vocab_size - BYTE_TOKENS - specials_n(p);
}

static bool stopped(const struct rn_train_watch *w, int64_t done, int64_t total, const char *unit)
{
    return w->go_on && !w->go_on(w->ctx, done, total, unit);
}

static int collect(struct rn_bpe_trainer *t, struct rn_docs *docs, const struct rn_train_plan *p,
                   const struct rn_train_watch *w, struct rn_train_seen *seen, struct rn_err *err)
{
    struct rn_doc doc;
    double bytes = 0, left_bytes = 0;
    while (seen->chars <= p->max_chars) {
        RN_TRY(rn_docs_next(docs, &doc, err));
        if (!doc.text)
            break;
        int64_t chars;
        size_t n = rn_utf8_crop(doc.text, doc.n, p->doc_chars, &chars);
        if (rn_bpe_trainer_add(t, doc.text, n) != RN_OK)
            break;
        seen->docs++;
        seen->chars += chars;
        seen->cut += n < doc.n;
        bytes += (double)doc.n;
        left_bytes += (double)(doc.n - n);
        seen->left_out = bytes > 0 ? left_bytes / bytes : 0;
        if (seen->docs % ASK_EVERY == 0 && stopped(w, seen->docs, rn_docs_rows(docs), "documents"))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped after %lld documents",
                           (long long)seen->docs);
    }
    return RN_OK;
}

char *rn_train_left_out(const struct rn_train_plan *p, const struct rn_train_seen *seen)
{
    if (!(seen->left_out > 0.5))
        return NULL;
    return rn_xprintf("%.4g %% of the text was left out: %lld of %lld documents are longer than "
                      "doc_chars, %lld; raise it, or give a document a line (.jsonl): a .txt file "
                      "is one document",
                      100 * seen->left_out, (long long)seen->cut, (long long)seen->docs,
                      (long long)p->doc_chars);
}

static bool merges_go_on(void *ctx, int64_t done, int64_t total)
{
    return done % ASK_EVERY != 0 || !stopped(ctx, done, total, "merges");
}

int rn_tokenizer_train(struct rn_tokenizer **out, struct rn_docs *docs,
                       const struct rn_train_plan *p, struct rn_train_watch watch,
                       struct rn_train_seen *seen, struct rn_err *err)
{
    int64_t merges = rn_train_merges(p);
    RN_ASSERT(merges >= 0 && merges < INT32_MAX / 2);
    struct rn_bpe_trainer *t = rn_bpe_trainer_new(p->pattern, p->threads);
    RN_ASSERT(t);
    double start = rn_clock_s();
    rn_bpe_trainer_limit(t, p->memory_bytes ? p->memory_bytes : rn_memory_left());
    *out = NULL;
    *seen = (struct rn_train_seen){0};
    int rc = collect(t, docs, p, &watch, seen, err);
    if (rc == RN_OK)
        rc = rn_bpe_trainer_finish(t, (int32_t)merges, p->specials, merges_go_on, &watch, out, err);
    if (rc == RN_OK)
        seen->merges = rn_tokenizer_vocab_size(*out) - BYTE_TOKENS - (int32_t)specials_n(p);
    seen->words = rn_bpe_trainer_words(t);
    seen->seconds = rn_clock_s() - start;
    rn_bpe_trainer_free(t);
    return rc;
}
