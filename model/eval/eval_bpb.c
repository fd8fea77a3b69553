#include "eval_bpb.h"

#include "evals.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t rn_bpb_rows(int64_t T, int64_t tokens)
{
    enum { BATCH_TOKENS = 4096 };
    int64_t at_most = tokens < BATCH_TOKENS ? tokens : BATCH_TOKENS;
    return at_most > T ? at_most / T : 1;
}

static int count(struct rn_bpb *b, const int32_t *y, const float *losses, int64_t n,
                 const int32_t *byte_counts, int32_t vocab, struct rn_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (y[i] < 0)
            continue;
        if (y[i] >= vocab)
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                           "target %d lies outside the vocabulary of %d", y[i], vocab);
        if (byte_counts[y[i]] == 0)
            continue;
        b->nats += (double)losses[i];
        b->bytes += byte_counts[y[i]];
        b->targets++;
    }
    return RN_OK;
}

int rn_eval_bpb(struct rn_scorer *s, struct rn_loader *l, int64_t B, int64_t T, int64_t batches,
                const int32_t *byte_counts, int32_t vocab, struct rn_bpb *b, struct rn_err *err)
{
    void *x = NULL, *y = NULL, *losses = NULL;
    size_t n = (size_t)(B * T);
    int rc;
    *b = (struct rn_bpb){0};
    RN_CHECK(rc = rn_try_alloc(&x, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&y, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&losses, n, sizeof(float), "losses", err));
    for (int64_t i = 0; i < batches; i++) {
        RN_CHECK(rc = rn_loader_next(l, x, y, err));
        RN_CHECK(rc = rn_scorer_batch(s, B, T, x, y, losses, err));
        RN_CHECK(rc = count(b, y, losses, (int64_t)n, byte_counts, vocab, err));
        if (rn_loader_epoch(l) > 0)
            break; /* what follows was counted already */
    }
done:
    free(x);
    free(y);
    free(losses);
    return rc;
}

double rn_bpb_value(const struct rn_bpb *b)
{
    return b->bytes > 0 ? b->nats / (M_LN2 * b->bytes) : INFINITY;
}

/* --- the task --- */

/* Numbers of other packers or counts of bytes are not comparable: both are noted beside it. */
struct rules {
    bool decoded; /* bytes as nanochat counted them until July 2026 */
    bool bestfit; /* rows of BOS best fit instead of the flat stream */
};

static struct rules rules_of(const struct rn_model_cfg *m)
{
    return (struct rules){.decoded = strcmp(m->arch, "nanochat-2025") == 0,
                          .bestfit = strcmp(m->arch, "nanochat-2026") == 0};
}

static int measure(const struct rn_eval_run *r, struct rules rules, struct rn_bpb *sum,
                   struct rn_err *err)
{
    int64_t T = rn_model_config(r->model)->sequence_len;
    int64_t B = rn_bpb_rows(T, r->bpb_tokens), batches = r->bpb_tokens / (B * T);
    int32_t vocab = rn_tokenizer_vocab_size(r->tokenizer);
    struct rn_loader *loader;
    struct rn_loader_cfg cfg = {
        .rows = rules.bestfit ? RN_ROWS_BESTFIT : RN_ROWS_STREAM, .B = B, .T = T, .streams = 1};
    RN_TRY(rn_loader_open(&loader, r->val, &cfg, err));
    int32_t *bytes = rn_xalloc((size_t)vocab * sizeof *bytes);
    rn_tokenizer_byte_counts(r->tokenizer, rules.decoded, bytes);
    int rc =
        rn_eval_bpb(r->scorer, loader, B, T, batches > 0 ? batches : 1, bytes, vocab, sum, err);
    free(bytes);
    rn_loader_free(loader);
    return rc;
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct rules rules = rules_of(rn_model_config(r->model));
    struct rn_bpb sum;
    RN_TRY(measure(r, rules, &sum, err));
    rn_eval_metric(r->report, "bpb", rn_bpb_value(&sum), NAN);
    rn_eval_note(r->report, "bpb_bytes", json_string(rules.decoded ? "decoded" : "raw"));
    rn_eval_note(r->report, "bpb_loader", json_string(rules.bestfit ? "bestfit" : "stream"));
    return RN_OK;
}

const struct rn_eval_task rn_eval_task_bpb = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(tokens), .run = run};
