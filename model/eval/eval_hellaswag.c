/* HellaSwag as llm.c and build-nanogpt measure it: the context and each ending (behind a blank) are
 * encoded apart, raw as they stand in the file, and the ending with the least loss wins. The data
 * are text, or GPT-2's tokens as llm.c stores them. */
#include "bytes.h"
#include "eval_given.h"
#include "jsonl.h"
#include "llmc_eval.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { ENDINGS = 4 };

struct asking {
    const struct rn_tokenizer *tokenizer;
    struct rn_jsonl *lines;     /* of text, or NULL */
    struct rn_llmc_eval tokens; /* else */
    int32_t bos; /* of tokenizers whose models saw it before every text; -1: GPT-2's */
    size_t sum_right;
};

static void encode(const struct rn_tokenizer *t, const char *before, const char *text,
                   struct rn_ids *out)
{
    struct rn_str s = {0};
    rn_str_printf(&s, "%s%s", before, text);
    rn_tokenizer_encode(t, s.p, s.n, out);
    rn_str_release(&s);
}

static int ask_row(const struct asking *a, const json_t *row, struct rn_questions *to,
                   struct rn_asked *q, struct rn_err *err)
{
    const char *ctx = rn_json_str(row, "ctx", NULL);
    const json_t *endings = json_object_get(row, "endings");
    int64_t label = rn_json_int(row, "label", -1);
    bool fits = ctx && json_array_size(endings) == ENDINGS && label >= 0 && label < ENDINGS;
    for (size_t i = 0; i < ENDINGS; i++)
        fits &= json_is_string(json_array_get(endings, i));
    if (!fits)
        return rn_fail(err, RN_ECORRUPT, rn_jsonl_place(a->lines),
                       "no row of HellaSwag: expected {ctx, endings (4), label (0 to 3)}");
    q->gold = (size_t)label;
    struct rn_span *s = rn_questions_add(to, ENDINGS);
    for (size_t i = 0; i < ENDINGS; i++) {
        if (a->bos >= 0)
            rn_ids_push(&s[i].ids, a->bos);
        encode(a->tokenizer, "", ctx, &s[i].ids);
        s[i].start = (int64_t)s[i].ids.n;
        encode(a->tokenizer, " ", json_string_value(json_array_get(endings, i)), &s[i].ids);
        s[i].end = (int64_t)s[i].ids.n;
    }
    return RN_OK;
}

static int ask_text(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
                    struct rn_err *err)
{
    const struct asking *a = ctx;
    json_t *row;
    (void)i;
    RN_TRY(rn_jsonl_next(a->lines, &row, err));
    int rc = row ? ask_row(a, row, to, q, err) : RN_OK;
    json_decref(row);
    return rc;
}

static void push(struct rn_ids *ids, const struct rn_llmc_tokens *t)
{
    for (size_t i = 0; i < t->n; i++)
        rn_ids_push(ids, (int32_t)rn_le16_at(t->p + 2 * i));
}

static int ask_tokens(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
                      struct rn_err *err)
{
    struct asking *a = ctx;
    struct rn_llmc_question row;
    (void)i;
    RN_TRY(rn_llmc_eval_next(&a->tokens, &row, err));
    if (row.context.n == 0)
        return RN_OK;
    q->gold = row.label;
    struct rn_span *s = rn_questions_add(to, ENDINGS);
    for (size_t k = 0; k < ENDINGS; k++) {
        push(&s[k].ids, &row.context);
        s[k].start = (int64_t)s[k].ids.n;
        push(&s[k].ids, &row.endings[k]);
        s[k].end = (int64_t)s[k].ids.n;
    }
    return RN_OK;
}

static size_t lowest_sum(const struct rn_span *s)
{
    size_t best = 0;
    for (size_t i = 1; i < ENDINGS; i++)
        if (s[i].sum_loss < s[best].sum_loss)
            best = i;
    return best;
}

static void note(void *ctx, const struct rn_asked *q, const struct rn_span *s, size_t n,
                 json_t *item)
{
    struct asking *a = ctx;
    json_t *sums = json_array();
    for (size_t k = 0; k < n; k++)
        json_array_append_new(sums, json_real(s[k].sum_loss));
    json_object_set_new(item, "sums", sums);
    a->sum_right += lowest_sum(s) == q->gold;
}

/* Opens what the file is; *ask reads it. */
static int open_rows(struct asking *a, const char *path, struct rn_given *task, struct rn_err *err)
{
    task->ask = ask_text;
    if (!rn_llmc_eval_is(path))
        return rn_jsonl_open(&a->lines, path, err);
    task->ask = ask_tokens;
    if (rn_tokenizer_special(a->tokenizer, "<|endoftext|>") != RN_LLMC_VOCAB - 1)
        return rn_fail(err, RN_ECONFIG, RN_PATH(path),
                       "these are tokens of GPT-2, and the tokenizer is another");
    return rn_llmc_eval_open(&a->tokens, path, err);
}

static int score(struct asking *a, struct rn_eval_run *r, const char *path, struct rn_err *err)
{
    struct rn_given task = {.what = "hellaswag", .items = INT64_MAX, .note = note, .ctx = a};
    struct rn_given_result found;
    RN_TRY(open_rows(a, path, &task, err));
    RN_TRY(rn_eval_given(r, &task, &found, err));
    if (found.items == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "the file has no rows");
    rn_eval_share(r->report, "hellaswag_acc", a->sum_right, found.items);
    rn_eval_share(r->report, "hellaswag", found.right, found.items);
    rn_eval_note(r->report, "hellaswag_bos", json_boolean(a->bos >= 0));
    rn_eval_cut(r->report, found.cut);
    return RN_OK;
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct asking a = {.tokenizer = r->tokenizer,
                       .bos = rn_tokenizer_special(r->tokenizer, "<|bos|>")};
    const char *path;
    RN_TRY(rn_eval_file(r, RN_EVAL_IN_hellaswag, &path, err));
    int rc = score(&a, r, path, err);
    if (a.lines)
        rn_jsonl_free(a.lines);
    rn_llmc_eval_release(&a.tokens);
    return rc;
}

const struct rn_eval_task rn_eval_task_hellaswag = {
    .protocol = "llm.c", .version = 1, .inputs = RN_EVAL_IN(hellaswag), .run = run};
