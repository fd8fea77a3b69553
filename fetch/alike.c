#include "alike.h"

#include "mem.h"
#include "str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double TELL_S = 10; /* so long does a count gather: what waits is still under way */

struct rn_alike_line {
    char *kind;
    char *words; /* NULL: whatever has none of the others' */
    enum rn_level level;
    size_t seen, counted; /* in all; since the last one that was told */
    struct rn_str first;  /* of those counted */
    double since_s;       /* it came */
};

static void tell_counted(const struct rn_log *log, struct rn_alike_line *line)
{
    if (line->counted == 1)
        rn_log(log, line->level, "%s", line->first.p);
    else if (line->counted > 1)
        rn_log(log, line->level, "%s (and %zu more%s)", line->first.p, line->counted - 1,
               line->words ? " alike" : ", each in its own words");
    line->counted = 0;
}

static struct rn_alike_line *add_line(struct rn_alike *a, const struct rn_saying *s,
                                      const char *words)
{
    struct rn_alike_line line = {
        .kind = rn_xdup(s->kind), .words = words ? rn_xdup(words) : NULL, .level = s->level};
    RN_PUSH(a->lines, a->n, a->cap, line);
    return &a->lines[a->n - 1];
}

/* NULL: there are too many kinds. */
static struct rn_alike_line *line_of(struct rn_alike *a, const struct rn_saying *s)
{
    struct rn_alike_line *others = NULL;
    size_t of_kind = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct rn_alike_line *line = &a->lines[i];
        if (strcmp(line->kind, s->kind) != 0)
            continue;
        of_kind++;
        if (!line->words)
            others = line;
        else if (strcmp(line->words, s->words) == 0)
            return line;
    }
    if (others)
        return others;
    if (a->n == RN_ALIKE_MAX)
        return NULL;
    return add_line(a, s, of_kind < RN_ALIKE_WORDS ? s->words : NULL);
}

size_t rn_alike_tell(struct rn_alike *a, const struct rn_saying *s, const char *fmt, ...)
{
    char text[3900]; /* of a line of the log; the rest is for the count */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct rn_alike_line *line = line_of(a, s);
    if (!line || line->seen < RN_ALIKE_NAMED)
        rn_log(a->log, s->level, "%s", text);
    else if (line->counted++ == 0) {
        rn_str_clear(&line->first);
        rn_str_puts(&line->first, text);
        line->since_s = s->now_s;
    }
    return line ? line->seen++ : 0;
}

void rn_alike_tick(struct rn_alike *a, double now_s)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->lines[i].counted > 0 && now_s - a->lines[i].since_s >= TELL_S)
            tell_counted(a->log, &a->lines[i]);
}

void rn_alike_release(struct rn_alike *a)
{
    for (size_t i = 0; i < a->n; i++) {
        tell_counted(a->log, &a->lines[i]);
        rn_str_release(&a->lines[i].first);
        free(a->lines[i].kind);
        free(a->lines[i].words);
    }
    free(a->lines);
    *a = (struct rn_alike){0};
}
