#include "running.h"

#include "clock.h"
#include "file.h"
#include "runs.h"
#include "synctime.h"

#include <stdlib.h>
#include <string.h>

char *rn_run_path(const struct rn_running *r, const char *folder, const char *name,
                  const char *suffix)
{
    return rn_xprintf("%s/%s%s%s%s", r->plan.run_dir, folder, *folder ? "/" : "", name, suffix);
}

int rn_run_write_if_other(const char *path, const char *text, size_t n, struct rn_err *err)
{
    enum { COPY_CAP = 64 << 20 };
    char *old = NULL;
    size_t n_old = 0;
    bool same = rn_exists(path) && rn_file_read(path, COPY_CAP, &old, &n_old, NULL) == RN_OK &&
                n_old == n && memcmp(old, text, n) == 0;
    free(old);
    return same ? RN_OK : rn_file_write(path, text, n, err);
}

json_t *rn_run_record(const struct rn_running *r, size_t i, const char *event)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const struct rn_pstage *s = &r->plan.p->stages[i];
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", event, "stage", s->name, "kind",
                     s->stage->kind, "progress", n->keys.progress, "out", n->keys.out);
}

json_t *rn_run_digests(const struct rn_stored *e)
{
    json_t *digests = json_object();
    for (size_t i = 0; i < e->n_outputs; i++)
        json_object_set_new(digests, e->outputs[i].name, json_string(e->outputs[i].digest));
    return digests;
}

json_t *rn_run_costs(const struct rn_running *r)
{
    double wall_s = rn_clock_s() - r->start_s;
    double sync_s = r->sync_s + rn_sync_time_s() - r->before_sync_s;
    json_t *costs =
        json_pack("{s:f, s:f, s:f}", "wall_s", wall_s, "stage_s", r->stage_s, "sync_s", sync_s);
    if (r->most_working <= 1)
        json_object_set_new(costs, "overhead_s", json_real(wall_s - r->stage_s - sync_s));
    return costs;
}

int rn_run_fetch_metrics(struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_planned *n = &r->plan.nodes[i];
    const char *stage = r->plan.p->stages[i].name;
    const json_t *mine = rn_journal_last(r->plan.journal, stage, "started|done|kept");
    if (strcmp(rn_json_str(mine, "progress", ""), n->keys.progress) == 0)
        return RN_OK; /* this run has seen the key: what there is lies here */
    const char *progress = n->cost.resume_key ? n->cost.resume_key : n->keys.progress;
    char *path = rn_run_path(r, "metrics", stage, ".jsonl");
    char *other = rn_runs_metrics_of(r->plan.how->runs, progress, r->plan.p->tag);
    char *text = NULL;
    size_t size;
    enum { METRICS_CAP = 1 << 30 };
    int rc = RN_OK;
    if (other && rn_file_read(other, METRICS_CAP, &text, &size, NULL) == RN_OK)
        rc = rn_file_write(path, text, size, err);
    free(text);
    free(other);
    free(path);
    return rc;
}
