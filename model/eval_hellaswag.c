/* HellaSwag as llm.c and build-nanogpt measure it: the context and each ending (behind a blank) are
 * encoded apart, raw as they stand in the file, and the ending with the least loss wins. */
#include "evals.h"
#include "jsonl.h"
#include "mem.h"
#include "span.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { ENDINGS = 4, CHUNK = 128 };

struct asking {
    const struct rn_eval_run *run;
    struct rn_jsonl *lines;
    struct rn_questions questions;
    int64_t labels[CHUNK];
    int32_t bos; /* of tokenizers whose models saw it before every text; -1: GPT-2's */
    size_t n, sum_right, mean_right, cut;
};

static void encode(const struct rn_tokenizer *t, const char *before, const char *text,
                   struct rn_ids *out)
{
    struct rn_str s = {0};
    rn_str_printf(&s, "%s%s", before, text);
    rn_tokenizer_encode(t, s.p, s.n, out);
    rn_str_release(&s);
}

static int ask(struct asking *a, const json_t *row, struct rn_err *err)
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
    a->labels[a->questions.n] = label;
    struct rn_span *s = rn_questions_add(&a->questions, ENDINGS);
    for (size_t i = 0; i < ENDINGS; i++) {
        if (a->bos >= 0)
            rn_ids_push(&s[i].ids, a->bos);
        encode(a->run->tokenizer, "", ctx, &s[i].ids);
        s[i].start = (int64_t)s[i].ids.n;
        encode(a->run->tokenizer, " ", json_string_value(json_array_get(endings, i)), &s[i].ids);
        s[i].end = (int64_t)s[i].ids.n;
    }
    a->cut += rn_spans_crop(s, ENDINGS, rn_eval_max_len(a->run));
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

static void judge(struct asking *a)
{
    for (size_t i = 0; i < a->questions.n; i++) {
        const struct rn_span *s = rn_question(&a->questions, i);
        size_t gold = (size_t)a->labels[i], by_mean = rn_spans_lowest(s, ENDINGS);
        json_t *losses = json_array();
        for (size_t k = 0; k < ENDINGS; k++)
            json_array_append_new(losses, json_real(s[k].sum_loss));
        a->sum_right += lowest_sum(s) == gold;
        a->mean_right += by_mean == gold;
        rn_eval_item(a->run->report,
                     json_pack("{s:I, s:I, s:I, s:o}", "row", (json_int_t)(a->n + i), "gold",
                               (json_int_t)gold, "choice", (json_int_t)by_mean, "sums", losses));
    }
    a->n += a->questions.n;
}

/* Asks the next rows; *more is false at the end of the file or of what was asked for. */
static int ask_chunk(struct asking *a, bool *more, struct rn_err *err)
{
    *more = true;
    while (a->questions.n < CHUNK && *more) {
        json_t *row = NULL;
        size_t asked = a->n + a->questions.n;
        if (a->run->max_items < 0 || asked < (size_t)a->run->max_items)
            RN_TRY(rn_jsonl_next(a->lines, &row, err));
        *more = row != NULL;
        int rc = row ? ask(a, row, err) : RN_OK;
        json_decref(row);
        RN_TRY(rc);
    }
    return RN_OK;
}

static int score(struct asking *a, struct rn_err *err)
{
    for (bool more = true; more;) {
        int rc = ask_chunk(a, &more, err);
        if (rc == RN_OK)
            rc = rn_questions_score(&a->questions, a->run->scorer, err);
        if (rc == RN_OK)
            judge(a);
        rn_questions_release(&a->questions);
        RN_TRY(rc);
        RN_TRY(rn_eval_goes_on(a->run, "hellaswag", a->n, 0, err));
    }
    return a->n ? RN_OK : rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "HellaSwag has no rows");
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct asking a = {.run = r, .bos = rn_tokenizer_special(r->tokenizer, "<|bos|>")};
    const char *path;
    RN_TRY(rn_eval_file(r, RN_EVAL_IN_hellaswag, &path, err));
    RN_TRY(rn_jsonl_open(&a.lines, path, err));
    int rc = score(&a, err);
    rn_jsonl_free(a.lines);
    RN_TRY(rc);
    rn_eval_share(r->report, "hellaswag_acc", a.sum_right, a.n);
    rn_eval_share(r->report, "hellaswag", a.mean_right, a.n);
    rn_eval_note(r->report, "hellaswag_bos", json_boolean(a.bos >= 0));
    rn_eval_note(r->report, "hellaswag_cut_prompts", json_integer((json_int_t)a.cut));
    return RN_OK;
}

const struct rn_eval_task rn_eval_task_hellaswag = {
    .protocol = "llm.c", .version = 1, .inputs = RN_EVAL_IN(hellaswag), .run = run};
