#include "adopt.h"

#include "file.h"
#include "journal.h"
#include "links.h"
#include "locks.h"
#include "path.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

/* One adoption. */
struct adoption {
    struct rn_plan plan;
    struct rn_lock run_lock, stage_lock; /* another tag may be making the same outputs */
    struct rn_stored *old;
    size_t stage;
};

static int decide(struct adoption *a, struct rn_err *err)
{
    for (size_t i = 0; i <= a->stage; i++)
        RN_TRY(rn_plan_decide(&a->plan, i, err));
    const struct rn_planned *n = &a->plan.nodes[a->stage];
    if (n->keyed)
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, a->plan.p->stages[a->stage].at,
                   "stage '%s' cannot adopt yet: %s", a->plan.p->stages[a->stage].name, n->reason);
}

static int load_old(struct adoption *a, struct rn_err *err)
{
    struct rn_planned *n = &a->plan.nodes[a->stage];
    const struct rn_pstage *s = &a->plan.p->stages[a->stage];
    if (!n->past && !rn_plan_compare(&a->plan, a->stage))
        return rn_fail(err, RN_EUSAGE, s->at, "stage '%s' has no earlier outputs to adopt",
                       s->name);
    char *dir = rn_join(a->plan.store, n->past);
    int rc = rn_exists(dir) ? rn_store_load_dir(&a->old, dir, RN_VERIFY_HASH, err)
                            : rn_fail(err, RN_EUSAGE, s->at,
                                      "stage '%s': the outputs of its last run are gone", s->name);
    free(dir);
    return rc;
}

static int copy_output(const char *attempt, const struct rn_artifact *output, struct rn_err *err)
{
    int rc = RN_OK;
    for (size_t i = 0; i < output->n_files && rc == RN_OK; i++) {
        char *path = rn_xprintf("%s/%s/%s", attempt, output->name, output->files[i].name);
        char *dir = rn_dirname(path);
        rc = rn_mkdirs(dir, err);
        if (rc == RN_OK)
            rc = rn_copy_file(output->files[i].path, path, err);
        free(dir);
        free(path);
    }
    return rc;
}

static int copy_and_publish(struct adoption *a, struct rn_err *err)
{
    const struct rn_planned *n = &a->plan.nodes[a->stage];
    const struct rn_pstage *s = &a->plan.p->stages[a->stage];
    char *attempt = rn_store_path(a->plan.store, s->stage->kind, n->keys.out, ".attempt");
    int rc = rn_remove_tree(attempt, err);
    for (size_t i = 0; i < a->old->n_outputs && rc == RN_OK; i++)
        rc = copy_output(attempt, &a->old->outputs[i], err);
    struct rn_publication what = {
        .metrics = rn_stored_metrics(a->old), .memo = a->plan.memo, .adopted_from = a->old};
    if (rc == RN_OK)
        rc = rn_store_publish(a->plan.store, attempt, s, &n->keys, &what, err);
    if (rc != RN_OK)
        rn_remove_tree(attempt, NULL);
    free(attempt);
    return rc;
}

/* From now on the run stands for it, and `runs prune` keeps it. */
static int link_adopted(const struct adoption *a, struct rn_err *err)
{
    const struct rn_pstage *s = &a->plan.p->stages[a->stage];
    char *entry = rn_store_name(s->stage->kind, a->plan.nodes[a->stage].keys.out);
    char *links = rn_join(a->plan.run_dir, "stages");
    int rc = rn_mkdirs_lasting(links, err);
    if (rc == RN_OK)
        rc = rn_link_set(a->plan.run_dir, s->name, entry, err);
    free(links);
    free(entry);
    return rc;
}

static int record(const struct adoption *a, struct rn_err *err)
{
    const struct rn_planned *n = &a->plan.nodes[a->stage];
    const struct rn_pstage *s = &a->plan.p->stages[a->stage];
    struct rn_journal journal;
    char *path = rn_join(a->plan.run_dir, "journal.jsonl");
    int rc = rn_journal_open(&journal, path, err);
    if (rc == RN_OK)
        rc = rn_journal_add(&journal,
                            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "event", "adopted",
                                      "stage", s->name, "kind", s->stage->kind, "progress",
                                      n->keys.progress, "out", n->keys.out, "from", a->old->name,
                                      "reason", n->reason),
                            err);
    rn_journal_close(&journal);
    free(path);
    return rc;
}

static int adopt(struct adoption *a, struct rn_adopted *adopted, struct rn_err *err)
{
    RN_TRY(rn_lock_take_run(&a->run_lock, a->plan.how->runs, a->plan.p->tag, err));
    RN_TRY(decide(a, err));
    adopted->nothing_to_do = a->plan.nodes[a->stage].entry;
    if (adopted->nothing_to_do)
        return RN_OK;
    RN_TRY(load_old(a, err));
    rn_keydiff_tell(&a->plan.nodes[a->stage].diff, a->plan.p, a->plan.p->stages[a->stage].name,
                    adopted->reason, sizeof adopted->reason);
    snprintf(adopted->from, sizeof adopted->from, "%s", a->old->name);
    RN_TRY(rn_lock_take_stage(&a->stage_lock, &a->plan, a->stage, err));
    RN_TRY(copy_and_publish(a, err));
    RN_TRY(link_adopted(a, err));
    RN_TRY(record(a, err));
    rn_memo_save(a->plan.memo);
    return RN_OK;
}

int rn_adopt(const struct rn_pipeline *p, const struct rn_run_how *how, const char *stage,
             struct rn_adopted *adopted, struct rn_err *err)
{
    struct adoption a = {.run_lock = {.fd = -1}, .stage_lock = {.fd = -1}};
    struct rn_run_how until = *how;
    until.until = stage; /* also says so if there is no such stage */
    int rc = rn_plan_init(&a.plan, p, &until, err);
    while (rc == RN_OK && strcmp(p->stages[a.stage].name, stage) != 0)
        a.stage++;
    if (rc == RN_OK)
        rc = adopt(&a, adopted, err);
    rn_stored_free(a.old);
    rn_lock_release(&a.stage_lock);
    rn_lock_release(&a.run_lock);
    rn_plan_release(&a.plan);
    return rc;
}
