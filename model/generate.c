#include "generate.h"

#include "mem.h"
#include "rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of a row that one run may read: one at a time, the end of a prompt, much of it. */
static const int64_t pieces[] = {1, 16, 128};
enum { PIECES = RN_COUNT(pieces) };

struct rn_generator {
    struct rn_model *model;
    int64_t rows, Tmax, V, Vp, tokens;
    struct rn_cached_prog progs[PIECES]; /* the first owns the cache; others are made when needed */
    struct rn_ids *read;                 /* of each row: what its cache holds */
    float *logits;                       /* (rows, Vp): after the last token of each */
    float *fresh;                        /* the same as a run leaves them */
    int32_t *x, *span, *last;            /* inputs of the largest program */
};

static int make_prog(struct rn_generator *g, size_t piece, struct rn_err *err)
{
    struct rn_cached_shape shape = {.B = g->rows,
                                    .T = pieces[piece],
                                    .Tmax = g->Tmax,
                                    .slots = g->rows,
                                    .want = RN_WANT_LOGITS,
                                    .cache_of = g->progs[0].prog};
    return g->progs[piece].prog ? RN_OK
                                : rn_model_cached_prog(g->model, &shape, &g->progs[piece], err);
}

int rn_generator_new(struct rn_generator **out, struct rn_model *m, int64_t rows, int64_t Tmax,
                     struct rn_err *err)
{
    const struct rn_model_cfg *cfg = rn_model_config(m);
    struct rn_generator *g = rn_new(struct rn_generator);
    size_t floats = (size_t)(rows * cfg->vocab_padded), most = (size_t)(rows * pieces[PIECES - 1]);
    int rc;
    RN_ASSERT(rows > 0);
    g->model = m;
    g->rows = rows;
    g->Tmax = Tmax;
    g->V = cfg->vocab_size;
    g->Vp = cfg->vocab_padded;
    g->read = rn_xalloc((size_t)rows * sizeof *g->read);
    RN_CHECK(rc = rn_try_alloc((void **)&g->logits, floats, sizeof(float), "logits", err));
    RN_CHECK(rc = rn_try_alloc((void **)&g->fresh, floats, sizeof(float), "logits", err));
    RN_CHECK(rc = rn_try_alloc((void **)&g->x, most, sizeof(int32_t), "tokens", err));
    RN_CHECK(rc = rn_try_alloc((void **)&g->span, 2 * (size_t)rows, sizeof(int32_t), "rows", err));
    RN_CHECK(rc = rn_try_alloc((void **)&g->last, (size_t)rows, sizeof(int32_t), "rows", err));
    RN_CHECK(rc = make_prog(g, 0, err));
done:
    if (rc == RN_OK)
        *out = g;
    else
        rn_generator_free(g);
    return rc;
}

void rn_generator_free(struct rn_generator *g)
{
    if (!g)
        return;
    for (size_t i = PIECES; i-- > 0;)
        rn_prog_free(g->progs[i].prog);
    for (int64_t b = 0; b < g->rows; b++)
        rn_ids_release(&g->read[b]);
    free(g->read);
    free(g->logits);
    free(g->fresh);
    free(g->x);
    free(g->span);
    free(g->last);
    free(g);
}

const float *rn_generator_logits(const struct rn_generator *g, size_t row)
{
    return g->logits + (int64_t)row * g->Vp;
}

int64_t rn_generator_tokens(const struct rn_generator *g)
{
    return g->tokens;
}

/* --- choosing --- */

static int32_t largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return (int32_t)best;
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Puts x where the root of a heap of k was whose smallest is on top. */
static void sift(float *heap, int64_t k, float x)
{
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < k; at = child) {
        child += child + 1 < k && heap[child + 1] < heap[child];
        if (x <= heap[child])
            break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

/* The k largest of n logits, in falling order; caller frees. */
static float *largest_k(const float *logits, int64_t n, int64_t k)
{
    float *heap = rn_xalloc((size_t)k * sizeof *heap);
    for (int64_t i = 0; i < k; i++)
        heap[i] = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (logits[i] > heap[0])
            sift(heap, k, logits[i]);
    qsort(heap, (size_t)k, sizeof *heap, descending);
    return heap;
}

/* The logit below which nothing is drawn. */
static float threshold(const float *logits, int64_t V, const struct rn_sampling *how)
{
    bool by_share = how->top_p > 0 && how->top_p < 1;
    int64_t k = how->top_k > 0 && how->top_k < V ? how->top_k : V;
    if (k == V && !by_share)
        return -INFINITY;
    float *best = largest_k(logits, V, k);
    double sum = 0, part = 0, top = (double)best[0];
    for (int64_t i = 0; i < k; i++)
        sum += exp(((double)best[i] - top) / how->temperature);
    int64_t n = by_share ? 0 : k - 1;
    for (; n + 1 < k; n++) {
        part += exp(((double)best[n] - top) / how->temperature);
        if (part >= how->top_p * sum)
            break;
    }
    float low = best[n];
    free(best);
    return low;
}

int32_t rn_sample(const float *logits, int64_t V, const struct rn_sampling *how, int64_t position)
{
    int32_t best = largest(logits, V);
    if (!(how->temperature > 0))
        return best;
    float low = threshold(logits, V, how);
    double sum = 0, top = (double)logits[best];
    for (int64_t i = 0; i < V; i++)
        if (logits[i] >= low)
            sum += exp(((double)logits[i] - top) / how->temperature);
    double left = sum * rn_rand_unit(rn_stream(how->seed, "sample"), (uint64_t)position);
    for (int64_t i = 0; i < V; i++) {
        if (!(logits[i] >= low))
            continue;
        left -= exp(((double)logits[i] - top) / how->temperature);
        if (left < 0)
            return (int32_t)i;
    }
    return best; /* rounding used up the sum */
}

/* --- reading --- */

struct ahead { /* what is still to be read of one row */
    const int32_t *ids;
    size_t n;
};

static size_t piece_for(const struct ahead *a, int64_t rows)
{
    size_t most = 0, piece = 0;
    for (int64_t b = 0; b < rows; b++)
        most = a[b].n > most ? a[b].n : most;
    while (piece + 1 < PIECES && most > (size_t)pieces[piece])
        piece++;
    return piece;
}

/* Takes up to T tokens from each row; what they are stands in x, span and last. */
static void take_piece(struct rn_generator *g, struct ahead *a, int64_t T)
{
    for (int64_t b = 0; b < g->rows; b++) {
        int64_t n = (int64_t)a[b].n < T ? (int64_t)a[b].n : T;
        g->span[2 * b] = n ? (int32_t)g->read[b].n : 0;
        g->span[2 * b + 1] = (int32_t)n;
        g->last[b] = (int32_t)(b * T + (n ? n - 1 : 0));
        for (int64_t t = 0; t < T; t++)
            g->x[b * T + t] = t < n ? a[b].ids[t] : 0;
        for (int64_t t = 0; t < n; t++)
            rn_ids_push(&g->read[b], a[b].ids[t]);
        a[b].ids += n;
        a[b].n -= (size_t)n;
    }
}

static int run_piece(struct rn_generator *g, const struct rn_cached_prog *p, struct rn_err *err)
{
    RN_TRY(rn_cached_put(p, g->x, g->span, err));
    RN_TRY(rn_prog_put(p->prog, p->rows, g->last, err));
    RN_TRY(rn_prog_run(p->prog, err));
    return rn_prog_get(p->prog, p->logits, g->fresh, err);
}

static int read_ahead(struct rn_generator *g, struct ahead *a, struct rn_err *err)
{
    for (;;) {
        size_t piece = piece_for(a, g->rows), left = 0;
        for (int64_t b = 0; b < g->rows; b++)
            left += a[b].n;
        if (left == 0)
            return RN_OK;
        RN_TRY(make_prog(g, piece, err));
        take_piece(g, a, pieces[piece]);
        RN_TRY(run_piece(g, &g->progs[piece], err));
        g->tokens += g->rows * pieces[piece];
        for (int64_t b = 0; b < g->rows; b++)
            if (g->span[2 * b + 1] > 0)
                memcpy(g->logits + b * g->Vp, g->fresh + b * g->Vp, (size_t)g->Vp * sizeof(float));
    }
}

static int check_prompt(const struct rn_generator *g, const int32_t *ids, size_t n,
                        struct rn_err *err)
{
    if (n == 0 || n > (size_t)g->Tmax)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "a prompt of %zu tokens, expected 1 to %" PRId64, n, g->Tmax);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= g->V)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "token %" PRId32 " is outside the vocabulary of %" PRId64, ids[i], g->V);
    return RN_OK;
}

/* Row b forgets what is not the beginning of the prompt; its last token is always read (again), for
 * the logits after it. */
static struct ahead rewind_row(struct rn_generator *g, int64_t b, const struct rn_text *t)
{
    struct rn_ids *read = &g->read[b];
    size_t same = 0;
    while (same < read->n && same + 1 < t->n && read->p[same] == t->prompt[same])
        same++;
    read->n = same;
    return (struct ahead){t->prompt + same, t->n - same};
}

int rn_generator_read(struct rn_generator *g, const struct rn_text *t, size_t n, struct rn_err *err)
{
    RN_ASSERT(n <= (size_t)g->rows);
    for (size_t i = 0; i < n; i++)
        RN_TRY(check_prompt(g, t[i].prompt, t[i].n, err));
    struct ahead *a = rn_xalloc((size_t)g->rows * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = rewind_row(g, (int64_t)i, &t[i]);
    int rc = read_ahead(g, a, err);
    free(a);
    return rc;
}

/* --- going on --- */

static bool stops(const struct rn_sampling *how, int32_t id)
{
    for (size_t i = 0; i < how->n_stop; i++)
        if (how->stop[i] == id)
            return true;
    return false;
}

struct going {  /* one text */
    int32_t id; /* said last */
    bool ended;
};

static void say(struct rn_generator *g, size_t b, const struct rn_text *t,
                const struct rn_sampling *how, struct going *now)
{
    struct rn_sampling own = *how;
    own.seed += b;
    int64_t position = (int64_t)g->read[b].n;
    if (!t->tool || !rn_tool_says(t->tool, &now->id))
        now->id = rn_sample(rn_generator_logits(g, b), g->V, &own, position);
    if (t->tool)
        rn_tool_hears(t->tool, now->id);
    now->ended = t->each(t->ctx, now->id) != 0 || stops(how, now->id) || position == g->Tmax;
}

static int go_on(struct rn_generator *g, const struct rn_text *t, size_t n,
                 const struct rn_sampling *how, struct going *now, struct ahead *a,
                 struct rn_err *err)
{
    for (int64_t made = 0; made < how->max_tokens; made++) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            if (!now[i].ended)
                say(g, i, &t[i], how, &now[i]);
            a[i] = (struct ahead){&now[i].id, !now[i].ended};
            any |= !now[i].ended;
        }
        if (!any || made + 1 == how->max_tokens)
            break;
        RN_TRY(read_ahead(g, a, err));
    }
    return RN_OK;
}

int rn_generate(struct rn_generator *g, const struct rn_text *t, size_t n,
                const struct rn_sampling *how, struct rn_err *err)
{
    RN_TRY(rn_generator_read(g, t, n, err));
    struct going *now = rn_xalloc((n + 1) * sizeof *now);
    struct ahead *a = rn_xalloc((size_t)g->rows * sizeof *a);
    int rc = go_on(g, t, n, how, now, a, err);
    free(a);
    free(now);
    return rc;
}
