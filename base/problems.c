#include "problems.h"

#include "mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 100 };

/* A slot for one more; past the limit the last one is overwritten and counted as dropped. */
static struct rn_err *slot(struct rn_problems *p)
{
    if (p->n == KEPT + 1) {
        p->dropped++;
        memset(p->items[KEPT], 0, sizeof **p->items);
        return p->items[KEPT];
    }
    RN_PUSH(p->items, p->n, p->cap, rn_new(struct rn_err));
    return p->items[p->n - 1];
}

struct rn_err *rn_problem_add(struct rn_problems *p, struct rn_place at, const char *fmt, ...)
{
    char msg[sizeof(struct rn_err){0}.msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    struct rn_err *e = slot(p);
    rn_fail(e, RN_ECONFIG, at, "%s", msg);
    return e;
}

static bool has(const struct rn_problems *p, const struct rn_err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct rn_err *old = p->items[i];
        if (old->line == e->line && old->col == e->col && strcmp(old->msg, e->msg) == 0 &&
            strcmp(old->path, e->path) == 0)
            return true;
    }
    return false;
}

void rn_problems_join(struct rn_problems *p, const struct rn_problems *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct rn_err *e = from->items[i];
        if (!has(p, e))
            rn_hint(rn_problem_add(p, rn_err_place(e), "%s", e->msg), "%s", e->hint);
    }
    p->dropped += from->dropped;
}

static int by_place(const struct rn_err *a, const struct rn_err *b)
{
    int path = strcmp(a->path, b->path);
    if (path)
        return path;
    return a->line != b->line ? a->line - b->line : a->col - b->col;
}

/* Insertion sort: stable, and there are at most 101. */
void rn_problems_sort(struct rn_problems *p)
{
    for (size_t i = 1; i < p->n; i++) {
        struct rn_err *e = p->items[i];
        size_t j = i;
        for (; j > 0 && by_place(p->items[j - 1], e) > 0; j--)
            p->items[j] = p->items[j - 1];
        p->items[j] = e;
    }
}

size_t rn_problems_count(const struct rn_problems *p)
{
    return p->n + p->dropped;
}

void rn_problems_release(struct rn_problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->items[i]);
    free(p->items);
    *p = (struct rn_problems){0};
}
