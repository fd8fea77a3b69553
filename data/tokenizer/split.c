#include "split.h"

#include "mem.h"
#include "nearest.h"
#include "split_regex.h"
#include "split_window.h"
#include "str.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>

/* GPT-2's end rule (\s++$) changes nothing there: \s+(?!\S) takes the same run. */
static const struct rn_split splits[] = {
    {.name = "nanochat", .fold_case = true, .digits_max = 2},
    {.name = "gpt2", .gpt2_runs = true, .end_takes_all = true},
    {.name = "cl100k", .fold_case = true, .end_takes_all = true, .digits_max = 3},
};
const char *const rn_split_names[] = {"nanochat", "gpt2", "cl100k", NULL};

const struct rn_split *rn_split_find(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(splits); i++)
        if (strcmp(splits[i].name, name) == 0)
            return &splits[i];
    return NULL;
}

const char *rn_split_name(const struct rn_split *s)
{
    return s->name;
}

static int open_named(struct rn_split *s, const char *name, struct rn_place at, struct rn_err *err)
{
    const struct rn_split *known = rn_split_find(name);
    if (known) {
        *s = *known;
        return RN_OK;
    }
    int rc = rn_fail(err, RN_ECORRUPT, at, "unknown pattern '%.60s'", name);
    if (!rn_hint_near(err, rn_nearest_of(name, rn_split_names)))
        rn_hint(err, "known: nanochat, gpt2, cl100k, and " RN_SPLIT_REGEX " with an expression");
    return rc;
}

int rn_split_open(struct rn_split **out, const char *name, struct rn_place at, struct rn_err *err)
{
    struct rn_split *s = rn_new(struct rn_split);
    int rc;
    *out = NULL;
    if (rn_starts_with(name, RN_SPLIT_REGEX))
        rc = rn_regex_new(&s->regex, name + strlen(RN_SPLIT_REGEX), at, err);
    else
        rc = open_named(s, name, at, err);
    if (rc == RN_OK) {
        s->name = rn_xdup(name);
        *out = s;
    } else {
        free(s);
    }
    return rc;
}

void rn_split_free(struct rn_split *s)
{
    if (!s)
        return;
    rn_regex_free(s->regex);
    free((char *)s->name);
    free(s);
}

int64_t rn_split_gave_up(const struct rn_split *s)
{
    return s->regex ? rn_regex_gave_up(s->regex) : 0;
}

/* One character of the text: where it ends and what it is. At the end of the text: end == start and
 * a class that no rule takes. */
struct glyph {
    const unsigned char *next;
    uint32_t cp;
    int class;
};
enum { END = -1 };

static const uint8_t ascii_class[128] = {
    ['\t'] = RN_SPACE,
    ['\n'] = RN_SPACE,
    ['\v'] = RN_SPACE,
    ['\f'] = RN_SPACE,
    ['\r'] = RN_SPACE,
    [' '] = RN_SPACE,
#define D(c) [c] = RN_NUMBER
    D('0'),
    D('1'),
    D('2'),
    D('3'),
    D('4'),
    D('5'),
    D('6'),
    D('7'),
    D('8'),
    D('9'),
#undef D
#define L(c) [c] = RN_LETTER, [(c) + 32] = RN_LETTER
    L('A'),
    L('B'),
    L('C'),
    L('D'),
    L('E'),
    L('F'),
    L('G'),
    L('H'),
    L('I'),
    L('J'),
    L('K'),
    L('L'),
    L('M'),
    L('N'),
    L('O'),
    L('P'),
    L('Q'),
    L('R'),
    L('S'),
    L('T'),
    L('U'),
    L('V'),
    L('W'),
    L('X'),
    L('Y'),
    L('Z'),
#undef L
};

static inline struct glyph look(const unsigned char *p, const unsigned char *end)
{
    if (p == end)
        return (struct glyph){p, 0, END};
    if (*p < 128)
        return (struct glyph){p + 1, *p, ascii_class[*p]};
    int len;
    uint32_t cp = rn_utf8_char(p, &len);
    return (struct glyph){p + len, cp, (int)rn_unicode_class(cp)};
}

static bool is_newline(uint32_t cp)
{
    return cp == '\r' || cp == '\n';
}

/* End of the run of `class` characters at p, at most `max` of them (0: any number). */
static const unsigned char *run_end(const unsigned char *p, const unsigned char *end, int class,
                                    int max)
{
    for (int n = 0; max == 0 || n < max; n += max != 0) {
        struct glyph g = look(p, end);
        if (g.class != class)
            break;
        p = g.next;
    }
    return p;
}

/* The letter after an apostrophe as the contraction rule compares it: 0 if it takes no part. U+017F
 * is the only character outside ASCII that folds to one of s d m t l v e r. */
static int fold(const struct rn_split *s, uint32_t cp)
{
    if (s->fold_case && cp == 0x17F)
        return 's';
    if (s->fold_case && cp >= 'A' && cp <= 'Z')
        return (int)cp + 32;
    return cp < 128 ? (int)cp : 0;
}

/* End of 's 'd 'm 't 'll 've 're at p, p if there is none. */
static const unsigned char *contraction_end(const struct rn_split *s, const unsigned char *p,
                                            const unsigned char *end)
{
    struct glyph first = look(p + 1, end);
    int a = fold(s, first.cp);
    if (first.class == END || !a)
        return p;
    if (strchr("sdmt", a))
        return first.next;
    struct glyph second = look(first.next, end);
    int b = fold(s, second.cp);
    if ((a == 'l' && b == 'l') || (a == 'v' && b == 'e') || (a == 'r' && b == 'e'))
        return second.next;
    return p;
}

/* White space from p on: through the last newline (where the pattern has that rule), else all of it
 * at the end of the text, else all but the last character, which the next piece may begin with. */
static const unsigned char *space_end(const struct rn_split *s, const unsigned char *p,
                                      const unsigned char *end)
{
    const unsigned char *stop = p, *last = p, *after_newline = NULL;
    for (struct glyph g = look(p, end); g.class == RN_SPACE; g = look(stop, end)) {
        if (is_newline(g.cp))
            after_newline = g.next;
        last = stop;
        stop = g.next;
    }
    if (stop == end && s->end_takes_all)
        return stop;
    if (after_newline && !s->gpt2_runs)
        return after_newline;
    return stop == end || last == p ? stop : last;
}

/* GPT-2: an optional space, then a run of one class that is no white space. NULL: no match. */
static const unsigned char *gpt2_run(const unsigned char *end, struct glyph first)
{
    struct glyph g = first.cp == ' ' ? look(first.next, end) : first;
    return g.class == END || g.class == RN_SPACE ? NULL : run_end(g.next, end, g.class, 0);
}

/* cl100k and nanochat: letters with one leading character that is neither newline nor number;
 * numbers; others with an optional space before and newlines behind. NULL: does not match. */
static const unsigned char *modern_run(const struct rn_split *s, const unsigned char *p,
                                       const unsigned char *end, struct glyph first)
{
    if (first.class == RN_LETTER)
        return run_end(first.next, end, RN_LETTER, 0);
    if (first.class == RN_NUMBER)
        return run_end(p, end, RN_NUMBER, s->digits_max);
    struct glyph second = look(first.next, end);
    if (!is_newline(first.cp) && second.class == RN_LETTER)
        return run_end(second.next, end, RN_LETTER, 0);
    if (first.class == RN_OTHER)
        p = first.next;
    else if (first.cp == ' ' && second.class == RN_OTHER)
        p = second.next;
    else
        return NULL;
    p = run_end(p, end, RN_OTHER, 0);
    while (p < end && is_newline(*p))
        p++;
    return p;
}

size_t rn_split_next(const struct rn_split *s, const char *text, size_t n, size_t at)
{
    const unsigned char *base = (const unsigned char *)text, *end = base + n, *p = base + at;
    if (s->regex) {
        size_t ends[2];
        rn_regex_ends(s->regex, text, n, at, ends, RN_COUNT(ends));
        return ends[0];
    }
    struct glyph first = look(p, end);
    RN_ASSERT(first.class != END);
    const unsigned char *stop = p;
    if (first.cp == '\'')
        stop = contraction_end(s, p, end);
    if (stop == p)
        stop = s->gpt2_runs ? gpt2_run(end, first) : modern_run(s, p, end, first);
    if (!stop)
        stop = space_end(s, p, end);
    return (size_t)(stop - base);
}

size_t rn_split_ends(const struct rn_split *s, const char *text, size_t n, size_t at, size_t *ends,
                     size_t max)
{
    RN_ASSERT(max >= RN_WINDOW);
    const struct rn_split_way *way = rn_split_ways;
    if (s->regex)
        return rn_regex_ends(s->regex, text, n, at, ends, max);
    while (!way->here())
        way++;
    return way->ends(s, text, n, at, ends, max);
}
