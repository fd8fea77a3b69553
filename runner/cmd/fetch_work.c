#include "fetch_work.h"

int rn_fetch_work_next(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct rn_fetch_work *w = ctx;
    (void)err;
    *file = w->next < w->total ? &w->files[w->next++] : NULL;
    return RN_OK;
}
