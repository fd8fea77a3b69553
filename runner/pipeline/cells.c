#include "cells.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

struct tag {
    char *text;
    const struct rn_cell *cell;
};

static struct rn_pipeline *compose(const struct rn_cells *c, size_t i, struct rn_problems *problems)
{
    struct rn_pipeline_how how = c->how;
    how.cell = c->cells ? &c->cells[i] : NULL;
    return rn_pipeline_compose(c->document, &how, problems);
}

static int by_tag(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->cell > y->cell) - (x->cell < y->cell);
}

/* A tag names one run: two cells of one tag would be the same run. */
static void refuse_equal_tags(struct rn_cells *c, struct tag *tags, size_t n)
{
    qsort(tags, n, sizeof *tags, by_tag);
    for (size_t i = 1; i < n; i++)
        if (strcmp(tags[i].text, tags[i - 1].text) == 0)
            rn_hint(rn_problem_add(&c->document->problems, tags[i].cell->set[0].at,
                                   "cells %.60s and %.60s have the same tag '%.100s'",
                                   tags[i - 1].cell->name, tags[i].cell->name, tags[i].text),
                    "values must differ in what counts, or the tag must name them");
}

/* Composes every cell once, so that all problems are told before anything is done. */
static void check(struct rn_cells *c)
{
    struct rn_problems *problems = &c->document->problems;
    struct tag *tags = rn_xalloc(c->n * sizeof *tags);
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct rn_pipeline *p = compose(c, i, problems);
        if (p && c->cells)
            tags[n++] = (struct tag){rn_xdup(p->tag), &c->cells[i]};
        rn_pipeline_free(p);
    }
    if (!problems->n)
        refuse_equal_tags(c, tags, n);
    for (size_t i = 0; i < n; i++)
        free(tags[i].text);
    free(tags);
}

static void copy_overrides(struct rn_cells *c, const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    const char **kept = rn_arena_alloc(&c->document->arena, (n + 1) * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        kept[i] = list[i];
    c->how.overrides = kept;
}

static int choose(struct rn_cells *c, const char *only, struct rn_err *err)
{
    c->cells = c->matrix.cells;
    c->n = c->matrix.n ? c->matrix.n : 1;
    if (!only)
        return RN_OK;
    if (!c->matrix.n)
        return rn_fail(err, RN_EUSAGE, RN_PATH(c->document->path), "the file has no matrix");
    c->cells = rn_matrix_find(&c->matrix, only);
    c->n = 1;
    if (c->cells)
        return RN_OK;
    rn_fail(err, RN_EUSAGE, RN_PATH(c->document->path), "the matrix has no cell '%.100s'", only);
    rn_hint(err, "a number from 1 to %zu, or a name such as %.100s", c->matrix.n,
            c->matrix.cells[0].name);
    return RN_EUSAGE;
}

int rn_cells_open(struct rn_cells **out, const char *path, const struct rn_pipeline_how *how,
                  const char *only, struct rn_err *err)
{
    struct rn_cells *c = rn_new(struct rn_cells);
    *out = NULL;
    c->document = rn_document_open(path, NULL);
    c->how = *how;
    copy_overrides(c, how->overrides);
    rn_matrix_read(&c->matrix, c->document);
    int rc = choose(c, only, err);
    if (rc == RN_OK) {
        check(c);
        rc = rn_pipeline_tell(&c->document->problems, err);
    }
    if (rc == RN_OK)
        *out = c;
    else
        rn_cells_free(c);
    return rc;
}

struct rn_pipeline *rn_cells_compose(const struct rn_cells *c, size_t i)
{
    struct rn_problems problems = {0};
    struct rn_pipeline *p = compose(c, i, &problems);
    rn_problems_release(&problems);
    RN_ASSERT(p);
    return p;
}

void rn_cells_free(struct rn_cells *c)
{
    if (!c)
        return;
    rn_document_free(c->document);
    free(c);
}

struct rn_pipeline *rn_cells_into_pipeline(struct rn_cells *c)
{
    RN_ASSERT(c->n == 1);
    struct rn_pipeline *p = rn_cells_compose(c, 0);
    p->document = c->document;
    c->document = NULL;
    rn_cells_free(c);
    return p;
}
