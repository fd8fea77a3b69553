#include "fetch_work.h"

int rn_fetch_work_next(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct rn_fetch_work *w = ctx;
    (void)err;
    *file = w->next < w->total ? &w->files[w->next++] : NULL;
    return RN_OK;
}

int rn_fetch_work_need(const struct rn_fetch_work *w, const struct rn_fetcher *f,
                       struct rn_err *err)
{
    for (size_t i = 0; i < w->total; i++)
        RN_TRY(rn_fetch_need(f, &w->files[i], err));
    return RN_OK;
}
