/* The cache is a table of lines of 64 bytes, two pieces in each, found by a hash of the piece's
 * bytes. A piece that is met for the first time takes the second place of its line and drives out
 * the one that stood there; met again, it changes places with the first. So the many pieces that
 * come once do not drive out the few that come always.
 *
 * Pieces of other scripts are cut at seams first (bpe_seams.h): they seldom come again, their parts
 * do. A part that is one character of three bytes has its place by its number.
 *
 * Pieces are taken a batch at a time: first all hashes, with a hint to the processor to fetch their
 * lines, then all look-ups, which then need not wait for memory. */
#define _GNU_SOURCE /* madvise, MAP_ANONYMOUS */
#include "encoder.h"

#include "mem.h"
#include "split.h"
#include "tokenizer_parts.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    KEY_MAX = 15, /* bytes of a piece that is kept */
    IDS_MAX = 5,  /* ids of a piece that is kept */
    ID_BITS = 21,
    LINE_BITS = 17,
    LONG_BITS = 13, /* 2^LONG_BITS longer pieces are kept */
    LONG_MAX = 126, /* bytes of one */
    LONG_IDS = 96,
    WIDE = 3,           /* bytes of a character that is kept by itself */
    WIDE_BITS = 4 + 12, /* that tell it from others */
    BATCH = 256,
    HUGE_PAGE = 1 << 21,
};

struct key { /* a piece, padded with zeros; its size in the last byte */
    uint64_t lo, hi;
};
struct entry {
    struct key key;         /* all zero: free */
    uint64_t first, second; /* three ids; two ids and how many there are */
};
struct line {
    struct entry entry[2];
};
struct longer { /* a piece of more bytes or ids: words of other scripts */
    int32_t ids[LONG_IDS];
    uint8_t n, size; /* size 0: free */
    char bytes[LONG_MAX];
};
struct wide { /* a character of three bytes between two seams */
    int32_t ids[WIDE];
    int32_t n; /* 0: free */
};
_Static_assert(RN_VOCAB_MAX_TOKENS >> ID_BITS == 0, "");
_Static_assert(sizeof(struct line) == 64, "a line of the processor's cache");

struct rn_encoder {
    const struct rn_split *split;
    const struct rn_vocab *vocab;
    struct line *lines;
    struct longer *longer; /* one place for each hash */
    struct wide *wide;     /* one place for each character */
    void *mapped;
    size_t mapped_bytes;
    size_t ends[BATCH];
    struct {
        struct key key;
        uint32_t line;
    } piece[BATCH];
};

/* --- the cache --- */

/* Zeroed, on huge pages if the system has some to give: each look-up is at another place. */
static int map_lines(struct rn_encoder *e, struct rn_err *err)
{
    size_t lines_bytes = sizeof(struct line) << LINE_BITS;
    size_t longer_bytes = sizeof(struct longer) << LONG_BITS;
    size_t bytes = lines_bytes + longer_bytes + (sizeof(struct wide) << WIDE_BITS);
    e->mapped_bytes = bytes + HUGE_PAGE;
    e->mapped =
        mmap(NULL, e->mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e->mapped == MAP_FAILED)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "encoder: no memory for %zu bytes",
                       e->mapped_bytes);
    uintptr_t start = ((uintptr_t)e->mapped + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    e->lines = (struct line *)start;
    e->longer = (struct longer *)(start + lines_bytes);
    e->wide = (struct wide *)(start + lines_bytes + longer_bytes);
    madvise(e->lines, bytes, MADV_HUGEPAGE); /* before the first touch; may be refused */
    return RN_OK;
}

int rn_encoder_new(struct rn_encoder **out, const struct rn_tokenizer *t, struct rn_err *err)
{
    struct rn_encoder *e = rn_new(struct rn_encoder);
    e->split = rn_tokenizer_split(t);
    e->vocab = rn_tokenizer_vocab(t);
    int rc = map_lines(e, err);
    if (rc != RN_OK) {
        free(e);
        e = NULL;
    }
    *out = e;
    return rc;
}

void rn_encoder_free(struct rn_encoder *e)
{
    if (!e)
        return;
    munmap(e->mapped, e->mapped_bytes);
    free(e);
}

static inline uint32_t line_of(struct key k)
{
    __extension__ unsigned __int128 product = k.lo ^ UINT64_C(0x9E3779B97F4A7C15);
    product *= k.hi ^ UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)((uint64_t)product ^ (uint64_t)(product >> 64)) >> (32 - LINE_BITS);
}

/* The piece of size n at p, of which `readable` bytes may be read; 0 < n <= KEY_MAX. */
static inline struct key key_of(const char *p, size_t n, size_t readable)
{
    static const unsigned char ones_then_zeros[2 * 16] = {
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    };
    uint64_t word[2] = {0}, mask[2];
    if (readable >= sizeof word)
        memcpy(word, p, sizeof word);
    else
        memcpy(word, p, n);
    memcpy(mask, ones_then_zeros + 16 - n, sizeof mask);
    return (struct key){word[0] & mask[0], (word[1] & mask[1]) | (uint64_t)n << 56};
}

static inline bool holds(const struct entry *e, struct key k)
{
    return ((e->key.lo ^ k.lo) | (e->key.hi ^ k.hi)) == 0;
}

static inline size_t put_ids(const struct entry *e, int32_t *out)
{
    const uint64_t id = (1 << ID_BITS) - 1;
    out[0] = (int32_t)(e->first & id);
    out[1] = (int32_t)(e->first >> ID_BITS & id);
    out[2] = (int32_t)(e->first >> 2 * ID_BITS);
    out[3] = (int32_t)(e->second & id);
    out[4] = (int32_t)(e->second >> ID_BITS & id);
    return e->second >> 2 * ID_BITS;
}

static void keep(struct line *line, struct key k, const int32_t *ids, size_t n)
{
    uint64_t id[IDS_MAX] = {0};
    if (n > IDS_MAX)
        return;
    for (size_t i = 0; i < n; i++)
        id[i] = (uint64_t)ids[i];
    line->entry[1] = (struct entry){
        .key = k,
        .first = id[0] | id[1] << ID_BITS | id[2] << 2 * ID_BITS,
        .second = id[3] | id[4] << ID_BITS | (uint64_t)n << 2 * ID_BITS,
    };
}

/* The piece's entry, in the first place of its line; NULL: not kept. */
static inline const struct entry *find(struct line *line, struct key k)
{
    if (__builtin_expect(!holds(&line->entry[0], k), 0)) {
        struct entry second = line->entry[1];
        if (!holds(&second, k))
            return NULL;
        line->entry[1] = line->entry[0];
        line->entry[0] = second;
    }
    return &line->entry[0];
}

/* --- a batch --- */

static inline void reserve(struct rn_ids *ids, size_t more)
{
    if (ids->cap - ids->n >= more)
        return;
    ids->cap = ids->n + more > 2 * ids->cap ? ids->n + more : 2 * ids->cap;
    ids->p = rn_xrealloc(ids->p, ids->cap, sizeof *ids->p);
}

static struct longer *place_of(const struct rn_encoder *e, const char *p, size_t n)
{
    uint64_t h = n;
    for (size_t size; n > 0; p += size, n -= size) {
        uint64_t word = 0;
        size = n < sizeof word ? n : sizeof word;
        memcpy(&word, p, size);
        h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    return &e->longer[h >> 7 & ((1 << LONG_BITS) - 1)];
}

/* Merges, unless what stands in its place is the same. */
static void encode_long(struct rn_encoder *e, const char *p, size_t n, struct rn_ids *out)
{
    struct longer *kept = n <= LONG_MAX ? place_of(e, p, n) : NULL;
    if (kept && kept->size == n && memcmp(kept->bytes, p, n) == 0) {
        reserve(out, kept->n);
        memcpy(out->p + out->n, kept->ids, kept->n * sizeof *out->p);
        out->n += kept->n;
        return;
    }
    size_t before = out->n;
    rn_bpe_encode(e->vocab, (const unsigned char *)p, n, out);
    size_t made = out->n - before;
    if (!kept || made > LONG_IDS || (n <= KEY_MAX && made <= IDS_MAX))
        return;
    kept->size = (uint8_t)n;
    kept->n = (uint8_t)made;
    memcpy(kept->bytes, p, n);
    memcpy(kept->ids, out->p + before, made * sizeof *out->p);
}

static void encode_new(struct rn_encoder *e, struct line *line, struct key key, const char *p,
                       size_t n, struct rn_ids *out)
{
    size_t before = out->n;
    if (n > IDS_MAX)
        encode_long(e, p, n, out);
    else
        rn_bpe_encode(e->vocab, (const unsigned char *)p, n, out);
    keep(line, key, out->p + before, out->n - before);
}

static inline void encode_short(struct rn_encoder *e, struct line *line, struct key key,
                                const char *p, size_t n, struct rn_ids *out)
{
    const struct entry *kept = find(line, key);
    reserve(out, IDS_MAX);
    if (kept)
        out->n += put_ids(kept, out->p + out->n);
    else
        encode_new(e, line, key, p, n, out);
}

static void encode_wide(struct rn_encoder *e, const unsigned char *p, struct rn_ids *out)
{
    struct wide *w = &e->wide[(p[0] & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63)];
    if (w->n == 0) {
        struct rn_ids ids = {.p = w->ids, .cap = WIDE};
        rn_bpe_encode(e->vocab, p, WIDE, &ids);
        w->n = (int32_t)ids.n;
    }
    reserve(out, WIDE);
    memcpy(out->p + out->n, w->ids, sizeof w->ids);
    out->n += (size_t)w->n;
}

/* Is the piece better cut at its seams? It has no place in a line, or probably too many ids. */
static inline bool has_parts(const char *p, size_t n)
{
    return n > KEY_MAX || (n > IDS_MAX && ((unsigned char)p[0] | (unsigned char)p[1]) >= 0xE0);
}

static void encode_parts(struct rn_encoder *e, const char *p, size_t n, size_t readable,
                         struct rn_ids *out)
{
    for (size_t size; n > 0; p += size, n -= size, readable -= size) {
        size = rn_seams_next(e->vocab->seams, (const unsigned char *)p, n);
        if (size == WIDE && (unsigned char)p[0] >= 0xE0) {
            encode_wide(e, (const unsigned char *)p, out);
        } else if (size > KEY_MAX) {
            encode_long(e, p, size, out);
        } else {
            struct key key = key_of(p, size, readable);
            encode_short(e, &e->lines[line_of(key)], key, p, size, out);
        }
    }
}

static void find_lines(struct rn_encoder *e, const char *text, size_t n, size_t at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = e->ends[i] - at;
        if (!has_parts(text + at, size)) {
            e->piece[i].key = key_of(text + at, size, n - at);
            e->piece[i].line = line_of(e->piece[i].key);
            __builtin_prefetch(&e->lines[e->piece[i].line]);
        }
        at = e->ends[i];
    }
}

static void look_up(struct rn_encoder *e, const char *text, size_t n, size_t at, size_t count,
                    struct rn_ids *out)
{
    for (size_t i = 0; i < count; i++) {
        const char *p = text + at;
        size_t size = e->ends[i] - at;
        if (has_parts(p, size))
            encode_parts(e, p, size, n - at, out);
        else
            encode_short(e, &e->lines[e->piece[i].line], e->piece[i].key, p, size, out);
        at = e->ends[i];
    }
}

static void encode_valid(struct rn_encoder *e, const char *text, size_t n, struct rn_ids *out)
{
    reserve(out, n / 4);
    for (size_t at = 0; at < n;) {
        size_t count = rn_split_ends(e->split, text, n, at, e->ends, BATCH);
        find_lines(e, text, n, at, count);
        look_up(e, text, n, at, count, out);
        at = e->ends[count - 1];
    }
}

void rn_encoder_encode(struct rn_encoder *e, const char *text, size_t n, struct rn_ids *out)
{
    struct rn_str clean = {0};
    if (!rn_utf8_valid(text, n)) {
        rn_utf8_repair(text, n, &clean);
        text = clean.p;
        n = clean.n;
    }
    encode_valid(e, text, n, out);
    rn_str_release(&clean);
}
