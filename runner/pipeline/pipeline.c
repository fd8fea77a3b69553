#include "pipeline.h"

#include "told.h"

#include <stdlib.h>
#include <string.h>

void rn_pipeline_free(struct rn_pipeline *p)
{
    if (!p)
        return;
    rn_told_free(p);
    for (size_t i = 0; i < p->n_stages; i++) {
        json_decref(p->stages[i].identity);
        json_decref(p->stages[i].extend);
        json_decref(p->stages[i].source);
    }
    rn_document_free(p->document);
    struct rn_arena arena = p->arena;
    rn_arena_release(&arena);
    free(p);
}

const struct rn_pstage *rn_pipeline_stage(const struct rn_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->n_stages; i++)
        if (strcmp(p->stages[i].name, name) == 0)
            return &p->stages[i];
    return NULL;
}
