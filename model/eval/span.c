#include "span.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void rn_spans_release(struct rn_span *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rn_ids_release(&s[i].ids);
}

static size_t shortest(const struct rn_span *s, size_t n)
{
    size_t least = s[0].ids.n;
    for (size_t i = 1; i < n; i++)
        least = s[i].ids.n < least ? s[i].ids.n : least;
    return least;
}

/* Do all prompts have the same token at `at`, counted from the front or the back (from 1)? */
static bool agree(const struct rn_span *s, size_t n, size_t at, bool back)
{
    int32_t first = back ? s[0].ids.p[s[0].ids.n - at] : s[0].ids.p[at];
    for (size_t i = 1; i < n; i++)
        if ((back ? s[i].ids.p[s[i].ids.n - at] : s[i].ids.p[at]) != first)
            return false;
    return true;
}

void rn_spans_common_prefix(struct rn_span *s, size_t n)
{
    size_t least = shortest(s, n), same = 0;
    while (same < least && agree(s, n, same, false))
        same++;
    for (size_t i = 0; i < n; i++) {
        s[i].start = (int64_t)same;
        s[i].end = (int64_t)s[i].ids.n;
    }
}

void rn_spans_common_suffix(struct rn_span *s, size_t n)
{
    size_t least = shortest(s, n), same = 0;
    while (same < least && agree(s, n, same + 1, true))
        same++;
    for (size_t i = 0; i < n; i++) {
        s[i].end = (int64_t)s[i].ids.n;
        s[i].start = s[i].end - (int64_t)same;
    }
}

size_t rn_spans_crop(struct rn_span *s, size_t n, int64_t max_len)
{
    size_t cut = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t over = (int64_t)s[i].ids.n - max_len;
        if (max_len <= 0 || over <= 0)
            continue;
        memmove(s[i].ids.p, s[i].ids.p + over, (size_t)max_len * sizeof *s[i].ids.p);
        s[i].ids.n = (size_t)max_len;
        s[i].start = s[i].start > over ? s[i].start - over : 0;
        s[i].end = s[i].end > over ? s[i].end - over : 0;
        cut++;
    }
    return cut;
}

size_t rn_spans_lowest(const struct rn_span *s, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (s[i].mean_loss < s[best].mean_loss)
            best = i;
    return best;
}

/* --- many questions at once --- */

struct rn_span *rn_questions_add(struct rn_questions *q, size_t n)
{
    size_t first = q->n_spans;
    for (size_t i = 0; i < n; i++)
        RN_PUSH(q->spans, q->n_spans, q->cap_spans, (struct rn_span){0});
    RN_PUSH(q->ends, q->n, q->cap_ends, q->n_spans);
    return q->spans + first;
}

struct rn_span *rn_question(const struct rn_questions *q, size_t i)
{
    return q->spans + (i ? q->ends[i - 1] : 0);
}

size_t rn_question_spans(const struct rn_questions *q, size_t i)
{
    return q->ends[i] - (i ? q->ends[i - 1] : 0);
}

void rn_questions_release(struct rn_questions *q)
{
    rn_spans_release(q->spans, q->n_spans);
    free(q->spans);
    free(q->ends);
    *q = (struct rn_questions){0};
}

/* The first judged token: the very first of a prompt is predicted by none. */
static int64_t first_of(const struct rn_span *s)
{
    return s->start > 1 ? s->start : 1;
}

static void judge(struct rn_span *s, const struct rn_score_row *r)
{
    int64_t n = s->end - first_of(s);
    s->sum_loss = 0;
    s->all_likeliest = true;
    for (int64_t i = first_of(s); i < s->end; i++) {
        s->sum_loss += (double)r->losses[i - 1];
        s->all_likeliest &= r->argmax[i - 1] == s->ids.p[i];
    }
    s->mean_loss = n > 0 ? s->sum_loss / (double)n : NAN;
}

struct asked { /* spans as the scorer wants them */
    struct rn_score_row *rows;
    struct rn_score_group *groups;
    void *losses, *argmax; /* of all rows */
};

static int asked_init(struct asked *a, const struct rn_questions *q, struct rn_err *err)
{
    size_t total = 1, at = 0;
    for (size_t i = 0; i < q->n_spans; i++)
        total += q->spans[i].ids.n;
    *a = (struct asked){.rows = rn_xalloc((q->n_spans + 1) * sizeof *a->rows),
                        .groups = rn_xalloc((q->n + 1) * sizeof *a->groups)};
    RN_TRY(rn_try_alloc(&a->losses, total, sizeof(float), "losses", err));
    RN_TRY(rn_try_alloc(&a->argmax, total, sizeof(int32_t), "likeliest tokens", err));
    for (size_t i = 0; i < q->n_spans; at += q->spans[i++].ids.n)
        a->rows[i] = (struct rn_score_row){.ids = q->spans[i].ids.p,
                                           .n = (int64_t)q->spans[i].ids.n,
                                           .from = first_of(&q->spans[i]) - 1,
                                           .losses = (float *)a->losses + at,
                                           .argmax = (int32_t *)a->argmax + at};
    for (size_t i = 0; i < q->n; i++)
        a->groups[i] = (struct rn_score_group){a->rows + (rn_question(q, i) - q->spans),
                                               rn_question_spans(q, i)};
    return RN_OK;
}

int rn_questions_score(struct rn_questions *q, struct rn_scorer *scorer, struct rn_err *err)
{
    struct asked a;
    int rc = asked_init(&a, q, err);
    if (rc == RN_OK)
        rc = rn_scorer_groups(scorer, a.groups, q->n, err);
    for (size_t i = 0; i < q->n_spans && rc == RN_OK; i++)
        judge(&q->spans[i], &a.rows[i]);
    free(a.rows);
    free(a.groups);
    free(a.losses);
    free(a.argmax);
    return rc;
}
