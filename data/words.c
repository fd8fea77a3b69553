#include "words.h"

#include "mem.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 4096, BATCH = 256 };

static uint64_t mix(uint64_t h)
{
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

static uint32_t hash_word(const char *p, size_t n)
{
    uint64_t h = n, x;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&x, p, 8);
        h = mix(h ^ x);
    }
    x = 0;
    memcpy(&x, p, n);
    return (uint32_t)mix(mix(h ^ x));
}

static void place(struct rn_words *w, size_t index)
{
    size_t i = w->items[index].hash & w->mask;
    while (w->slots[i])
        i = (i + 1) & w->mask;
    w->slots[i] = (uint32_t)index + 1;
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

static int add_word(struct rn_words *w, const char *p, size_t n, uint32_t hash, int64_t count)
{
    if (n > UINT32_MAX / 2 || w->n == UINT32_MAX / 2)
        return rn_fail(&w->err, RN_ENOMEM, RN_NOWHERE,
                       "too much for one vocabulary: a word of %zu bytes, %zu distinct words", n,
                       w->n);
    RN_TRY(slots_room(w));
    RN_TRY(rn_try_grow(&w->text, &w->text_cap, w->text_n + n, 1, "words", &w->err));
    RN_TRY(rn_try_grow(&w->items, &w->cap, w->n + 1, sizeof *w->items, "words", &w->err));
    memcpy(w->text + w->text_n, p, n);
    w->items[w->n] = (struct rn_word){w->text_n, (uint32_t)n, hash, count};
    w->text_n += n;
    place(w, w->n++);
    return RN_OK;
}

static int count_word(struct rn_words *w, const char *p, size_t n, uint32_t hash, int64_t count)
{
    if (!w->slots)
        return add_word(w, p, n, hash, count);
    for (size_t i = hash & w->mask; w->slots[i]; i = (i + 1) & w->mask) {
        struct rn_word *word = &w->items[w->slots[i] - 1];
        if (word->hash == hash && word->size_bytes == n &&
            memcmp(w->text + word->start, p, n) == 0) {
            word->count += count;
            return RN_OK;
        }
    }
    return add_word(w, p, n, hash, count);
}

static void count_valid(struct rn_words *w, const struct rn_split *split, const char *text,
                        size_t n)
{
    size_t ends[BATCH];
    for (size_t at = 0; at < n;) {
        size_t count = rn_split_ends(split, text, n, at, ends, BATCH);
        for (size_t i = 0; i < count; at = ends[i++]) {
            uint32_t hash = hash_word(text + at, ends[i] - at);
            if (count_word(w, text + at, ends[i] - at, hash, 1) != RN_OK)
                return;
        }
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

void rn_words_absorb(struct rn_words *w, struct rn_words *from)
{
    if (from->err.code != RN_OK)
        rn_fail(&w->err, from->err.code, RN_NOWHERE, "%s", from->err.msg);
    for (size_t i = 0; i < from->n && w->err.code == RN_OK; i++) {
        const struct rn_word *word = &from->items[i];
        count_word(w, from->text + word->start, word->size_bytes, word->hash, word->count);
    }
    rn_words_release(from);
}

void rn_words_release(struct rn_words *w)
{
    free(w->text);
    free(w->items);
    free(w->slots);
    *w = (struct rn_words){0};
}
