#include "fetcher.h"

#include "errand.h"
#include "health.h"
#include "machine.h"
#include "mem.h"
#include "pool.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* LIVE: files on their way at once, most of them waiting for a sync. EAGER: files that could start
 * now. A file that cannot be had does not stop the others, but so many of them do. SHARE: small
 * files on their way at once for each connection that a host allows: the more of them one look at
 * the wire finds, the fewer looks and wake-ups it takes; servers allow 100 and more. */
enum { LIVE = 2048, EAGER = 16, FAILED_MAX = 16, PER_HOST = 4, SHARE = 16 };
static const double GATHER_S = 0.25; /* as long do files wait for others, to be synced and pinned */

struct loop {
    const struct rn_fetcher *f;
    const struct rn_fetch_list *list;
    struct rn_bench bench;
    struct rn_errand *live[LIVE]; /* in the list's order */
    size_t n_live, failed, files_done;
    size_t n_not_had;     /* of those that failed: nothing of ours broke */
    bool first_is_a_file; /* `rc` is about one of them */
    size_t ready;         /* that wait for a place at their host */
    size_t over;          /* live ones whose end was reached */
    bool listed;          /* the list has ended */
    int rc;               /* the first failure */
    struct rn_err *err;
    int64_t done_bytes, counted_bytes;
    double counted_s, told_s, bytes_s, sent_s, settled_s;
};

static double now_s(const struct loop *l)
{
    return rn_now_s(l->f->clock);
}

static bool is_stopping(const struct loop *l)
{
    return l->f->stopping && l->f->stopping(l->f->ctx);
}

static void fail(struct loop *l, int rc, const struct rn_err *why)
{
    if (l->rc != RN_OK)
        return;
    l->rc = rc;
    if (l->err)
        *l->err = *why;
}

/* --- the end of a file --- */

static void give_back(struct loop *l, struct rn_errand *e)
{
    struct rn_err err = {0};
    bool had = e->state == RN_HAD;
    int rc = l->list->done(l->list->ctx, e->file, had ? &e->got : NULL, &err);
    if (rc != RN_OK)
        fail(l, rc, &err);
    rn_errand_free(e);
}

/* The disk filled up meanwhile: by how much it is too small, as far as that is known. */
static void tell_missing(const struct loop *l, struct rn_err *err)
{
    char missing[32], there[32];
    int64_t bytes = 0, free_bytes = rn_disk_free(rn_cache_home(l->f->cache));
    for (size_t i = 0; i < l->n_live; i++)
        bytes += rn_errand_missing_bytes(l->live[i]);
    if (bytes > 0 && free_bytes >= 0)
        rn_hint(err,
                "%s more are needed for the files on their way, %s are free: %s, run again, and it "
                "goes on from there",
                rn_show_bytes(missing, (double)bytes), rn_show_bytes(there, (double)free_bytes),
                free_bytes > bytes ? "look for a quota or a limit of file sizes (ulimit -f)"
                                   : "make room");
    else
        rn_hint(err, "make room, run again, and it goes on from there");
}

static void tell_not_had(struct loop *l, const struct rn_errand *e)
{
    rn_alike_tell(&l->bench.alike, &(struct rn_saying){RN_WARN, "not had", e->reason, now_s(l)},
                  "%s", e->err.msg);
}

static void end_errand(struct loop *l, struct rn_errand *e)
{
    if (e->state != RN_HAD && e->rc != RN_ESTOPPED && l->list->failed)
        l->list->failed(l->list->ctx, e->file, &e->err);
    if (e->state == RN_HAD) {
        l->files_done++;
        l->done_bytes += e->got.size_bytes;
    } else if (e->state == RN_BROKEN_OFF) {
        l->failed = FAILED_MAX;
        if (e->rc == RN_ENOSPACE)
            tell_missing(l, &e->err);
        fail(l, e->rc, &e->err);
    } else {
        l->failed++;
        l->first_is_a_file |= l->rc == RN_OK;
        if (l->n_not_had++ > 0)
            tell_not_had(l, e);
        fail(l, e->rc, &e->err);
    }
    give_back(l, e);
}

/* After whatever an errand did. */
static void note_end(struct loop *l, const struct rn_errand *e)
{
    l->over += e->state >= RN_HAD;
}

static void sweep_ended(struct loop *l)
{
    size_t n = 0, had = 0;
    if (l->over == 0)
        return;
    l->over = 0;
    for (size_t i = 0; i < l->n_live; i++)
        had += l->live[i]->state == RN_HAD;
    for (size_t i = 0; i < l->n_live; i++)
        if (l->live[i]->state >= RN_HAD) {
            had -= l->live[i]->state == RN_HAD;
            l->live[i]->got.more = had > 0;
            end_errand(l, l->live[i]);
        } else {
            l->live[n++] = l->live[i];
        }
    l->n_live = n;
}

/* --- whose turn it is --- */

static int64_t per_host(const struct loop *l, const struct rn_host *h)
{
    if (!*h->name)
        return EAGER; /* local: as many as the pool takes */
    bool share = h->shares && rn_host_small(h, -1);
    return (l->f->per_host > 0 ? l->f->per_host : PER_HOST) * (share ? SHARE : 1);
}

/* Starts what may start; returns when the next one that waits may. */
static double start_ready(struct loop *l)
{
    double wake_s = INFINITY;
    l->ready = 0;
    for (size_t i = 0; i < l->n_live; i++) {
        struct rn_errand *e = l->live[i];
        if (e->state != RN_READY)
            continue;
        enum rn_turn turn = rn_errand_turn(e, now_s(l));
        if (turn == RN_WAIT)
            wake_s = fmin(wake_s, e->asking.wake_s);
        else if (turn == RN_ASK && e->asking.now->host->running >= per_host(l, e->asking.now->host))
            l->ready++;
        else if (turn == RN_ASK)
            rn_errand_start(e, now_s(l));
        note_end(l, e);
    }
    return wake_s;
}

/* After everything that may start was started. */
static void ask_for_objects(struct loop *l)
{
    const struct rn_bench *b = &l->bench;
    bool idle = l->ready == 0 && rn_transfers_running(b->wire) == 0 &&
                rn_pool_under_way(b->pool) == 0; /* nothing could lead to more pointers */
    if (rn_pointers_due(&b->pointers, idle, now_s(l)))
        rn_pointers_send(&l->bench.pointers, l->f, b->pool);
}

static void admit_more(struct loop *l)
{
    struct rn_err err = {0};
    while (!l->listed && l->failed < FAILED_MAX && l->n_live < LIVE && l->ready < EAGER) {
        struct rn_fetch_file *file = NULL;
        int rc = l->list->next(l->list->ctx, &file, &err);
        if (rc != RN_OK) {
            fail(l, rc, &err);
            l->failed = FAILED_MAX;
        } else if (file) {
            struct rn_errand *e = rn_errand_new(&l->bench, file, now_s(l));
            l->live[l->n_live++] = e;
            l->ready += e->state == RN_READY;
            note_end(l, e);
        } else {
            l->listed = true;
        }
    }
}

/* --- what has come --- */

static void end_files(struct loop *l, const struct rn_batch_end *end)
{
    for (size_t i = 0; i < end->n; i++) {
        rn_errand_published(end->items[i].tag, end->rc, end->err);
        note_end(l, end->items[i].tag);
    }
}

static void take_objects(struct loop *l)
{
    struct rn_pointers *p = &l->bench.pointers;
    for (size_t i = 0; i < p->n_out; i++)
        rn_errand_resolved(p->out[i].tag, &p->out[i].want, now_s(l));
    rn_pointers_end(p);
}

/* A large batch, or one that has gathered for a while, or towards the end half of what is left: so
 * that little is left to do after the last byte. */
static bool batch_is_due(const struct loop *l)
{
    if (!rn_batch_ready(&l->bench.batch))
        return false;
    size_t n = l->bench.batch.n_waiting;
    bool half = l->listed && 2 * n >= l->n_live - rn_batch_under_way(&l->bench.batch);
    return n >= RN_BATCH_MANY || half || now_s(l) - l->sent_s >= GATHER_S;
}

static void send_batch(struct loop *l)
{
    rn_batch_send(&l->bench.batch, l->bench.pool, l->f->log);
    l->sent_s = now_s(l);
}

/* At once where nothing else comes: else so seldom that the lock, which is written whole each time,
 * costs little, and before what waits for it leaves no room for others. */
static bool settling_is_due(const struct loop *l)
{
    const struct rn_batch *b = &l->bench.batch;
    size_t n = rn_batch_unsettled(b);
    return n > 0 && (n >= LIVE / 2 || rn_batch_all_named(b) || now_s(l) - l->settled_s >= GATHER_S);
}

static void settle_batch(struct loop *l)
{
    rn_batch_settle(&l->bench.batch, l->bench.pool);
    l->settled_s = now_s(l);
}

static void take_finished(struct loop *l)
{
    for (struct rn_ended e; rn_transfers_next(l->bench.wire, &e);) {
        rn_errand_received(e.tag, &e, now_s(l));
        note_end(l, e.tag);
    }
    struct rn_batch_end end;
    for (struct rn_task *t; (t = rn_pool_next(l->bench.pool));) {
        if (rn_batch_returned(&l->bench.batch, t, &end)) {
            end_files(l, &end);
        } else if (t == &l->bench.pointers.task) {
            take_objects(l);
        } else {
            rn_errand_worked(t, now_s(l));
            note_end(l, (const struct rn_errand *)t);
        }
    }
    if (batch_is_due(l))
        send_batch(l);
    if (settling_is_due(l))
        settle_batch(l);
    sweep_ended(l);
}

static void tell_progress(struct loop *l)
{
    const double every_s = 2, tell_every_s = 0.02;
    double t = now_s(l);
    if (!l->f->progress || t - l->told_s < tell_every_s)
        return;
    l->told_s = t;
    if (t - l->counted_s >= every_s) {
        int64_t received = rn_transfers_received(l->bench.wire);
        l->bytes_s = (double)(received - l->counted_bytes) / (t - l->counted_s);
        l->counted_bytes = received;
        l->counted_s = t;
    }
    struct rn_fetch_progress p = {.files_done = l->files_done,
                                  .done_bytes = l->done_bytes,
                                  .bytes_s = l->bytes_s,
                                  .running = rn_transfers_running(l->bench.wire)};
    for (size_t i = 0; i < l->n_live; i++)
        p.done_bytes += rn_errand_bytes(l->live[i]);
    l->f->progress(l->f->ctx, &p);
}

/* Nothing to do before wake_s unless a transfer or a task ends first. */
static void wait(struct loop *l, double wake_s)
{
    const double look_up_s = 0.05; /* for stop signals */
    double left_s = fmax(0, fmin(wake_s - now_s(l), look_up_s));
    if (rn_transfers_running(l->bench.wire) || rn_pool_under_way(l->bench.pool))
        rn_transfers_work(l->bench.wire, (int)ceil(left_s * 1000));
    else if (left_s > 0)
        rn_sleep_s(l->f->clock, left_s);
}

static void work_off(struct loop *l)
{
    while (l->failed < FAILED_MAX && (l->n_live || !l->listed)) {
        if (is_stopping(l)) {
            struct rn_err err = {0};
            fail(l, rn_fail(&err, RN_ESTOPPED, RN_NOWHERE, "asked to stop while fetching"), &err);
            break;
        }
        admit_more(l);
        double wake_s = start_ready(l);
        ask_for_objects(l);
        take_finished(l);
        tell_progress(l);
        rn_alike_tick(&l->bench.alike, now_s(l));
        if (l->n_live)
            wait(l, wake_s);
        take_finished(l);
    }
}

/* What is being proven or published is let finish; transfers are dropped, their bytes kept. */
static void wind_up(struct loop *l)
{
    struct rn_bench *b = &l->bench;
    struct rn_batch_end end;
    struct rn_task *t = NULL;
    do {
        if (t && rn_batch_returned(&b->batch, t, &end))
            end_files(l, &end);
        if (rn_batch_ready(&b->batch))
            send_batch(l);
        if (rn_batch_unsettled(&b->batch) && rn_batch_all_named(&b->batch))
            settle_batch(l);
    } while ((t = rn_pool_wait(b->pool)));
    rn_transfers_free(b->wire);
    rn_pool_free(b->pool);
    sweep_ended(l);
    for (size_t i = 0; i < l->n_live; i++)
        give_back(l, l->live[i]);
    rn_alike_release(&b->alike);
    rn_batch_release(&b->batch);
    rn_pointers_release(&b->pointers);
    rn_partials_free(b->partials);
    rn_publisher_release(&b->publisher);
    rn_health_save(&b->hosts, rn_cache_home(l->f->cache));
    rn_hosts_release(&b->hosts);
}

static void wake_wire(void *ctx)
{
    rn_transfers_wake(ctx);
}

static int threads_for_proofs(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 3 ? 3 : cores > 8 ? 8 : (int)cores; /* two may wait for syncs */
}

static int set_up(struct loop *l, struct rn_err *err)
{
    struct rn_bench *b = &l->bench;
    const struct rn_fetcher *f = l->f;
    struct rn_transfer_rules rules = {
        .clock = f->clock, .connect_s = f->connect_s, .stall_s = f->stall_s};
    b->f = f;
    b->publisher.fetch = rn_fetch_file;
    b->alike.log = f->log;
    rn_cache_sweep(f->cache);
    int rc = rn_partials_open(&b->partials, rn_cache_home(f->cache), err);
    b->wire = rn_transfers_new(&rules);
    b->pool = rn_pool_new(threads_for_proofs(), wake_wire, b->wire);
    rn_health_recall(&b->hosts, rn_cache_home(f->cache));
    rn_batch_init(&b->batch, f->cache, l->list, f->locked ? NULL : f->lock);
    return rc;
}

/* The error is that of one file: a user who mends that one alone would be back at once. */
static void tell_how_many(const struct loop *l)
{
    if (l->first_is_a_file && l->n_not_had > 1)
        rn_while(l->err, "%zu files cannot be had%s; the first of them", l->n_not_had,
                 l->listed && l->n_live == 0 ? "" : " and the rest was not waited for");
}

int rn_fetch_all(const struct rn_fetcher *f, const struct rn_fetch_list *list, struct rn_err *err)
{
    struct loop *l = rn_new(struct loop);
    *l = (struct loop){.f = f, .list = list, .err = err};
    l->rc = set_up(l, err);
    l->counted_s = l->sent_s = l->settled_s = now_s(l);
    if (l->rc == RN_OK)
        work_off(l);
    wind_up(l);
    tell_how_many(l);
    int rc = l->rc;
    free(l);
    return rc;
}

int rn_fetch_need(const struct rn_fetcher *f, const struct rn_fetch_file *file, struct rn_err *err)
{
    enum rn_trust trust;
    struct rn_err missing = {0};
    if (rn_prove_need(file, &missing) == RN_OK)
        return RN_OK;
    const char *digest = rn_fetch_pin(f->lock, file, &trust);
    return digest && rn_cache_has(f->cache, digest) ? RN_OK : rn_fail_as(err, &missing);
}

/* --- one file alone --- */

struct single {
    const struct rn_fetch_file *file;
    bool given;
    struct rn_fetched *got;
};

static int next_single(void *ctx, struct rn_fetch_file **file, struct rn_err *err)
{
    struct single *s = ctx;
    (void)err;
    *file = s->given ? NULL : (struct rn_fetch_file *)s->file;
    s->given = true;
    return RN_OK;
}

static int done_single(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                       struct rn_err *err)
{
    struct single *s = ctx;
    (void)file;
    (void)err;
    if (got) {
        *s->got = *got;
        got->path = NULL;
    }
    return RN_OK;
}

int rn_fetch_file(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                  struct rn_fetched *got, struct rn_err *err)
{
    struct single s = {.file = file, .got = got};
    struct rn_fetch_list list = {.next = next_single, .done = done_single, .ctx = &s};
    *got = (struct rn_fetched){0};
    int rc = rn_fetch_all(f, &list, err);
    if (rc != RN_OK)
        rn_fetched_release(got);
    return rc;
}
