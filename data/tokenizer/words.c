#include "words.h"

#include "mem.h"
#include "parallel.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 4096, BATCH = 256 };

static uint64_t mix(uint64_t h)
{
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* A word as it is looked for. */
struct probe {
    const char *p;
    size_t n;
    uint64_t head; /* as in struct rn_word */
    uint32_t hash;
};

/* The first bytes of n > 0 at p, zeros behind; `readable` bytes may be read. */
static inline uint64_t head_of(const char *p, size_t n, size_t readable)
{
    uint64_t head = 0;
    if (readable < sizeof head) {
        memcpy(&head, p, n < readable ? n : readable);
        return head;
    }
    memcpy(&head, p, sizeof head);
    return n < sizeof head ? head & ~UINT64_C(0) >> (64 - 8 * n) : head;
}

static inline struct probe probe_of(const char *p, size_t n, size_t readable)
{
    struct probe probe = {p, n, head_of(p, n, readable), 0};
    uint64_t h = mix(n ^ probe.head);
    for (size_t at = sizeof h; at < n; at += sizeof h)
        h = mix(h ^ head_of(p + at, n - at, readable - at));
    probe.hash = (uint32_t)mix(h);
    return probe;
}

static void place(struct rn_words *w, size_t index)
{
    uint32_t hash = w->items[index].hash;
    size_t i = hash & w->mask;
    while (w->slots[i].index)
        i = (i + 1) & w->mask;
    w->slots[i] = (struct rn_word_slot){hash, (uint32_t)index + 1};
}

static int slots_room(struct rn_words *w)
{
    if (w->slots && w->n * 2 <= w->mask)
        return RN_OK;
    size_t count = w->slots ? (w->mask + 1) * 2 : FIRST_SLOTS;
    void *fresh;
    RN_TRY(rn_try_alloc(&fresh, count, sizeof *w->slots, "word table", &w->err));
    free(w->slots);
    w->slots = fresh;
    w->mask = count - 1;
    for (size_t i = 0; i < w->n; i++)
        place(w, i);
    return RN_OK;
}

static int add_word(struct rn_words *w, const struct probe *probe, int64_t count)
{
    size_t n = probe->n;
    if (n > UINT32_MAX / 2 || w->n == UINT32_MAX / 2)
        return rn_fail(&w->err, RN_ENOMEM, RN_NOWHERE,
                       "too much for one vocabulary: a word of %zu bytes, %zu distinct words", n,
                       w->n);
    RN_TRY(slots_room(w));
    RN_TRY(rn_try_grow(&w->text, &w->text_cap, w->text_n + n, 1, "words", &w->err));
    RN_TRY(rn_try_grow(&w->items, &w->cap, w->n + 1, sizeof *w->items, "words", &w->err));
    memcpy(w->text + w->text_n, probe->p, n);
    w->items[w->n] = (struct rn_word){w->text_n, (uint32_t)n, probe->hash, count, probe->head};
    w->text_n += n;
    place(w, w->n++);
    return RN_OK;
}

static inline bool is_word(const struct rn_words *w, const struct rn_word *word,
                           const struct probe *probe)
{
    const size_t n = probe->n, head = sizeof probe->head;
    return word->size_bytes == n && word->head == probe->head &&
           (n <= head || memcmp(w->text + word->start + head, probe->p + head, n - head) == 0);
}

static int count_word(struct rn_words *w, const struct probe *probe, int64_t count)
{
    if (!w->slots)
        return add_word(w, probe, count);
    for (size_t i = probe->hash & w->mask; w->slots[i].index; i = (i + 1) & w->mask) {
        struct rn_word *word = &w->items[w->slots[i].index - 1];
        if (w->slots[i].hash == probe->hash && is_word(w, word, probe)) {
            word->count += count;
            return RN_OK;
        }
    }
    return add_word(w, probe, count);
}

/* Tells the processor which slots, and then which words, will be asked for. */
static void fetch_ahead(const struct rn_words *w, const struct probe *probes, size_t n)
{
    if (!w->slots)
        return;
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(&w->slots[probes[i].hash & w->mask]);
    for (size_t i = 0; i < n; i++) {
        struct rn_word_slot slot = w->slots[probes[i].hash & w->mask];
        if (slot.hash == probes[i].hash && slot.index)
            __builtin_prefetch(&w->items[slot.index - 1]);
    }
}

static void count_valid(struct rn_words *w, const struct rn_split *split, const char *text,
                        size_t n)
{
    size_t ends[BATCH];
    struct probe probes[BATCH];
    for (size_t at = 0; at < n;) {
        size_t count = rn_split_ends(split, text, n, at, ends, BATCH);
        for (size_t i = 0; i < count; at = ends[i++])
            probes[i] = probe_of(text + at, ends[i] - at, n - at);
        fetch_ahead(w, probes, count);
        for (size_t i = 0; i < count; i++)
            if (count_word(w, &probes[i], 1) != RN_OK)
                return;
    }
}

void rn_words_count(struct rn_words *w, const struct rn_split *split, const char *text, size_t n)
{
    if (w->err.code != RN_OK)
        return;
    if (rn_utf8_valid(text, n)) {
        count_valid(w, split, text, n);
        return;
    }
    struct rn_str clean = {0};
    rn_utf8_repair(text, n, &clean);
    count_valid(w, split, clean.p, clean.n);
    rn_str_release(&clean);
}

/* --- many counts as one --- */

struct gathering {
    const struct rn_words *parts;
    struct rn_words *shares; /* of the words by their hash; as many as parts */
    int n;
};

static void gather_shares(void *ctx, int64_t first, int64_t end, int worker)
{
    const struct gathering *g = ctx;
    (void)worker;
    for (int64_t share = first; share < end; share++) {
        struct rn_words *to = &g->shares[share];
        for (int k = 0; k < g->n; k++) {
            const struct rn_words *from = &g->parts[k];
            for (size_t i = 0; i < from->n && to->err.code == RN_OK; i++) {
                const struct rn_word *w = &from->items[i];
                struct probe probe = {from->text + w->start, w->size_bytes, w->head, w->hash};
                if ((int64_t)((uint64_t)w->hash * (uint64_t)g->n >> 32) == share)
                    count_word(to, &probe, w->count);
            }
        }
    }
}

/* No word of `from` is in `to`. */
static void append(struct rn_words *to, struct rn_words *from)
{
    struct rn_err *err = &to->err;
    size_t text_n = to->text_n + from->text_n, n = to->n + from->n;
    rn_fail_as(err, &from->err);
    if (err->code == RN_OK)
        rn_try_grow(&to->text, &to->text_cap, text_n, 1, "words", err);
    if (err->code == RN_OK)
        rn_try_grow(&to->items, &to->cap, n, sizeof *to->items, "words", err);
    if (err->code == RN_OK && from->n > 0) {
        memcpy(to->text + to->text_n, from->text, from->text_n);
        memcpy(to->items + to->n, from->items, from->n * sizeof *to->items);
        for (size_t i = to->n; i < n; i++)
            to->items[i].start += to->text_n;
        to->text_n = text_n;
        to->n = n;
    }
    rn_words_release(from);
}

void rn_words_gather(struct rn_words *parts, int n, struct rn_words *out)
{
    if (n == 1) {
        *out = parts[0];
        parts[0] = (struct rn_words){0};
        return;
    }
    struct gathering g = {parts, rn_xalloc((size_t)n * sizeof *g.shares), n};
    *out = (struct rn_words){0};
    for (int i = 0; i < n; i++)
        rn_fail_as(&out->err, &parts[i].err);
    if (out->err.code == RN_OK)
        rn_parallel(n, n, 1, gather_shares, &g);
    for (int i = 0; i < n; i++)
        rn_words_release(&parts[i]);
    for (int i = 0; i < n; i++)
        append(out, &g.shares[i]);
    free(g.shares);
}

size_t rn_words_bytes(const struct rn_words *w)
{
    return w->text_cap + w->cap * sizeof *w->items +
           (w->slots ? (w->mask + 1) * sizeof *w->slots : 0);
}

void rn_words_release(struct rn_words *w)
{
    free(w->text);
    free(w->items);
    free(w->slots);
    *w = (struct rn_words){0};
}
