/* Words lie end to end in one array of slots, a border between them, and merges happen in place:
 *
 *     slot       0   1   2   3   4   5   6   7
 *     before     |   t   h   e   |   t   h   |
 *     th -> X    |   X   X   e   |   X   X   |
 *
 * A token of n bytes owns n slots; its id stands in the first and in the last of them. So the next
 * token begins at p + bytes(id) and the one before ends at p - 1: no links, and a word of 10,000
 * symbols costs no more per merge than one of three. Each pair has the list of slots where it came
 * to be. A pair that holds id r can come to be only in the step that makes r; after
 * it the count only falls. So lists are written once, and slots that changed since are told by
 * their ids. */
#include "bpe_merge.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    BYTES = 256,
    BORDER = -1,
    INSIDE = -2, /* a slot within a token: no token begins there any more */
    CHUNK_SLOTS = 1 << 18,
};

struct pair {
    uint64_t key; /* left << 32 | right, whose order breaks ties */
    int64_t count;
    uint32_t *slots; /* where it came to be, ascending */
    size_t slots_n;
};
struct heap_entry {
    int64_t count; /* when it was pushed: the pair's count or more */
    uint64_t key;
};
struct made { /* a pair with the new token, in the running step */
    uint64_t key;
    int64_t count;
    size_t slots_n, of; /* of: its place in made_of */
    uint32_t *slots;
};
struct event { /* the pair made[i] came to be at the slot */
    uint32_t made, slot;
};

struct rn_merger {
    const struct rn_word *words; /* borrowed */
    int32_t *sym;                /* an id, BORDER or INSIDE, per slot */
    uint32_t *word_of;           /* per slot */
    size_t slots_n;
    uint32_t *size_bytes; /* per id */
    int32_t ids, ids_max;

    struct pair *pairs;
    size_t pairs_n, pairs_cap;
    uint32_t *table; /* key -> index into pairs + 1, open addressing */
    size_t mask;
    struct heap_entry *heap;
    size_t heap_n, heap_cap;
    struct chunk {
        struct chunk *next;
        size_t used, size;
        uint32_t slots[];
    } * chunks; /* memory of the slot lists */

    uint32_t *made_of; /* [partner] on the left, [ids_max + partner] on the right: made + 1, or 0 */
    struct made *made;
    size_t made_n, made_cap;
    struct event *events;
    size_t events_n, events_cap;
};

static uint64_t key_of(int32_t left, int32_t right)
{
    return (uint64_t)left << 32 | (uint32_t)right;
}

/* --- heap: highest count first, then smallest key --- */

static bool above(struct heap_entry a, struct heap_entry b)
{
    return a.count > b.count || (a.count == b.count && a.key < b.key);
}

static void sift_down(struct rn_merger *m, size_t i)
{
    struct heap_entry x = m->heap[i];
    for (size_t child; (child = 2 * i + 1) < m->heap_n; i = child) {
        if (child + 1 < m->heap_n && above(m->heap[child + 1], m->heap[child]))
            child++;
        if (!above(m->heap[child], x))
            break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = x;
}

static int push(struct rn_merger *m, struct heap_entry x, struct rn_err *err)
{
    RN_TRY(rn_try_grow(&m->heap, &m->heap_cap, m->heap_n + 1, sizeof *m->heap, "pair heap", err));
    size_t i = m->heap_n++;
    for (; i > 0 && above(x, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = x;
    return RN_OK;
}

static void drop_top(struct rn_merger *m)
{
    m->heap[0] = m->heap[--m->heap_n];
    if (m->heap_n)
        sift_down(m, 0);
}

/* --- pairs --- */

static size_t table_slot(const struct rn_merger *m, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(h ^ h >> 32) & m->mask;
    while (m->table[i] && m->pairs[m->table[i] - 1].key != key)
        i = (i + 1) & m->mask;
    return i;
}

static struct pair *find(struct rn_merger *m, uint64_t key)
{
    uint32_t i = m->table[table_slot(m, key)];
    RN_ASSERT(i);
    return &m->pairs[i - 1];
}

static int table_room(struct rn_merger *m, struct rn_err *err)
{
    if (m->table && m->pairs_n * 2 <= m->mask)
        return RN_OK;
    size_t count = m->table ? (m->mask + 1) * 2 : 1 << 16;
    void *fresh;
    RN_TRY(rn_try_alloc(&fresh, count, sizeof *m->table, "pair table", err));
    free(m->table);
    m->table = fresh;
    m->mask = count - 1;
    for (size_t i = 0; i < m->pairs_n; i++)
        m->table[table_slot(m, m->pairs[i].key)] = (uint32_t)i + 1;
    return RN_OK;
}

static int new_list(struct rn_merger *m, size_t n, uint32_t **out, struct rn_err *err)
{
    if (!m->chunks || m->chunks->size - m->chunks->used < n) {
        size_t size = n > CHUNK_SLOTS ? n : CHUNK_SLOTS;
        struct chunk *c = malloc(sizeof *c + size * sizeof c->slots[0]);
        if (!c)
            return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "pair lists: no memory for %zu slots", size);
        c->next = m->chunks;
        c->size = size;
        c->used = 0;
        m->chunks = c;
    }
    *out = m->chunks->slots + m->chunks->used;
    m->chunks->used += n;
    return RN_OK;
}

/* A pair with an empty list that has room for slots_n. */
static int new_pair(struct rn_merger *m, uint64_t key, int64_t count, size_t slots_n,
                    uint32_t **slots, struct rn_err *err)
{
    RN_TRY(table_room(m, err));
    RN_TRY(rn_try_grow(&m->pairs, &m->pairs_cap, m->pairs_n + 1, sizeof *m->pairs, "pairs", err));
    RN_TRY(new_list(m, slots_n, slots, err));
    RN_TRY(push(m, (struct heap_entry){count, key}, err));
    m->pairs[m->pairs_n] = (struct pair){key, count, *slots, slots_n};
    m->table[table_slot(m, key)] = (uint32_t)++m->pairs_n;
    return RN_OK;
}

/* --- the start: words as bytes --- */

static int alloc_slots(struct rn_merger *m, const struct rn_words *w, struct rn_err *err)
{
    void *sym, *word_of;
    m->slots_n = w->text_n + w->n + 1;
    if (m->slots_n >= UINT32_MAX)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE,
                       "%zu bytes of distinct words, at most 4 GiB can be trained on", w->text_n);
    RN_TRY(rn_try_alloc(&sym, m->slots_n, sizeof *m->sym, "symbols", err));
    m->sym = sym;
    RN_TRY(rn_try_alloc(&word_of, m->slots_n, sizeof *m->word_of, "symbols", err));
    m->word_of = word_of;
    return RN_OK;
}

static void fill_slots(struct rn_merger *m, const struct rn_words *w)
{
    size_t slot = 0;
    m->sym[slot++] = BORDER;
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->items[i].size_bytes; k++) {
            m->word_of[slot] = (uint32_t)i;
            m->sym[slot++] = (unsigned char)w->text[w->items[i].start + k];
        }
        m->sym[slot++] = BORDER;
    }
}

static int64_t weight(const struct rn_merger *m, size_t slot)
{
    return m->words[m->word_of[slot]].count;
}

/* Index of the pair of bytes at the slot, -1 where there is none. */
static int byte_pair(const struct rn_merger *m, size_t slot)
{
    int32_t a = m->sym[slot], b = a < 0 ? -1 : m->sym[slot + 1];
    return b < 0 ? -1 : a * BYTES + b;
}

struct byte_pairs {
    int64_t count[BYTES * BYTES];
    size_t n[BYTES * BYTES];
    uint32_t *slots[BYTES * BYTES];
};

static int first_pairs(struct rn_merger *m, struct byte_pairs *b, struct rn_err *err)
{
    for (size_t slot = 0; slot < m->slots_n; slot++) {
        int p = byte_pair(m, slot);
        if (p < 0)
            continue;
        b->count[p] += weight(m, slot);
        b->n[p]++;
    }
    for (int p = 0; p < BYTES * BYTES; p++)
        if (b->n[p])
            RN_TRY(
                new_pair(m, key_of(p / BYTES, p % BYTES), b->count[p], b->n[p], &b->slots[p], err));
    for (size_t slot = 0; slot < m->slots_n; slot++) {
        int p = byte_pair(m, slot);
        if (p >= 0)
            *b->slots[p]++ = (uint32_t)slot;
    }
    return RN_OK;
}

static int start(struct rn_merger *m, struct rn_words *w, int32_t n_merges, struct rn_err *err)
{
    void *p;
    m->words = w->items;
    m->ids = BYTES;
    m->ids_max = BYTES + n_merges;
    RN_TRY(rn_try_alloc(&p, (size_t)m->ids_max, sizeof *m->size_bytes, "tokens", err));
    m->size_bytes = p;
    for (int i = 0; i < BYTES; i++)
        m->size_bytes[i] = 1;
    RN_TRY(rn_try_alloc(&p, (size_t)m->ids_max, 2 * sizeof *m->made_of, "tokens", err));
    m->made_of = p;
    RN_TRY(alloc_slots(m, w, err));
    fill_slots(m, w);
    free(w->slots);
    free(w->text);
    w->slots = NULL;
    w->text = NULL;
    RN_TRY(table_room(m, err));
    RN_TRY(rn_try_alloc(&p, 1, sizeof(struct byte_pairs), "pairs of bytes", err));
    int rc = first_pairs(m, p, err);
    free(p);
    return rc;
}

int rn_merger_new(struct rn_merger **out, struct rn_words *words, int32_t n_merges,
                  struct rn_err *err)
{
    RN_ASSERT(n_merges >= 0 && n_merges < INT32_MAX - BYTES);
    *out = rn_new(struct rn_merger);
    int rc = start(*out, words, n_merges, err);
    if (rc != RN_OK) {
        rn_merger_free(*out);
        *out = NULL;
    }
    return rc;
}

void rn_merger_free(struct rn_merger *m)
{
    if (!m)
        return;
    for (struct chunk *c = m->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(m->sym);
    free(m->word_of);
    free(m->size_bytes);
    free(m->pairs);
    free(m->table);
    free(m->heap);
    free(m->made_of);
    free(m->made);
    free(m->events);
    free(m);
}

/* --- one step --- */

/* The pair to merge, NULL if none is left. Entries that promise too much move where they belong. */
static struct pair *best(struct rn_merger *m)
{
    while (m->heap_n) {
        struct pair *p = find(m, m->heap[0].key);
        if (p->count == m->heap[0].count) {
            drop_top(m);
            return p;
        }
        if (p->count == 0) {
            drop_top(m);
        } else {
            m->heap[0].count = p->count;
            sift_down(m, 0);
        }
    }
    return NULL;
}

/* A pair with the new token comes to be at the slot. `of`: the partner's place in made_of. */
static int gain(struct rn_merger *m, size_t of, uint64_t key, int64_t n, uint32_t slot,
                struct rn_err *err)
{
    if (!m->made_of[of]) {
        RN_TRY(rn_try_grow(&m->made, &m->made_cap, m->made_n + 1, sizeof *m->made, "pairs", err));
        m->made[m->made_n] = (struct made){.key = key, .of = of};
        m->made_of[of] = (uint32_t)++m->made_n;
    }
    struct made *made = &m->made[m->made_of[of] - 1];
    RN_TRY(
        rn_try_grow(&m->events, &m->events_cap, m->events_n + 1, sizeof *m->events, "pairs", err));
    m->events[m->events_n++] = (struct event){m->made_of[of] - 1, slot};
    made->count += n;
    made->slots_n++;
    return RN_OK;
}

/* The token before slot p had `left` as its neighbour and now has the new token. */
static int relink_before(struct rn_merger *m, uint32_t p, int32_t left, int64_t n,
                         struct rn_err *err)
{
    int32_t x = m->sym[p - 1], fresh = m->ids;
    if (x < 0)
        return RN_OK;
    if (x == fresh) /* merged in this step: its pair with `left` is not among the pairs yet */
        m->made[m->made_of[m->ids_max + left] - 1].count -= n;
    else
        find(m, key_of(x, left))->count -= n;
    return gain(m, (size_t)x, key_of(x, fresh), n, p - m->size_bytes[x], err);
}

static int relink_after(struct rn_merger *m, uint32_t p, uint32_t next, int32_t right, int64_t n,
                        struct rn_err *err)
{
    int32_t y = m->sym[next], fresh = m->ids;
    if (y < 0)
        return RN_OK;
    find(m, key_of(right, y))->count -= n;
    return gain(m, (size_t)m->ids_max + (size_t)y, key_of(fresh, y), n, p, err);
}

/* Merges left and right at slot p, if they still stand there. */
static int merge_at(struct rn_merger *m, uint32_t p, int32_t left, int32_t right,
                    struct rn_err *err)
{
    if (m->sym[p] != left)
        return RN_OK;
    uint32_t middle = p + m->size_bytes[left], next = middle + m->size_bytes[right];
    if (m->sym[middle] != right)
        return RN_OK;
    int64_t n = weight(m, p);
    RN_TRY(relink_before(m, p, left, n, err));
    RN_TRY(relink_after(m, p, next, right, n, err));
    m->sym[middle] = INSIDE;
    m->sym[p] = m->sym[next - 1] = m->ids;
    return RN_OK;
}

/* The pairs that the step made become pairs like others. */
static int settle(struct rn_merger *m, struct rn_err *err)
{
    for (size_t i = 0; i < m->made_n; i++) {
        struct made *made = &m->made[i];
        m->made_of[made->of] = 0;
        if (made->count > 0)
            RN_TRY(new_pair(m, made->key, made->count, made->slots_n, &made->slots, err));
    }
    for (size_t i = 0; i < m->events_n; i++) {
        struct made *made = &m->made[m->events[i].made];
        if (made->count > 0)
            *made->slots++ = m->events[i].slot;
    }
    m->made_n = m->events_n = 0;
    return RN_OK;
}

int rn_merger_step(struct rn_merger *m, struct rn_merge *out, struct rn_err *err)
{
    *out = (struct rn_merge){-1, -1};
    RN_ASSERT(m->ids < m->ids_max);
    struct pair *p = best(m);
    if (!p)
        return RN_OK;
    struct pair now = *p; /* pairs may move while others are made */
    int32_t left = (int32_t)(now.key >> 32), right = (int32_t)(uint32_t)now.key;
    m->size_bytes[m->ids] = m->size_bytes[left] + m->size_bytes[right];
    for (size_t i = 0; i < now.slots_n; i++)
        RN_TRY(merge_at(m, now.slots[i], left, right, err));
    find(m, now.key)->count = 0;
    RN_TRY(settle(m, err));
    m->ids++;
    *out = (struct rn_merge){left, right};
    return RN_OK;
}
