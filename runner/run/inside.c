/* inside.c - one attempt at a stage, in the stage's own process: its numbers, the work, and
 * its outputs into the store. What the runner does meanwhile is in attempt.c. */
#include "running.h"

#include "board.h"
#include "clock.h"
#include "facts.h"
#include "hash.h"
#include "hparams.h"
#include "metrics.h"
#include "spent.h"
#include "synctime.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct at_work {
    struct rn_work *work;
    struct rn_wire *wire;
    struct rn_metrics metrics;
    struct rn_board board;
    struct rn_spent spent;
};

/* The others of a training write nothing. */
static bool leads(const struct rn_work *w)
{
    return rn_comm_rank(w->comm) == 0;
}

/* Final values that belong to the result, not to the machine. */
static json_t *final_metrics(const struct at_work *a)
{
    const struct rn_metric *table = a->work->stage->stage->metrics;
    json_t *final = json_object(), *value;
    const char *name;
    json_object_foreach(a->metrics.last, name, value) if (!rn_metric_of_machine(table, name))
        json_object_set(final, name, value);
    return final;
}

static void tell_settings(struct at_work *a)
{
    json_t *config = json_object();
    struct rn_hparams h;
    if (rn_facts_config(config, a->work->run->plan.run_dir, NULL) == RN_OK) {
        rn_hparams_of(&h, config, a->work->stage->name);
        rn_board_settings(&a->board, h.items, h.n);
        rn_hparams_release(&h);
    }
    json_decref(config);
}

static int open_metrics(struct at_work *a, struct rn_err *err)
{
    struct rn_work *w = a->work;
    char *path = rn_run_path(w->run, "metrics", w->stage->name, ".jsonl");
    int rc = rn_run_fetch_metrics(w->run, w->index, err);
    if (rc == RN_OK)
        rc = rn_metrics_open(&a->metrics, path, err);
    free(path);
    RN_TRY(rc);
    path =
        w->run->plan.p->tensorboard ? rn_run_path(w->run, "tensorboard", w->stage->name, "") : NULL;
    rn_board_init(&a->board, path);
    rn_spent_init(&a->spent, w->run->monitoring.gauge);
    free(path);
    if (a->board.dir)
        tell_settings(a);
    return w->node->action == RN_ACT_RESUME ? RN_OK : rn_metrics_cut(&a->metrics, 0, err);
}

static void show_log(void *ctx, enum rn_level level, const char *text)
{
    rn_wire_log(ctx, level, text);
}

static int call_stage(struct at_work *a, struct rn_err *err)
{
    struct rn_work *w = a->work;
    struct rn_runner runner = {.plan = &w->run->plan, .stage = w->index, .wire = a->wire};
    struct rn_log log = {show_log, a->wire};
    if (leads(w)) {
        runner.metrics = &a->metrics;
        runner.board = &a->board;
        runner.spent = &a->spent;
        runner.each_file = w->run->ui && w->run->ui->json; /* trainers of ranks have none */
        log = rn_stagelog_log(&w->log, show_log, a->wire);
    }
    struct rn_job job = rn_plan_job(&w->run->plan, &runner);
    struct rn_earlier earlier;
    job.n_earlier = rn_plan_earlier(&w->run->plan, w->index, &earlier);
    job.earlier = &earlier;
    job.expected = &w->node->cost;
    job.out_dir = w->attempt;
    job.log = &log;
    job.threads = w->threads;
    job.comm = w->comm;
    int rc = w->stage->stage->run(&job, w->stage->cfg, err);
    if (rc != RN_OK && err->code == RN_OK)
        rc = rn_fail(err, (enum rn_code)rc, RN_NOWHERE, "%s", rn_code_word((enum rn_code)rc));
    return rc;
}

static void tell_lost(struct at_work *a)
{
    struct rn_log log = rn_stagelog_log(&a->work->log, show_log, a->wire);
    if (a->metrics.lost)
        rn_log(&log, RN_WARN, "%lld times numbers could not be written, or not for certain",
               (long long)a->metrics.lost);
    if (a->board.lost)
        rn_log(&log, RN_WARN,
               "TensorBoard's files lack some numbers: `runnel metrics RUN --to "
               "tensorboard` makes them again");
}

/* Here and not in the runner: hashing and syncing gigabytes would make it deaf. */
static int publish(struct at_work *a, char out[RN_HEX], struct rn_err *err)
{
    struct rn_work *w = a->work;
    RN_TRY(rn_plan_rekey(&w->run->plan, w->index, err));
    rn_metrics_offset(&a->metrics); /* the numbers are on disk before the outputs are */
    json_t *final = final_metrics(a);
    struct rn_plan *plan = &w->run->plan;
    struct rn_publication what = {.metrics = final, .memo = plan->memo};
    int rc = rn_store_publish(plan->store, w->attempt, w->stage, &w->node->keys, &what, err);
    if (rc == RN_OK)
        memcpy(out, w->node->keys.out, RN_HEX);
    json_decref(final);
    return rc;
}

/* Other stages' locks and pipes are not ours to keep open. Whatever the stage starts holds its lock
 * for as long as it lives. */
static void keep_own_only(const struct rn_work *w)
{
    const struct rn_running *r = w->run;
    for (size_t i = 0; i < r->plan.p->n_stages; i++) {
        const struct rn_work *other = r->works[i];
        if (!other || other == w)
            continue;
        close(other->lock.fd);
        if (other->child.fd >= 0)
            close(other->child.fd);
    }
    rn_helpers_forget(w->run);
    fcntl(w->lock.fd, F_SETFD, 0);
}

int rn_work_do(struct rn_work *w, struct rn_wire *wire)
{
    struct at_work a = {.work = w, .wire = wire, .metrics = {.fd = -1}, .board = {.fd = -1}};
    struct rn_stage_end end = {0};
    double start_s = rn_clock_s(), sync_s = rn_sync_time_s();
    if (leads(w))
        end.rc = open_metrics(&a, &end.err);
    if (end.rc == RN_OK) {
        start_s = rn_clock_s();
        end.rc = call_stage(&a, &end.err);
        end.stage_s = rn_clock_s() - start_s;
        sync_s = rn_sync_time_s();
    }
    if (end.rc == RN_OK && leads(w))
        end.rc = publish(&a, end.out, &end.err);
    if (leads(w))
        rn_memo_save(w->run->plan.memo); /* of outputs, and of what was found damaged */
    end.sync_s = rn_sync_time_s() - sync_s;
    end.step = a.metrics.path ? a.metrics.step : -1;
    tell_lost(&a);
    rn_metrics_close(&a.metrics);
    rn_board_release(&a.board);
    rn_wire_end(wire, &end);
    return end.rc;
}

void rn_work_inside(void *ctx, struct rn_wire *wire)
{
    struct rn_work *w = ctx;
    keep_own_only(w);
    rn_work_do(w, wire);
}
