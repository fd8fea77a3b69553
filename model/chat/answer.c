#include "answer.h"

#include "mem.h"

#include <stdlib.h>

struct rn_answerer {
    struct rn_generator *generator;
    const struct rn_tokenizer *tokenizer;
    struct rn_chat_tokens special;
};

int rn_answerer_new(struct rn_answerer **out, struct rn_model *m, const struct rn_tokenizer *tok,
                    size_t rows, int64_t Tmax, struct rn_err *err)
{
    struct rn_answerer *a = rn_new(struct rn_answerer);
    int64_t most = rn_model_max_len(m);
    a->tokenizer = tok;
    int rc = rn_chat_tokens_find(&a->special, tok, err);
    if (rc == RN_OK)
        rc = rn_generator_new(&a->generator, m, (int64_t)rows, most && most < Tmax ? most : Tmax,
                              err);
    if (rc == RN_OK)
        *out = a;
    else
        rn_answerer_free(a);
    return rc;
}

void rn_answerer_free(struct rn_answerer *a)
{
    if (!a)
        return;
    rn_generator_free(a->generator);
    free(a);
}

struct writing { /* one answer */
    const struct rn_answerer *a;
    struct rn_str *text;
};

static int write_token(void *ctx, int32_t id)
{
    const struct writing *w = ctx;
    if (id == w->a->special.assistant_end || id == w->a->special.bos)
        return 1;
    return rn_tokenizer_decode(w->a->tokenizer, &id, 1, w->text, NULL);
}

int rn_answer(struct rn_answerer *a, const struct rn_ids *prompts, size_t n,
              const struct rn_sampling *how, struct rn_str *texts, struct rn_err *err)
{
    struct rn_tool *tools = rn_xalloc((n + 1) * sizeof *tools);
    struct writing *w = rn_xalloc((n + 1) * sizeof *w);
    struct rn_text *t = rn_xalloc((n + 1) * sizeof *t);
    for (size_t i = 0; i < n; i++) {
        tools[i] = (struct rn_tool){.special = &a->special, .tokenizer = a->tokenizer};
        w[i] = (struct writing){a, &texts[i]};
        t[i] = (struct rn_text){prompts[i].p, prompts[i].n, &tools[i], write_token, &w[i]};
    }
    int rc = rn_generate(a->generator, t, n, how, err);
    for (size_t i = 0; i < n; i++)
        rn_tool_release(&tools[i]);
    free(tools);
    free(w);
    free(t);
    return rc;
}
