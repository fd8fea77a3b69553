#include "planning.h"

#include "nearest.h"

#include <string.h>

bool rn_in_list(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static size_t find_stage(const struct rn_pipeline *p, const char *name)
{
    size_t i = 0;
    while (i < p->n_stages && strcmp(p->stages[i].name, name) != 0)
        i++;
    return i;
}

static int check_stage(const struct rn_pipeline *p, const char *option, const char *name,
                       struct rn_err *err)
{
    if (!name || find_stage(p, name) < p->n_stages)
        return RN_OK;
    struct rn_nearest near = {.to = name};
    for (size_t i = 0; i < p->n_stages; i++)
        rn_nearest_try(&near, p->stages[i].name);
    rn_hint_near(err, near.word);
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "%s: no stage '%s' in %s", option, name, p->path);
}

int rn_plan_check_options(const struct rn_pipeline *p, const struct rn_run_how *how,
                          struct rn_err *err)
{
    RN_TRY(check_stage(p, "--from", how->from, err));
    RN_TRY(check_stage(p, "--until", how->until, err));
    RN_TRY(check_stage(p, "--only", how->only, err));
    for (const char *const *s = how->force; s && *s; s++)
        RN_TRY(check_stage(p, "--force", *s, err));
    for (const char *const *s = how->yes; s && *s; s++)
        RN_TRY(check_stage(p, "--yes", *s, err));
    if (how->resume_from && how->force && *how->force)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--resume-from and --force exclude each other");
    if (how->only && (how->from || how->until))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--only excludes --from and --until");
    return RN_OK;
}

bool rn_plan_before_range(const struct rn_plan *plan, size_t i)
{
    const char *first = plan->how->only ? plan->how->only : plan->how->from;
    return first && i < find_stage(plan->p, first);
}

bool rn_plan_after_range(const struct rn_plan *plan, size_t i)
{
    const char *last = plan->how->only ? plan->how->only : plan->how->until;
    return last && i > find_stage(plan->p, last);
}
