#include "eval_written.h"

#include "answer.h"
#include "mem.h"

#include <string.h>

enum { ROWS = 8, ANSWER_TOKENS = 512, TOP_K = 50 };

struct asking {
    struct rn_eval_run *run;
    const struct rn_written *task;
    struct rn_chat_tokens special;
    struct rn_answerer *answerer;
    size_t right;
};

static int prompt_of(const struct asking *a, int64_t i, struct rn_ids *out, struct rn_err *err)
{
    struct rn_conversation c = {0};
    int rc = a->task->ask(a->task->ctx, i, &c, err);
    if (rc == RN_OK)
        rn_conversation_prompt(&c, &a->special, a->run->tokenizer, out);
    rn_conversation_release(&c);
    return rc;
}

static int judge(struct asking *a, int64_t i, const char *answer, struct rn_err *err)
{
    json_t *item = json_pack("{s:I, s:o}", "row", (json_int_t)i, "answer",
                             rn_json_text(answer, strlen(answer)));
    bool right = false;
    int rc = a->task->judge(a->task->ctx, i, answer, item, &right, err);
    a->right += right;
    json_object_set_new(item, "right", json_boolean(right));
    rn_eval_item(a->run->report, item);
    return rc;
}

static int ask_some(struct asking *a, int64_t from, size_t n, struct rn_err *err)
{
    struct rn_ids prompts[ROWS] = {0};
    struct rn_str texts[ROWS] = {0};
    struct rn_sampling how = {.max_tokens = ANSWER_TOKENS, .top_k = TOP_K};
    int rc = RN_OK;
    for (size_t k = 0; k < n && rc == RN_OK; k++)
        rc = prompt_of(a, from + (int64_t)k, &prompts[k], err);
    if (rc == RN_OK)
        rc = rn_answer(a->answerer, prompts, n, &how, texts, err);
    for (size_t k = 0; k < n; k++) {
        if (rc == RN_OK)
            rc = judge(a, from + (int64_t)k, texts[k].p ? texts[k].p : "", err);
        rn_ids_release(&prompts[k]);
        rn_str_release(&texts[k]);
    }
    return rc;
}

static int ask_all(struct asking *a, int64_t items, struct rn_err *err)
{
    const char *id = a->task->id;
    for (int64_t i = 0; i < items; i += ROWS) {
        size_t n = items - i < ROWS ? (size_t)(items - i) : ROWS;
        RN_TRY(ask_some(a, i, n, err));
        RN_TRY(rn_eval_goes_on(a->run, id, (size_t)i + n, (size_t)items, err));
    }
    rn_eval_share(a->run->report, id, a->right, (size_t)items);
    return RN_OK;
}

/* Of the longest prompt and an answer. */
static int length_of(const struct asking *a, int64_t items, int64_t *Tmax, struct rn_err *err)
{
    struct rn_ids ids = {0};
    int rc = RN_OK;
    *Tmax = 1;
    for (int64_t i = 0; i < items && rc == RN_OK; i++) {
        rc = prompt_of(a, i, &ids, err);
        *Tmax = (int64_t)ids.n > *Tmax ? (int64_t)ids.n : *Tmax;
    }
    *Tmax += ANSWER_TOKENS;
    rn_ids_release(&ids);
    return rc;
}

int rn_eval_written(struct rn_eval_run *r, const struct rn_written *task, struct rn_err *err)
{
    struct asking a = {.run = r, .task = task};
    int64_t items = r->max_items >= 0 && r->max_items < task->items ? r->max_items : task->items;
    int64_t Tmax;
    RN_TRY(rn_chat_tokens_find(&a.special, r->tokenizer, err));
    RN_TRY(length_of(&a, items, &Tmax, err));
    RN_TRY(rn_answerer_new(&a.answerer, r->model, r->tokenizer, ROWS, Tmax, err));
    int rc = ask_all(&a, items, err);
    rn_answerer_free(a.answerer);
    return rc;
}
