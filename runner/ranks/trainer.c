#define _GNU_SOURCE /* pipe2 */
#include "trainer.h"

#include "clock.h"
#include "roll.h"
#include "running.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- in the process --- */

struct trainer {
    const struct rn_pipeline *p;
    const struct rn_run_how *how; /* with the rank's own card as device */
    const struct rn_ranks *ranks;
    int orders[2];
    FILE *orders_in; /* in the process */
    double tick_every_s;
    struct rn_wire *wire;
    struct rn_comm *comm; /* NULL: not yet open */
};

/* The main process passes it on: if either is stopped, the other ranks hear nothing. */
static void *tick(void *ctx)
{
    const struct trainer *t = ctx;
    const struct timespec pause = {.tv_sec = (time_t)t->tick_every_s,
                                   .tv_nsec = (long)(fmod(t->tick_every_s, 1) * 1e9)};
    for (;;) {
        rn_wire_tick(t->wire);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void log_to_wire(void *ctx, enum rn_level level, const char *text)
{
    rn_wire_log(ctx, level, text);
}

static size_t stage_named(const struct rn_pipeline *p, const char *name)
{
    size_t i = 0;
    while (i < p->n_stages && strcmp(p->stages[i].name, name) != 0)
        i++;
    return i;
}

/* Inputs and keys of the stage as this rank sees them, and the runner's decision about it. */
static int take_order(struct rn_plan *plan, const json_t *order, size_t i, struct rn_err *err)
{
    struct rn_planned *n = &plan->nodes[i];
    plan->no_costs = true;
    for (size_t k = 0; k < i; k++)
        plan->nodes[k].begun = true;
    for (size_t k = 0; k <= i; k++)
        RN_TRY(rn_plan_decide(plan, k, err));
    if (strcmp(n->keys.progress, rn_json_str(order, "progress", "?")) != 0)
        return rn_fail(err, RN_EPEER, RN_NOWHERE,
                       "this rank sees other inputs of stage '%s' than rank 0: do all share the "
                       "runs directory?",
                       plan->p->stages[i].name);
    const char *key = rn_json_str(order, "resume_key", "");
    n->action = json_is_true(json_object_get(order, "resume")) ? RN_ACT_RESUME : RN_ACT_RUN;
    n->resume_named = json_is_true(json_object_get(order, "resume_named"));
    n->cost.resume_step = rn_json_int(order, "resume_step", -1);
    n->cost.resume_key = *key ? rn_arena_dup(&plan->arena, key) : NULL;
    return RN_OK;
}

static int do_work(struct trainer *t, struct rn_running *r, size_t i, struct rn_err *err)
{
    const struct rn_pstage *s = &r->plan.p->stages[i];
    struct rn_planned *n = &r->plan.nodes[i];
    struct rn_work w = {.run = r,
                        .index = i,
                        .stage = s,
                        .node = n,
                        .log = {.fd = -1},
                        .threads = t->how->threads,
                        .comm = t->comm};
    w.dir = rn_store_path(r->plan.store, s->stage->kind, n->keys.progress, ".work");
    w.attempt = rn_store_path(r->plan.store, s->stage->kind, n->keys.out, ".attempt");
    char *log = rn_run_path(r, "log", s->name, ".log");
    int rc = rn_comm_rank(t->comm) == 0 ? rn_stagelog_open(&w.log, log, s->name, err) : RN_OK;
    if (rc == RN_OK)
        rc = rn_work_do(&w, t->wire);
    rn_stagelog_close(&w.log);
    free(log);
    free(w.attempt);
    free(w.dir);
    return rc;
}

/* Rank 0's word for the others goes where its orders went, through the main processes. */
static int meet(void *ctx, char word[RN_COMM_WORD], struct rn_err *err)
{
    struct trainer *t = ctx;
    if (t->ranks->seat.rank == 0) {
        rn_wire_meet(t->wire, word);
        return RN_OK;
    }
    if (!fgets(word, RN_COMM_WORD, t->orders_in))
        return rn_fail(err, RN_EPEER, RN_NOWHERE, "rank 0 does not say where to meet");
    word[strcspn(word, "\n")] = '\0';
    return RN_OK;
}

static int open_comm(struct trainer *t, struct rn_err *err)
{
    struct rn_log log = {log_to_wire, t->wire};
    struct rn_comm_setup setup = {
        .seat = t->ranks->seat, .device = t->how->device, .meet = meet, .ctx = t};
    if (t->comm)
        return RN_OK;
    RN_TRY(rn_comm_open(&t->comm, &setup, &log, err));
    if (!rn_comm_on_device(t->comm) && strcmp(t->how->device, "cpu") != 0)
        rn_log(&log, RN_WARN, "what the ranks share goes through the host's memory: slow");
    return RN_OK;
}

/* err: why no work was begun; what became of work is told by itself. */
static int obey(struct trainer *t, const json_t *order, struct rn_err *err)
{
    struct rn_running r = {.journal = {.fd = -1}, .lock = {.fd = -1}};
    size_t i = stage_named(t->p, rn_json_str(order, "stage", ""));
    if (i == t->p->n_stages)
        return rn_fail(err, RN_EPEER, RN_NOWHERE, "an order names no stage of this pipeline");
    int rc;
    RN_CHECK(rc = rn_plan_init(&r.plan, t->p, t->how, err));
    RN_CHECK(rc = take_order(&r.plan, order, i, err));
    RN_CHECK(rc = open_comm(t, err));
    rc = do_work(t, &r, i, err);
done:
    rn_plan_release(&r.plan);
    return rc;
}

static int obey_line(struct trainer *t, const char *line, size_t n)
{
    struct rn_err err = {0};
    json_t *order = NULL;
    int rc = rn_json_parse(line, n, RN_NOWHERE, &order, &err);
    if (rc == RN_OK)
        rc = obey(t, order, &err);
    json_decref(order);
    if (err.code != RN_OK) {
        struct rn_stage_end end = {.rc = rc, .step = -1};
        rn_fail_as(&end.err, &err);
        rn_wire_end(t->wire, &end);
    }
    return rc;
}

static void train(void *ctx, struct rn_wire *wire)
{
    struct trainer *t = ctx;
    pthread_t ticking;
    char *line = NULL;
    size_t cap = 0;
    int rc = RN_OK;
    ssize_t n;
    close(t->orders[1]);
    t->wire = wire;
    pthread_create(&ticking, NULL, tick, t);
    t->orders_in = fdopen(t->orders[0], "r");
    while (rc == RN_OK && t->orders_in && (n = getline(&line, &cap, t->orders_in)) > 0)
        rc = obey_line(t, line, (size_t)n);
    free(line);
    if (rc == RN_OK || rc == RN_ESTOPPED)
        rn_comm_close(t->comm); /* else the others may be waiting elsewhere */
}

/* --- in its parent --- */

static int start(struct rn_trainer *t, struct trainer *in, int log_fd, struct rn_err *err)
{
    RN_TRY(rn_roll_tick_every(&in->tick_every_s, err));
    if (pipe2(in->orders, O_CLOEXEC) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot make a pipe");
    int rc = rn_child_start(&t->child, train, in, log_fd, err);
    close(in->orders[0]);
    if (rc == RN_OK)
        t->orders = in->orders[1];
    else
        close(in->orders[1]);
    return rc;
}

int rn_trainer_start(struct rn_trainer *t, const struct rn_pipeline *p,
                     const struct rn_run_how *how, const struct rn_ranks *ranks, int log_fd,
                     struct rn_err *err)
{
    struct rn_run_how own = *how;
    char *device;
    *t = (struct rn_trainer){.child = {.fd = -1}, .orders = -1};
    RN_TRY(rn_ranks_device(ranks, how->device, &device, err));
    own.device = device;
    int rc = start(t, &(struct trainer){.p = p, .how = &own, .ranks = ranks}, log_fd, err);
    free(device); /* the process has its own copy */
    return rc;
}
char *rn_trainer_order_text(const struct rn_plan *plan, size_t i)
{
    const struct rn_planned *n = &plan->nodes[i];
    json_t *order =
        json_pack("{s:s, s:s, s:b, s:b, s:I, s:s}", "stage", plan->p->stages[i].name, "progress",
                  n->keys.progress, "resume", n->action == RN_ACT_RESUME, "resume_named",
                  n->resume_named && !n->begun, "resume_step", (json_int_t)n->cost.resume_step,
                  "resume_key", n->cost.resume_key ? n->cost.resume_key : "");
    char *text = rn_json_canonical(order);
    json_decref(order);
    return text;
}

/* A trainer that is gone takes no orders: its end is heard where it is listened to. */
void rn_trainer_order(struct rn_trainer *t, const char *text)
{
    if (t->orders < 0 || dprintf(t->orders, "%s\n", text) > 0)
        return;
    close(t->orders);
    t->orders = -1;
}

void rn_trainer_dismiss(struct rn_trainer *t, double patience_s)
{
    double until_s = rn_clock_s() + patience_s;
    struct rn_news news;
    int status;
    if (t->orders >= 0)
        close(t->orders);
    t->orders = -1;
    while (t->child.pid > 0 && rn_clock_s() < until_s && !rn_child_ended(&t->child, &status)) {
        while (rn_child_hears(&t->child, &news))
            continue;
        usleep(2000);
    }
    rn_child_release(&t->child);
}
