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

void rn_spans_crop(struct rn_span *s, size_t n, int64_t max_len)
{
    for (size_t i = 0; i < n; i++) {
        int64_t over = (int64_t)s[i].ids.n - max_len;
        if (max_len <= 0 || over <= 0)
            continue;
        memmove(s[i].ids.p, s[i].ids.p + over, (size_t)max_len * sizeof *s[i].ids.p);
        s[i].ids.n = (size_t)max_len;
        s[i].start = s[i].start > over ? s[i].start - over : 0;
        s[i].end = s[i].end > over ? s[i].end - over : 0;
    }
}

static void judge(struct rn_span *s, const float *losses, const int32_t *argmax)
{
    double sum = 0;
    int64_t start = s->start > 1 ? s->start : 1, n = s->end - start;
    s->all_likeliest = true;
    for (int64_t i = start; i < s->end; i++) {
        sum += (double)losses[i - 1];
        s->all_likeliest &= argmax[i - 1] == s->ids.p[i];
    }
    s->mean_loss = n > 0 ? sum / (double)n : NAN;
}

int rn_spans_score(struct rn_scorer *scorer, struct rn_span *s, size_t n, struct rn_err *err)
{
    size_t total = 0;
    void *losses = NULL, *argmax = NULL;
    struct rn_score_row *rows = rn_xrealloc(NULL, n + 1, sizeof *rows);
    int rc;
    for (size_t i = 0; i < n; i++)
        total += s[i].ids.n;
    RN_CHECK(rc = rn_try_alloc(&losses, total + 1, sizeof(float), "losses", err));
    RN_CHECK(rc = rn_try_alloc(&argmax, total + 1, sizeof(int32_t), "likeliest tokens", err));
    size_t at = 0;
    for (size_t i = 0; i < n; at += s[i++].ids.n)
        rows[i] = (struct rn_score_row){s[i].ids.p, (int64_t)s[i].ids.n, (float *)losses + at,
                                        (int32_t *)argmax + at};
    RN_CHECK(rc = rn_scorer_rows(scorer, rows, n, err));
    for (size_t i = 0; i < n; i++)
        judge(&s[i], rows[i].losses, rows[i].argmax);
done:
    free(losses);
    free(argmax);
    free(rows);
    return rc;
}

size_t rn_spans_lowest(const struct rn_span *s, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (s[i].mean_loss < s[best].mean_loss)
            best = i;
    return best;
}
