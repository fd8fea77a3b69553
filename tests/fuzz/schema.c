/* Whatever bytes a pipeline file has, loading it ends in a pipeline or in problems. A pipeline that
 * loads has a resolved form that loads again, with the same key; a second loading says the same. */
#include "matrix.h"
#include "pipeline.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

struct bytes {
    const char *text;
    size_t n;
};

/* Any name is the same file: whatever it includes is itself, or one level of itself. */
static int read_bytes(void *ctx, const char *path, char **text, size_t *n, struct rn_err *err)
{
    const struct bytes *b = ctx;
    (void)path, (void)err;
    *n = b->n;
    *text = rn_xalloc(b->n + 1);
    memcpy(*text, b->text, b->n);
    return RN_OK;
}

/* A pipeline that owns its document, or NULL and the number of problems. */
static struct rn_pipeline *parse(const char *text, size_t n, const char *profile,
                                 size_t *n_problems)
{
    struct bytes bytes = {text, n};
    struct rn_document *doc =
        rn_document_open("fuzz.yaml", &(struct rn_document_source){read_bytes, &bytes});
    struct rn_pipeline_how how = {.profile = profile};
    struct rn_matrix matrix;
    rn_matrix_read(&matrix, doc);
    how.cell = matrix.n ? &matrix.cells[matrix.n / 2] : NULL;
    struct rn_pipeline *p = rn_pipeline_compose(doc, &how, &doc->problems);
    *n_problems = rn_problems_count(&doc->problems);
    RN_ASSERT(p || *n_problems > 0);
    for (size_t i = 0; i < doc->problems.n; i++)
        RN_ASSERT(doc->problems.items[i]->msg[0]);
    if (p && *n_problems == 0) {
        p->document = doc;
        return p;
    }
    rn_pipeline_free(p);
    rn_document_free(doc);
    return NULL;
}

static void check_resolved(const struct rn_pipeline *p)
{
    size_t n_problems;
    char *yaml = rn_pipeline_resolved_yaml(p);
    struct rn_pipeline *again = parse(yaml, strlen(yaml), NULL, &n_problems);
    RN_ASSERT(again && strcmp(again->key8, p->key8) == 0);
    rn_pipeline_free(again);
    free(yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const profiles[] = {NULL, "smoke"};
    char *text = rn_xalloc(n + 1); /* the end of a file is a NUL, as rn_file_read leaves it */
    memcpy(text, bytes, n);
    for (size_t i = 0; i < RN_COUNT(profiles); i++) {
        size_t first, second;
        struct rn_pipeline *p = parse(text, n, profiles[i], &first);
        if (p)
            check_resolved(p);
        rn_pipeline_free(p);
        rn_pipeline_free(parse(text, n, profiles[i], &second));
        RN_ASSERT(first == second);
    }
    free(text);
    return 0;
}
