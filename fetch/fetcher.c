#include "fetcher.h"

#include "asking.h"
#include "batch.h"
#include "checked.h"
#include "file.h"
#include "mem.h"
#include "pool.h"
#include "publisher.h"
#include "str.h"
#include "transfers.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* LIVE: files on their way at once, most of them waiting for a sync. EAGER: files that could start
 * now. A file that cannot be had does not stop the others, but so many of them do. */
enum { LIVE = 512, EAGER = 16, FAILED_MAX = 16, PER_HOST = 4 };

enum state { READY, ON_WIRE, AT_WORK, BATCHED, ENDED };

/* What the first source gave when nobody vouched for it, while a second one is asked. */
struct first {
    struct rn_partial partial;
    char *payload, *host, *etag; /* owned; payload NULL: there is none */
    char sha256[RN_HEX];
    int64_t size_bytes;
    bool synced;
};

/* One file on its way. */
struct job {
    struct rn_task task; /* first: a task of the pool is its job */
    struct loop *loop;
    struct rn_fetch_file *file;
    struct rn_asking asking;
    enum state state;
    struct rn_partial partial; /* path NULL: none is open */
    char key[33];              /* of the partial */
    double started_s;
    int64_t furthest_bytes; /* of it that any attempt brought */
    struct rn_response r;
    const struct rn_sums *sums; /* the publisher's, or NULL */
    struct rn_proof proof;
    struct first first;
    struct rn_fetched got;
    bool synced; /* the payload is on the disk */
    int rc;      /* of the task */
    struct rn_err err;
    void (*then)(struct job *); /* on the loop's thread when the task is finished */
};

struct loop {
    const struct rn_fetcher *f;
    const struct rn_fetch_list *list;
    struct rn_transfers *wire;
    struct rn_pool *pool;
    struct rn_partials *partials;
    struct rn_hosts hosts;
    struct rn_publisher publisher;
    struct rn_batch batch;
    struct job *live[LIVE]; /* in the list's order */
    size_t n_live, failed, files_done;
    size_t ready; /* that wait for a place at their host */
    bool listed;  /* the list has ended */
    int rc;       /* the first failure */
    struct rn_err *err;
    int64_t done_bytes, counted_bytes;
    double counted_s, bytes_s, sent_s;
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

static void end_job(struct job *j, bool had)
{
    struct loop *l = j->loop;
    struct rn_err err = {0};
    int rc = l->list->done(l->list->ctx, j->file, had ? &j->got : NULL, &err);
    if (rc != RN_OK)
        fail(l, rc, &err);
    j->state = ENDED;
}

/* This file cannot be had; the others still can, up to a point. */
static void do_without(struct job *j, int rc, const struct rn_err *why)
{
    struct loop *l = j->loop;
    if (l->failed++ > 0)
        rn_log(l->f->log, RN_WARN, "%s", why->msg);
    fail(l, rc, why);
    end_job(j, false);
}

/* Whatever went wrong is ours: nothing more is begun. */
static void break_off(struct job *j, int rc, const struct rn_err *why)
{
    j->loop->failed = FAILED_MAX;
    fail(j->loop, rc, why);
    end_job(j, false);
}

static void release_first(struct first *first)
{
    if (first->payload) {
        unlink(first->payload); /* not there any more if it was published */
        rn_partial_drop(&first->partial);
    }
    free(first->payload);
    free(first->host);
    free(first->etag);
    *first = (struct first){0};
}

static void release_job(struct job *j)
{
    release_first(&j->first);
    rn_partial_keep(&j->partial);
    rn_proof_release(&j->proof);
    rn_response_release(&j->r);
    rn_asking_release(&j->asking);
    rn_fetched_release(&j->got);
    free(j);
}

static void give_to_pool(struct job *j, void (*work)(struct rn_task *), void (*then)(struct job *))
{
    j->state = AT_WORK;
    j->task.work = work;
    j->then = then;
    rn_pool_add(j->loop->pool, &j->task);
}

/* --- the cache --- */

/* A cached file that has its pin may still fail a check that was written after it was fetched. */
static int check_cached(struct job *j, struct rn_err *err)
{
    struct rn_finding found;
    const struct rn_fetcher *f = j->loop->f;
    RN_TRY(rn_prove_check(f->formats, j->file, j->got.path, j->got.size_bytes, &found, err));
    if (found.verdict == RN_ACCEPTED) {
        rn_checked_learn(f->cache, j->file, j->got.path);
        return RN_OK;
    }
    rn_hint(err, "its digest is pinned: correct the check, or delete the pin");
    return rn_fail(err, RN_EFETCH, RN_NOWHERE, "the pinned %s fails its check: %s: %s",
                   j->file->name, rn_verdict_id(found.verdict), found.detail);
}

static void describe_cached(struct job *j)
{
    memcpy(j->got.sha256, j->asking.pin, RN_HEX);
    j->got.size_bytes = rn_file_size(j->got.path);
    j->got.trust = j->asking.trust;
    j->got.from_cache = true;
}

static void find_cached(struct rn_task *t)
{
    struct job *j = (struct job *)t;
    j->rc = rn_cache_find(j->loop->f->cache, j->asking.pin, &j->got.path, &j->err);
    if (j->rc != RN_OK || !j->got.path)
        return;
    describe_cached(j);
    j->rc = check_cached(j, &j->err);
}

static void take_cached(struct job *j)
{
    char size[32];
    rn_log(j->loop->f->log, RN_INFO, "cached %s (%s, sha256 %.12s.., pinned by %s)", j->file->name,
           rn_show_bytes(size, (double)j->got.size_bytes), j->got.sha256,
           rn_trust_word(j->got.trust));
    j->state = BATCHED;
    rn_batch_add(&j->loop->batch,
                 &(struct rn_batch_item){.file = j->file, .got = &j->got, .tag = j});
}

static void after_finding(struct job *j)
{
    if (j->rc == RN_EFETCH) {
        j->loop->failed++;
        fail(j->loop, j->rc, &j->err);
        end_job(j, false);
    } else if (j->rc != RN_OK) {
        break_off(j, j->rc, &j->err);
    } else if (j->got.path) {
        take_cached(j);
    } else {
        j->state = READY;
    }
}

/* Known to be whole and checked by a look at its inode; what needs reading goes to the pool. */
static void look_into_cache(struct job *j)
{
    const struct rn_cache *cache = j->loop->f->cache;
    if (!*j->asking.pin)
        return;
    j->got.path = rn_cache_recall(cache, j->asking.pin);
    if (j->got.path && rn_checked(cache, j->file, j->got.path)) {
        describe_cached(j);
        take_cached(j);
        return;
    }
    rn_fetched_release(&j->got);
    if (rn_cache_has(cache, j->asking.pin))
        give_to_pool(j, find_cached, after_finding);
}

/* --- proof --- */

/* A body that was taken whole and is not the file. If its beginning came from an earlier attempt,
 * that may be to blame: the same source is asked again, for all of it. */
static void reject_body(struct job *j)
{
    struct rn_origin none = {.total_bytes = -1};
    bool patched = j->r.resumed_bytes > 0;
    if (patched)
        rn_log(j->loop->f->log, RN_WARN, "%s was continued from %s and is not right: %s; anew",
               j->file->name, j->r.host, j->r.finding.detail);
    else
        rn_asking_reject(&j->asking, &j->r, false, now_s(j->loop));
    if (j->r.finding.verdict == RN_DIGEST && *j->proof.sha256 && !patched)
        rn_asking_gave(&j->asking, j->proof.sha256);
    if (j->partial.fd < 0 && j->r.body)
        unlink(j->r.body); /* a local copy */
    if (j->proof.payload)
        unlink(j->proof.payload); /* what was taken out of it */
    rn_partial_begin(&j->partial, &none);
    j->state = READY;
}

static void publish(struct job *j, const char *payload, const char *host, const char *etag,
                    bool remote)
{
    char size[32];
    rn_log(j->loop->f->log, RN_INFO, "accepted %s from %s (%s, sha256 %.12s.., %s)", j->file->name,
           host, rn_show_bytes(size, (double)j->got.size_bytes), j->got.sha256,
           rn_trust_word(j->got.trust));
    j->state = BATCHED;
    struct rn_batch_item item = {
        .file = j->file, .got = &j->got, .payload = payload, .synced = j->synced, .tag = j};
    if (remote && !j->file->passing) {
        item.host = *host ? host : "-";
        item.etag = *etag ? etag : NULL;
    }
    rn_batch_add(&j->loop->batch, &item);
}

/* Nobody vouches for what came, but another source can be asked whether it gives the same. */
static bool wants_second(struct job *j)
{
    return !*j->asking.pin && !j->file->passing && j->proof.trust == RN_TRUST_FIRST_USE &&
           rn_source_kind(j->asking.now->source.url)->remote &&
           rn_asking_second(&j->asking, j->proof.sha256);
}

static void put_aside(struct job *j)
{
    j->first = (struct first){.partial = j->partial,
                              .payload = rn_xdup(j->proof.payload),
                              .host = rn_xdup(j->r.host),
                              .etag = rn_xdup(j->r.claims.etag),
                              .size_bytes = j->proof.got_bytes,
                              .synced = j->synced};
    memcpy(j->first.sha256, j->proof.sha256, RN_HEX);
    j->partial = (struct rn_partial){.fd = -1};
    rn_log(j->loop->f->log, RN_INFO, "%s: nobody vouches for what %s gave; asking another source",
           j->file->name, j->r.host);
    j->state = READY;
}

/* No second source gave the file: the first one is taken at its word, unless one disagrees. */
static void give_up(struct job *j)
{
    struct rn_err err = {0};
    if (!j->first.payload || rn_asking_disputed(&j->asking)) {
        int rc = rn_asking_fail(&j->asking, &err);
        do_without(j, rc, &err);
        return;
    }
    memcpy(j->got.sha256, j->first.sha256, RN_HEX);
    j->got.size_bytes = j->first.size_bytes;
    j->got.trust = RN_TRUST_FIRST_USE;
    j->synced = j->first.synced;
    publish(j, j->first.payload, j->first.host, j->first.etag, true);
}

static void after_proof(struct job *j)
{
    if (j->rc != RN_OK) {
        break_off(j, j->rc, &j->err);
        return;
    }
    if (j->r.finding.verdict != RN_ACCEPTED) {
        reject_body(j);
        rn_proof_release(&j->proof);
        return;
    }
    if (wants_second(j)) {
        put_aside(j);
        return;
    }
    memcpy(j->got.sha256, j->proof.sha256, RN_HEX);
    j->got.size_bytes = j->proof.got_bytes;
    j->got.trust = j->first.payload ? RN_TRUST_AGREED
                   : *j->asking.pin ? j->asking.trust
                                    : j->proof.trust;
    publish(j, j->proof.payload, j->r.host, j->r.claims.etag,
            rn_source_kind(j->proof.source->url)->remote);
}

/* Read-only; a large one goes to the disk now, on a thread of the pool: small ones go together. */
static int seal_payload(struct job *j)
{
    enum { LARGE = 1 << 20 };
    const char *path = j->proof.payload;
    bool whole_body = strcmp(path, j->partial.path) == 0 && j->partial.fd >= 0 &&
                      rn_source_kind(j->proof.source->url)->remote; /* a copy is a new file */
    int fd = whole_body ? j->partial.fd : open(path, O_RDONLY | O_CLOEXEC);
    int rc = RN_OK;
    j->synced = j->proof.got_bytes >= LARGE;
    if (fd < 0 || fchmod(fd, 0444) != 0)
        rc = rn_fail_errno(&j->err, RN_PATH(path), "cannot make read-only");
    else if (j->synced && rn_io.fsync(fd) != 0)
        rc = rn_fail_errno(&j->err, RN_PATH(path), "cannot sync");
    if (fd >= 0 && !whole_body)
        close(fd);
    return rc;
}

static void prove(struct rn_task *t)
{
    struct job *j = (struct job *)t;
    bool remote = rn_source_kind(j->proof.source->url)->remote;
    j->rc = remote ? rn_partial_flush(&j->partial, j->r.sha256, &j->err) : RN_OK;
    if (j->rc == RN_OK)
        j->rc = rn_prove(&j->proof, &j->err);
    if (j->rc == RN_OK && j->r.finding.verdict == RN_ACCEPTED)
        j->rc = seal_payload(j);
}

static void set_up_proof(struct job *j)
{
    rn_proof_release(&j->proof);
    j->proof = (struct rn_proof){.formats = j->loop->f->formats,
                                 .file = j->file,
                                 .source = &j->asking.now->source,
                                 .pin = *j->asking.pin ? j->asking.pin : NULL,
                                 .sums = j->sums,
                                 .lfs = j->asking.now->led ? &j->asking.now->lfs : NULL,
                                 .body = j->r.body,
                                 .r = &j->r};
}

/* --- one attempt --- */

/* How the attempt went, for whoever asks this host next. */
static void learn(struct job *j)
{
    enum rn_verdict v = j->r.finding.verdict;
    bool trouble = v == RN_TRANSIENT || v == RN_INTERCEPTED || v == RN_TRUNCATED;
    j->asking.now->host->running--;
    rn_host_learn(j->asking.now->host, j->r.size_bytes - j->r.resumed_bytes,
                  now_s(j->loop) - j->started_s, trouble);
}

static void after_transfer(struct job *j, struct rn_ended *e)
{
    enum { FURTHER_BYTES = 1 << 20 };
    struct loop *l = j->loop;
    rn_response_release(&j->r);
    j->r = e->response;
    learn(j);
    if (e->rc != RN_OK) {
        break_off(j, e->rc, &e->err);
        return;
    }
    enum rn_verdict v = j->r.finding.verdict;
    if (v == RN_ACCEPTED) {
        set_up_proof(j);
        give_to_pool(j, prove, after_proof);
        return;
    }
    bool content = j->r.body && strcmp(j->r.body, j->partial.path) == 0;
    bool further = content && j->r.size_bytes - j->furthest_bytes >= FURTHER_BYTES;
    if (further)
        j->furthest_bytes = j->r.size_bytes;
    rn_asking_reject(&j->asking, &j->r, further, now_s(l));
    if (content && v == RN_OVERSIZE)
        rn_partial_begin(&j->partial, &(struct rn_origin){.total_bytes = -1});
    else if (j->r.body && !content)
        unlink(j->r.body);
    j->state = READY;
}

static void copy_local(struct rn_task *t)
{
    struct job *j = (struct job *)t;
    const struct rn_fetcher *f = j->loop->f;
    const struct rn_source *s = &j->asking.now->source;
    struct rn_get get = {.url = s->url,
                         .path = j->partial.path,
                         .cap_bytes = rn_asking_cap(&j->asking),
                         .stopping = f->stopping,
                         .ctx = f->ctx};
    j->rc = rn_source_kind(s->url)->get(&f->from, &get, &j->r, &j->err);
    if (j->rc != RN_OK)
        return;
    if (j->r.has_body)
        j->r.body = rn_xdup(j->partial.path);
    if (j->r.finding.verdict == RN_ACCEPTED) {
        set_up_proof(j);
        prove(t);
    }
}

static void after_local(struct job *j)
{
    learn(j);
    after_proof(j);
}

static void ask_wire(struct job *j)
{
    const struct rn_source *s = &j->asking.now->source;
    struct rn_err err = {0};
    struct rn_who who = {0};
    if (j->loop->f->who)
        who = rn_who_only(j->loop->f->who, s->auth);
    struct rn_get get = {.url = s->url,
                         .who = &who,
                         .cap_bytes = rn_asking_cap(&j->asking),
                         .pinned = s->sha256 || *j->asking.pin};
    int rc = rn_transfers_start(j->loop->wire, &get, &j->partial, j, &err);
    j->state = ON_WIRE;
    if (rc != RN_OK) {
        j->asking.now->host->running--;
        break_off(j, rc, &err);
    }
}

/* What all sources of one key give is one body: a digest says so, or they are one source. */
static void name_key(const struct job *j, char key[33])
{
    const struct rn_source *s = &j->asking.now->source;
    char hex[RN_HEX];
    const char *body = s->sha256                                  ? s->sha256
                       : !s->member && !s->pack && *j->asking.pin ? j->asking.pin
                                                                  : s->url;
    char *text = rn_xprintf("%s|%s", j->file->id, body);
    rn_sha256_hex(text, strlen(text), hex);
    snprintf(key, 33, "%.32s", hex);
    free(text);
}

static void open_partial(struct rn_task *t)
{
    struct job *j = (struct job *)t;
    bool proven = j->asking.now->source.sha256 || *j->asking.pin;
    j->rc = rn_partial_open(&j->partial, j->loop->partials, j->key, proven, &j->err);
}

static void ask(struct job *j)
{
    if (j->rc != RN_OK) {
        j->asking.now->host->running--;
        break_off(j, j->rc, &j->err);
    } else if (rn_source_kind(j->asking.now->source.url)->remote) {
        ask_wire(j);
    } else {
        rn_response_release(&j->r);
        give_to_pool(j, copy_local, after_local);
    }
}

/* The source in asking.now has a free place. */
static void start(struct job *j)
{
    char key[sizeof j->key];
    const char *url = j->asking.now->source.url;
    j->asking.now->host->running++;
    j->started_s = now_s(j->loop);
    j->rc = RN_OK;
    if (!rn_source_kind(url))
        j->rc = rn_fail(&j->err, RN_ECONFIG, RN_NOWHERE, "unknown kind of source '%s'", url);
    name_key(j, key);
    bool other = !j->partial.path || strcmp(key, j->key) != 0;
    if (other && j->rc == RN_OK) {
        rn_partial_keep(&j->partial);
        memcpy(j->key, key, sizeof key);
        if (rn_partials_hold(j->loop->partials, key)) {
            give_to_pool(j, open_partial, ask);
            return;
        }
        open_partial(&j->task);
    }
    ask(j);
}

/* --- the loop --- */

static int64_t per_host(const struct loop *l, const struct rn_host *h)
{
    if (!*h->name)
        return EAGER; /* local: as many as the pool takes */
    return l->f->per_host > 0 ? l->f->per_host : PER_HOST;
}

/* Starts what may start; returns when the next one that waits may. */
static double start_ready(struct loop *l)
{
    double wake_s = INFINITY;
    l->ready = 0;
    for (size_t i = 0; i < l->n_live; i++) {
        struct job *j = l->live[i];
        if (j->state != READY)
            continue;
        enum rn_turn turn = rn_asking_next(&j->asking, now_s(l));
        if (turn == RN_GIVE_UP)
            give_up(j);
        else if (turn == RN_WAIT && j->first.payload)
            give_up(j); /* one round is enough for a second opinion */
        else if (turn == RN_WAIT)
            wake_s = fmin(wake_s, j->asking.wake_s);
        else if (j->asking.now->host->running < per_host(l, j->asking.now->host))
            start(j);
        else
            l->ready++;
    }
    return wake_s;
}

static void admit(struct loop *l, struct rn_fetch_file *file)
{
    struct job *j = rn_new(struct job);
    *j = (struct job){.loop = l, .file = file, .partial = {.fd = -1}};
    l->live[l->n_live++] = j;
    rn_asking_init(&j->asking, l->f, file, &l->hosts);
    struct rn_err err = {0};
    int rc = rn_publisher_sums(&l->publisher, l->f, file, &j->sums, &err);
    if (rc == RN_OK)
        look_into_cache(j);
    else
        do_without(j, rc, &err);
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
            admit(l, file);
            l->ready += l->live[l->n_live - 1]->state == READY;
        } else {
            l->listed = true;
        }
    }
}

static void sweep_ended(struct loop *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_live; i++)
        if (l->live[i]->state == ENDED)
            release_job(l->live[i]);
        else
            l->live[n++] = l->live[i];
    l->n_live = n;
}

static void leave_partial(struct job *j)
{
    if (j->proof.payload && j->partial.path && strcmp(j->proof.payload, j->partial.path) == 0)
        rn_partial_leave(&j->partial);
    else
        rn_partial_drop(&j->partial);
}

/* Files of a batch that is at their names now, or will never be. */
static void end_batch(struct loop *l)
{
    struct rn_err err = {0};
    int rc = rn_batch_pin(&l->batch, l->f, &err);
    for (size_t i = 0; i < l->batch.n_out; i++) {
        struct job *j = l->batch.out[i].tag;
        if (rc != RN_OK) {
            break_off(j, rc, &err);
            continue;
        }
        l->files_done++;
        l->done_bytes += j->got.size_bytes;
        leave_partial(j);
        end_job(j, true);
    }
    rn_batch_end(&l->batch);
}

/* A full batch, or one that has gathered for a while, or all there will be. */
static bool batch_is_due(struct loop *l)
{
    const double gather_s = 0.25;
    if (!rn_batch_ready(&l->batch))
        return false;
    return l->batch.n_waiting >= RN_BATCH_MAX || now_s(l) - l->sent_s >= gather_s ||
           (rn_transfers_running(l->wire) == 0 && rn_pool_under_way(l->pool) == 0);
}

static void take_finished(struct loop *l)
{
    for (struct rn_ended e; rn_transfers_next(l->wire, &e);)
        after_transfer(e.tag, &e);
    for (struct rn_task *t; (t = rn_pool_next(l->pool));) {
        if (t == &l->batch.task)
            end_batch(l);
        else
            ((struct job *)t)->then((struct job *)t);
    }
    if (batch_is_due(l)) {
        rn_batch_send(&l->batch, l->pool);
        l->sent_s = now_s(l);
    }
}

static void tell_progress(struct loop *l)
{
    const double every_s = 2;
    double t = now_s(l);
    if (!l->f->progress)
        return;
    if (t - l->counted_s >= every_s) {
        int64_t received = rn_transfers_received(l->wire);
        l->bytes_s = (double)(received - l->counted_bytes) / (t - l->counted_s);
        l->counted_bytes = received;
        l->counted_s = t;
    }
    struct rn_fetch_progress p = {.files_done = l->files_done,
                                  .done_bytes = l->done_bytes,
                                  .bytes_s = l->bytes_s,
                                  .running = rn_transfers_running(l->wire)};
    for (size_t i = 0; i < l->n_live; i++)
        p.done_bytes += l->live[i]->partial.path ? l->live[i]->partial.size_bytes : 0;
    l->f->progress(l->f->ctx, &p);
}

/* Nothing to do before wake_s unless a transfer or a task ends first. */
static void wait(struct loop *l, double wake_s)
{
    const double look_up_s = 0.05; /* for stop signals */
    double left_s = fmax(0, fmin(wake_s - now_s(l), look_up_s));
    if (rn_transfers_running(l->wire) || rn_pool_under_way(l->pool))
        rn_transfers_work(l->wire, (int)ceil(left_s * 1000));
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
        take_finished(l);
        sweep_ended(l);
        tell_progress(l);
        if (l->n_live)
            wait(l, wake_s);
        take_finished(l);
        sweep_ended(l);
    }
}

/* What is being proven or published is let finish; transfers are dropped, their bytes kept. */
static void wind_up(struct loop *l)
{
    if (rn_batch_ready(&l->batch))
        rn_batch_send(&l->batch, l->pool);
    for (struct rn_task *t; (t = rn_pool_wait(l->pool));) {
        if (t == &l->batch.task)
            end_batch(l);
        if (rn_batch_ready(&l->batch))
            rn_batch_send(&l->batch, l->pool);
    }
    rn_transfers_free(l->wire);
    rn_pool_free(l->pool);
    for (size_t i = 0; i < l->n_live; i++)
        if (l->live[i]->state != ENDED)
            end_job(l->live[i], false);
    sweep_ended(l);
    rn_batch_release(&l->batch);
    rn_partials_free(l->partials);
    rn_publisher_release(&l->publisher);
    rn_hosts_release(&l->hosts);
}

static void wake_wire(void *ctx)
{
    rn_transfers_wake(((struct loop *)ctx)->wire);
}

static int threads_for_proofs(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 2 ? 2 : cores > 8 ? 8 : (int)cores;
}

int rn_fetch_all(const struct rn_fetcher *f, const struct rn_fetch_list *list, struct rn_err *err)
{
    struct rn_transfer_rules rules = {
        .clock = f->clock, .connect_s = f->connect_s, .stall_s = f->stall_s};
    struct loop *l = rn_new(struct loop);
    *l = (struct loop){.f = f, .list = list, .err = err};
    rn_cache_sweep(f->cache);
    int rc = rn_partials_open(&l->partials, rn_cache_home(f->cache), err);
    l->wire = rn_transfers_new(&rules);
    l->pool = rn_pool_new(threads_for_proofs(), wake_wire, l);
    rn_batch_init(&l->batch, f->cache, list);
    l->counted_s = now_s(l);
    l->rc = rc;
    if (rc == RN_OK)
        work_off(l);
    wind_up(l);
    rc = l->rc;
    free(l);
    return rc;
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

void rn_fetched_release(struct rn_fetched *got)
{
    free(got->path);
    got->path = NULL;
}
