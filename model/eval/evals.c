#include "evals.h"

#include "mem.h"
#include "nearest.h"
#include "str.h"

#include <math.h>
#include <string.h>

#define EVAL(id, name, unit, better, doc) extern const struct rn_eval_task rn_eval_task_##id;
#include "evals.def"

static const struct rn_eval evals[] = {
#define EVAL(id, name, unit, better, doc) {#id, name, &rn_eval_task_##id},
#include "evals.def"
    {0}};

const char *const rn_eval_input_names[] = {"tokens",
#define INPUT(id, doc) #id,
#include "evals.def"
                                           NULL};

const struct rn_eval *rn_eval_find(const char *name)
{
    for (const struct rn_eval *e = evals; e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

int rn_eval_unknown(const char *name, struct rn_err *err)
{
    struct rn_nearest near = {.to = name};
    struct rn_str all = {0};
    for (const struct rn_eval *e = evals; e->name; e++) {
        rn_nearest_try(&near, e->name);
        rn_str_printf(&all, "%s%s", e > evals ? ", " : "", e->name);
    }
    rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'tasks' has '%.60s', which this program cannot measure",
            name);
    if (!rn_hint_near(err, near.word))
        rn_hint(err, "known: %s", all.p);
    rn_str_release(&all);
    return RN_ECONFIG;
}

int rn_eval_goes_on(const struct rn_eval_run *r, const char *what, size_t done, size_t all,
                    struct rn_err *err)
{
    if (r->progress && !r->progress(r->ctx, what, done, all))
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped while measuring %s", what);
    return RN_OK;
}

int rn_eval_file(const struct rn_eval_run *r, enum rn_eval_input in, const char **path,
                 struct rn_err *err)
{
    if (r->data[in].n != 1)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%s' is %zu files, expected one",
                       rn_eval_input_names[in], r->data[in].n);
    *path = r->data[in].paths[0];
    return RN_OK;
}

int64_t rn_eval_max_len(const struct rn_eval_run *r)
{
    int64_t most = rn_scorer_max_len(r->scorer);
    return r->max_len > 0 && (most == 0 || r->max_len < most) ? r->max_len : most;
}
