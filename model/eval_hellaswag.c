/* HellaSwag as llm.c and build-nanogpt measure it: the context and each ending (behind a blank) are
 * encoded apart, raw as they stand in the file, and the ending with the least loss wins. */
#include "eval_given.h"
#include "jsonl.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { ENDINGS = 4 };

struct asking {
    const struct rn_tokenizer *tokenizer;
    struct rn_jsonl *lines;
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

static int ask(void *ctx, int64_t i, struct rn_questions *to, struct rn_asked *q,
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

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct asking a = {.tokenizer = r->tokenizer,
                       .bos = rn_tokenizer_special(r->tokenizer, "<|bos|>")};
    struct rn_given task = {
        .what = "hellaswag", .items = INT64_MAX, .ask = ask, .note = note, .ctx = &a};
    struct rn_given_result found;
    const char *path;
    RN_TRY(rn_eval_file(r, RN_EVAL_IN_hellaswag, &path, err));
    RN_TRY(rn_jsonl_open(&a.lines, path, err));
    int rc = rn_eval_given(r, &task, &found, err);
    rn_jsonl_free(a.lines);
    RN_TRY(rc);
    if (found.items == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "the file has no rows");
    rn_eval_share(r->report, "hellaswag_acc", a.sum_right, found.items);
    rn_eval_share(r->report, "hellaswag", found.right, found.items);
    rn_eval_note(r->report, "hellaswag_bos", json_boolean(a.bos >= 0));
    rn_eval_cut(r->report, found.cut);
    return RN_OK;
}

const struct rn_eval_task rn_eval_task_hellaswag = {
    .protocol = "llm.c", .version = 1, .inputs = RN_EVAL_IN(hellaswag), .run = run};
