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

static int count(const struct rn_bpb_of *of, const int32_t *y, const float *losses, size_t n,
                 struct rn_bpb *b, struct rn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (y[i] < 0)
            continue;
        if (y[i] >= of->vocab)
            return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                           "target %d lies outside the vocabulary of %d", y[i], of->vocab);
        if (of->byte_counts[y[i]] == 0)
            continue;
        b->nats += (double)losses[i];
        b->bytes += of->byte_counts[y[i]];
        b->targets++;
    }
    return RN_OK;
}

int rn_eval_bpb(const struct rn_bpb_of *of, struct rn_bpb *b, struct rn_err *err)
{
    int64_t B = rn_bpb_rows(of->T, of->tokens), batches = of->tokens / (B * of->T);
    void *x = NULL, *y = NULL, *losses = NULL;
    size_t n = (size_t)(B * of->T);
    int rc;
    *b = (struct rn_bpb){0};
    RN_CHECK(rc = rn_try_alloc(&x, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&y, n, sizeof(int32_t), "a batch", err));
    RN_CHECK(rc = rn_try_alloc(&losses, n, sizeof(float), "losses", err));
    for (int64_t i = 0; i == 0 || i < batches; i++) {
        RN_CHECK(rc = rn_loader_next(of->loader, x, y, err));
        RN_CHECK(rc = rn_scorer_batch(of->scorer, B, of->T, x, y, losses, err));
        RN_CHECK(rc = count(of, y, losses, n, b, err));
        if (rn_loader_epoch(of->loader) > 0)
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

/* --- the rules of an era --- */

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

int32_t *rn_bpb_byte_counts(const struct rn_tokenizer *t, const struct rn_model_cfg *m)
{
    int32_t *counts = rn_xalloc((size_t)rn_tokenizer_vocab_size(t) * sizeof *counts);
    rn_tokenizer_byte_counts(t, rules_of(m).decoded, counts);
    return counts;
}

/* --- the task --- */

static int measure(const struct rn_eval_run *r, struct rn_bpb *sum, struct rn_err *err)
{
    const struct rn_model_cfg *m = rn_model_config(r->model);
    struct rn_loader_cfg cfg = {.rows = rules_of(m).bestfit ? RN_ROWS_BESTFIT : RN_ROWS_STREAM,
                                .B = rn_bpb_rows(m->sequence_len, r->bpb_tokens),
                                .T = m->sequence_len,
                                .streams = 1};
    struct rn_loader *loader;
    RN_TRY(rn_loader_open(&loader, r->val, &cfg, err));
    int32_t *counts = rn_bpb_byte_counts(r->tokenizer, m);
    int rc = rn_eval_bpb(&(struct rn_bpb_of){.scorer = r->scorer,
                                             .loader = loader,
                                             .T = m->sequence_len,
                                             .tokens = r->bpb_tokens,
                                             .byte_counts = counts,
                                             .vocab = rn_tokenizer_vocab_size(r->tokenizer)},
                         sum, err);
    free(counts);
    rn_loader_free(loader);
    return rc;
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct rules rules = rules_of(rn_model_config(r->model));
    struct rn_bpb sum;
    RN_TRY(measure(r, &sum, err));
    rn_eval_metric(r->report, "bpb", rn_bpb_value(&sum), NAN);
    rn_eval_note(r->report, "bpb_bytes", json_string(rules.decoded ? "decoded" : "raw"));
    rn_eval_note(r->report, "bpb_loader", json_string(rules.bestfit ? "bestfit" : "stream"));
    return RN_OK;
}

const struct rn_eval_task rn_eval_task_bpb = {
    .protocol = "nanochat", .version = 1, .inputs = RN_EVAL_IN(tokens), .run = run};
