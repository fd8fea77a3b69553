#include "locks.h"

#include "file.h"
#include "path.h"
#include "plan.h"

#include <stdlib.h>

int rn_lock_take_run(struct rn_lock *lock, const char *runs, const char *tag, struct rn_err *err)
{
    char *dir = rn_join(runs, tag), *path = rn_join(dir, ".lock");
    char *what = rn_xprintf("run '%s'", tag);
    int rc = rn_mkdirs_lasting(dir, err);
    if (rc == RN_OK)
        rc = rn_lock_take(lock, path, what, err);
    if (rc == RN_EIO)
        rn_hint(err, "runs are written into '%s': --runs DIR or RUNNEL_RUNS names another", runs);
    free(what);
    free(path);
    free(dir);
    return rc;
}

bool rn_lock_held_run(const char *run_dir, char *owner, size_t owner_bytes)
{
    char *path = rn_join(run_dir, ".lock");
    bool held = rn_lock_held(path, owner, owner_bytes);
    free(path);
    return held;
}

static char *work_path(const char *runs, const char *work)
{
    return rn_xprintf("%s/.locks/%s", runs, work);
}

int rn_lock_take_work(struct rn_lock *lock, const char *runs, const char *work, const char *what,
                      struct rn_err *err)
{
    char *path = work_path(runs, work), *dir = rn_dirname(path);
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = rn_lock_take(lock, path, what, err);
    free(dir);
    free(path);
    return rc;
}

static char *work_of(const struct rn_plan *plan, size_t stage)
{
    return rn_store_name(plan->p->stages[stage].stage->kind, plan->nodes[stage].keys.progress);
}

int rn_lock_take_stage(struct rn_lock *lock, const struct rn_plan *plan, size_t stage,
                       struct rn_err *err)
{
    char *work = work_of(plan, stage);
    char *what = rn_xprintf("stage '%s'", plan->p->stages[stage].name);
    int rc = rn_lock_take_work(lock, plan->how->runs, work, what, err);
    free(what);
    free(work);
    return rc;
}

bool rn_lock_lies_on_stage(const struct rn_plan *plan, size_t stage)
{
    char *work = work_of(plan, stage), *path = work_path(plan->how->runs, work);
    bool lies = rn_exists(path);
    free(path);
    free(work);
    return lies;
}
