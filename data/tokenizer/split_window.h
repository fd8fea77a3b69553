/* split_window.h - all pieces within 64 characters at once, by arithmetic on bit masks.
 *
 *     struct rn_window w = classify(text + at);       bit i: character i is of the class
 *     uint64_t starts = rn_window_starts(split, text + at, &w);
 *
 * The patterns look ahead, never behind: from the start of a piece the text may be cut as if it
 * began there. So a window needs nothing from the window before; it begins where the last piece
 * that is certain ends. Shared by the ways in split_ways.c, which differ in how they classify.
 * Inside `data` only. */
#ifndef RN_SPLIT_WINDOW_H
#define RN_SPLIT_WINDOW_H

#include "split.h"

#include <stdbool.h>
#include <stdint.h>

struct rn_split {
    const char *name;
    struct rn_regex *regex; /* instead of the rules below; owned */
    bool gpt2_runs;     /* an optional space before a run of L, N or other; newlines are spaces */
    bool fold_case;     /* contractions in any case, long s included */
    bool end_takes_all; /* white space up to the end of the text is one piece (\s++$) */
    int digits_max;     /* longest run of numbers; 0: any */
};

/* The first `known` characters; no mask has a bit beyond them. A bit is a character in all masks
 * but the last two, where it is a byte. */
struct rn_window {
    uint64_t letter, number, other;
    uint64_t white, space, newline; /* space: U+0020; newline: \r and \n; both are white */
    int known, known_bytes;
    uint64_t apostrophe; /* is other, too */
    uint64_t begins;     /* the bytes that characters begin with */
};

static inline int rn_lowest(uint64_t mask)
{
    return __builtin_ctzll(mask);
}

static inline uint64_t rn_below(int n)
{
    return n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0);
}

/* First characters of the runs in the mask. */
static inline uint64_t rn_run_starts(uint64_t mask)
{
    return mask & ~(mask << 1);
}

/* Bytes of 's 't 'll and so on behind the apostrophe at p, 0 if none; `left` are known. Long s
 * (U+017F) is one of them where case folds. */
static inline int rn_contraction(const unsigned char *p, int left, bool fold_case)
{
    unsigned char fold = fold_case ? 0x20 : 0;
    unsigned char a = left > 1 ? p[1] | fold : 0, b = left > 2 ? p[2] | fold : 0;
    if (a == 's' || a == 'd' || a == 'm' || a == 't')
        return 1;
    if (fold_case && left > 2 && p[1] == 0xC5 && p[2] == 0xBF)
        return 2;
    return (a == 'l' && b == 'l') || ((a == 'v' || a == 'r') && b == 'e') ? 2 : 0;
}

/* Contractions at the apostrophes that start a piece: their letters start none, what follows does.
 * All masks are of bytes here. */
static inline uint64_t rn_contract(uint64_t starts, const unsigned char *p,
                                   const struct rn_window *w, bool fold_case)
{
    for (uint64_t left = starts & w->apostrophe; left; left &= left - 1) {
        int at = rn_lowest(left);
        int n = rn_contraction(p + at, w->known_bytes - at, fold_case);
        if (n == 0)
            continue;
        starts &= ~(UINT64_C(2) << at);
        starts |= UINT64_C(2) << at << n;
    }
    return starts;
}

static inline uint64_t rn_gpt2_starts(const struct rn_window *w)
{
    uint64_t runs = rn_run_starts(w->letter) | rn_run_starts(w->number) | rn_run_starts(w->other);
    uint64_t last_white = w->white & ~(w->white >> 1);
    return (runs & ~(w->space << 1)) | rn_run_starts(w->white) | last_white;
}

/* Every digits_max-th character of a run of numbers. */
static inline uint64_t rn_number_starts(uint64_t number, int digits_max)
{
    uint64_t inside = number & number << 1 & number << 2;
    if (digits_max == 3)
        inside &= number << 3;
    uint64_t starts = rn_run_starts(number);
    for (uint64_t more; (more = starts << digits_max & inside & ~starts) != 0;)
        starts |= more;
    return starts;
}

/* White space behind a newline of the same run starts a piece unless another newline follows.
 * *certain shrinks to what is before a stretch whose end is not in sight. */
static inline uint64_t rn_indent_starts(uint64_t white, uint64_t newline, int *certain)
{
    uint64_t indent = white & ~newline, starts = 0;
    for (uint64_t left = indent & (white & newline) << 1; left; left &= left - 1) {
        int at = rn_lowest(left), end = at + rn_lowest(~(indent >> at));
        if (end > *certain) {
            *certain = at;
            break;
        }
        starts |= ~newline & UINT64_C(1) << end ? UINT64_C(1) << at : 0;
    }
    return starts;
}

static inline uint64_t rn_modern_starts(const struct rn_split *s, const struct rn_window *w,
                                        int *certain)
{
    uint64_t others = rn_run_starts(w->other) & ~(w->space << 1);
    /* Newlines behind others belong to them: the sum carries through each such run. */
    uint64_t tail = w->other << 1 & w->newline;
    uint64_t white = w->white & ~(w->newline & ~(w->newline + tail));
    uint64_t blank = white & ~w->newline;
    /* What may lead letters is the last of its run: the character before them. */
    uint64_t leads = (others | blank) << 1;
    uint64_t starts = others | rn_run_starts(white) | (blank & ~(w->white >> 1));
    starts |= rn_run_starts(w->letter) & ~leads;
    starts |= rn_number_starts(w->number, s->digits_max);
    return starts | rn_indent_starts(white, w->newline, certain);
}

/* How a machine fills a window, and puts the lowest bits of `chars` where `begins` has bits. */
struct rn_window_arms {
    struct rn_window (*classify)(const unsigned char *);
    uint64_t (*spread)(uint64_t chars, uint64_t begins);
};

/* First bytes of the pieces from p, a start itself, as far as they are certain. The last character
 * that is known tells nothing: what follows it decides. */
static inline __attribute__((always_inline)) uint64_t rn_window_starts(const struct rn_split *s,
                                                                       const unsigned char *p,
                                                                       const struct rn_window *w,
                                                                       struct rn_window_arms arms)
{
    int certain = w->known - 1;
    uint64_t starts = s->gpt2_runs ? rn_gpt2_starts(w) : rn_modern_starts(s, w, &certain);
    uint64_t all = rn_below(certain);
    if (~w->begins) {
        starts = arms.spread(starts, w->begins);
        all = arms.spread(all, w->begins);
    }
    return rn_contract(starts, p, w, s->fold_case) & all;
}

enum { RN_WINDOW = 64 };

/* rn_split_ends by windows; a piece that does not fit in one goes to rn_split_next. `arms` are
 * constants, so that the compiler inlines them. */
static inline __attribute__((always_inline)) size_t
rn_window_ends(const struct rn_split *s, const char *text, size_t n, size_t at, size_t *ends,
               size_t max, struct rn_window_arms arms)
{
    const unsigned char *base = (const unsigned char *)text;
    size_t count = 0;
    while (at < n && count + RN_WINDOW <= max) {
        uint64_t starts = 0;
        if (n - at >= RN_WINDOW) {
            struct rn_window w = arms.classify(base + at);
            starts = rn_window_starts(s, base + at, &w, arms) & ~UINT64_C(1);
        }
        if (!starts)
            ends[count++] = rn_split_next(s, text, n, at);
        for (; starts; starts &= starts - 1)
            ends[count++] = at + (size_t)rn_lowest(starts);
        at = ends[count - 1];
    }
    return count;
}

/* A way to find the ends, of which this machine may have several; all give the same. */
struct rn_split_way {
    const char *name;
    bool (*here)(void); /* does this processor have it? */
    size_t (*ends)(const struct rn_split *, const char *text, size_t n, size_t at, size_t *ends,
                   size_t max);
};
extern const struct rn_split_way rn_split_ways[]; /* best first; the last one is always here */

#endif
