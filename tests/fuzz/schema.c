/* Whatever bytes a pipeline file has, loading it ends in a pipeline or in problems. A pipeline that
 * loads has a resolved form that loads again, with the same key; a second loading says the same. */
#include "pipeline.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

static struct rn_pipeline *parse(const char *text, size_t n, const char *profile,
                                 size_t *n_problems)
{
    struct rn_pipeline_how how = {.profile = profile};
    struct rn_problems problems = {0};
    struct rn_pipeline *p = rn_pipeline_parse("fuzz.yaml", text, n, &how, &problems);
    *n_problems = rn_problems_count(&problems);
    RN_ASSERT((p == NULL) == (*n_problems > 0));
    for (size_t i = 0; i < problems.n; i++)
        RN_ASSERT(problems.items[i]->msg[0] && problems.items[i]->code == RN_ECONFIG);
    rn_problems_release(&problems);
    return p;
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
