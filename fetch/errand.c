#include "errand.h"

#include "checked.h"
#include "errand_proof.h"
#include "file.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rn_errand_free(struct rn_errand *e)
{
    rn_errand_drop_first(e);
    rn_partial_keep(&e->partial);
    rn_proof_release(&e->proof);
    rn_response_release(&e->r);
    rn_asking_release(&e->asking);
    rn_fetched_release(&e->got);
    free(e->reason);
    free(e);
}

static void break_off(struct rn_errand *e, int rc, const struct rn_err *why)
{
    e->rc = rc;
    e->err = *why;
    e->state = RN_BROKEN_OFF;
}

static void give_to_pool(struct rn_errand *e, void (*work)(struct rn_task *),
                         void (*then)(struct rn_errand *))
{
    e->state = RN_AT_WORK;
    e->task.work = work;
    e->task.alone = work == rn_errand_prove && rn_partial_is_small(&e->partial);
    e->then = then;
    rn_pool_add(e->bench->pool, &e->task);
}

/* --- the cache --- */

/* A cached file that has its pin may still fail a check that was written after it was fetched. */
static int check_cached(struct rn_errand *e, struct rn_err *err)
{
    struct rn_finding found;
    const struct rn_fetcher *f = e->bench->f;
    struct rn_seen seen;
    bool looked = rn_seen_look(&seen, e->got.path);
    RN_TRY(rn_prove_check(f->formats, e->file, e->got.path, e->got.size_bytes, &found, err));
    if (found.verdict == RN_ACCEPTED) {
        if (looked)
            rn_checked_learn(f->cache, e->file, &seen);
        return RN_OK;
    }
    rn_hint(err, "its digest is pinned: correct the check, or delete the pin");
    e->reason = rn_xprintf("%s: %s", rn_verdict_id(found.verdict), found.detail);
    return rn_fail(err, RN_EFETCH, RN_NOWHERE, "the pinned %s fails its check: %s", e->file->name,
                   e->reason);
}

static void describe_cached(struct rn_errand *e, int64_t size_bytes)
{
    memcpy(e->got.sha256, e->asking.pin, RN_HEX);
    e->got.size_bytes = size_bytes;
    e->got.trust = e->asking.trust;
    e->got.from_cache = true;
}

static void find_cached(struct rn_task *t)
{
    struct rn_errand *e = (struct rn_errand *)t;
    e->rc = rn_cache_find(e->bench->f->cache, e->asking.pin, &e->got.path, &e->err);
    if (e->rc != RN_OK || !e->got.path)
        return;
    describe_cached(e, rn_file_size(e->got.path));
    e->rc = check_cached(e, &e->err);
}

static void take_cached(struct rn_errand *e)
{
    e->state = RN_BATCHED;
    rn_batch_add(&e->bench->batch,
                 &(struct rn_batch_item){.file = e->file, .got = &e->got, .tag = e});
}

static void after_finding(struct rn_errand *e)
{
    if (e->rc != RN_OK)
        e->state = e->rc == RN_EFETCH ? RN_NOT_HAD : RN_BROKEN_OFF;
    else if (e->got.path)
        take_cached(e);
    else
        e->state = RN_READY;
}

/* Known to be whole and checked by a look at its inode; what needs reading goes to the pool. */
static void look_into_cache(struct rn_errand *e)
{
    const struct rn_cache *cache = e->bench->f->cache;
    if (!*e->asking.pin)
        return;
    struct rn_seen seen;
    e->got.path = rn_cache_recall(cache, e->asking.pin, &seen);
    if (e->got.path && rn_checked(cache, e->file, &seen)) {
        describe_cached(e, (int64_t)seen.size_bytes);
        e->got.seen = seen;
        take_cached(e);
        return;
    }
    rn_fetched_release(&e->got);
    if (rn_cache_has(cache, e->asking.pin))
        give_to_pool(e, find_cached, after_finding);
}

/* --- one attempt --- */

/* How the attempt went, for whoever asks this host next. */
static void learn(struct rn_errand *e)
{
    enum rn_verdict v = e->r.finding.verdict;
    bool trouble = v == RN_TRANSIENT || v == RN_INTERCEPTED || v == RN_TRUNCATED;
    e->asking.now->host->running--;
    rn_host_learn(e->asking.now->host, e->r.size_bytes - e->r.resumed_bytes,
                  e->now_s - e->started_s, trouble);
    if (v == RN_ACCEPTED)
        rn_host_gave(e->asking.now->host, e->r.size_bytes, e->r.shared);
}

void rn_errand_received(struct rn_errand *e, struct rn_ended *ended, double now_s)
{
    enum { FURTHER_BYTES = 1 << 20 };
    e->now_s = now_s;
    rn_response_release(&e->r);
    e->r = ended->response;
    learn(e);
    if (ended->rc != RN_OK) {
        break_off(e, ended->rc, &ended->err);
        return;
    }
    enum rn_verdict v = e->r.finding.verdict;
    if (v == RN_ACCEPTED) {
        rn_errand_set_up_proof(e);
        give_to_pool(e, rn_errand_prove, rn_errand_proven);
        return;
    }
    bool content = e->r.body && strcmp(e->r.body, e->partial.path) == 0;
    bool further = content && e->r.size_bytes - e->furthest_bytes >= FURTHER_BYTES;
    if (further)
        e->furthest_bytes = e->r.size_bytes;
    rn_asking_reject(&e->asking, &e->r, further, e->now_s);
    if (content && v == RN_OVERSIZE)
        rn_partial_begin(&e->partial, &(struct rn_origin){.total_bytes = -1});
    else if (e->r.body && !content)
        unlink(e->r.body);
    e->state = RN_READY;
}

static void copy_local(struct rn_task *t)
{
    struct rn_errand *e = (struct rn_errand *)t;
    const struct rn_fetcher *f = e->bench->f;
    const struct rn_source *s = &e->asking.now->source;
    struct rn_get get = {.url = s->url,
                         .path = e->partial.path,
                         .cap_bytes = rn_asking_cap(&e->asking),
                         .stopping = f->stopping,
                         .ctx = f->ctx};
    e->rc = rn_source_kind(s->url)->get(&f->from, &get, &e->r, &e->err);
    if (e->rc != RN_OK)
        return;
    if (e->r.has_body)
        e->r.body = rn_xdup(e->partial.path);
    if (e->r.finding.verdict == RN_ACCEPTED) {
        rn_errand_set_up_proof(e);
        rn_errand_prove(t);
    }
}

static void after_local(struct rn_errand *e)
{
    learn(e);
    rn_errand_proven(e);
}

static void ask_wire(struct rn_errand *e)
{
    const struct rn_source *s = &e->asking.now->source;
    struct rn_who who = {0};
    if (e->bench->f->who)
        who = rn_who_only(e->bench->f->who, s->auth);
    struct rn_get get = {.url = s->url,
                         .who = &who,
                         .headers = s->headers,
                         .n_headers = s->n_headers,
                         .cap_bytes = rn_asking_cap(&e->asking),
                         .pinned = s->sha256 || *e->asking.pin,
                         .small = rn_host_small(e->asking.now->host, e->asking.cap_bytes)};
    e->rc = rn_transfers_start(e->bench->wire, &get, &e->partial, e, &e->err);
    e->state = RN_ON_WIRE;
    if (e->rc != RN_OK) {
        e->asking.now->host->running--;
        e->state = RN_BROKEN_OFF;
    }
}

/* What all sources of one key give is one body: a digest says so, or they are one source. */
static void name_key(const struct rn_errand *e, char key[33])
{
    const struct rn_source *s = &e->asking.now->source;
    char hex[RN_HEX];
    const char *body = s->sha256                                  ? s->sha256
                       : !s->member && !s->pack && *e->asking.pin ? e->asking.pin
                                                                  : s->url;
    char *text = rn_xprintf("%s|%s", e->file->id, body);
    rn_sha256_hex(text, strlen(text), hex);
    snprintf(key, 33, "%.32s", hex);
    free(text);
}

static void open_partial(struct rn_task *t)
{
    struct rn_errand *e = (struct rn_errand *)t;
    bool proven = e->asking.now->source.sha256 || *e->asking.pin;
    e->rc = rn_partial_open(&e->partial, e->bench->partials, e->key, proven, &e->err);
}

static void ask(struct rn_errand *e)
{
    if (e->rc != RN_OK) {
        e->asking.now->host->running--;
        e->state = RN_BROKEN_OFF;
    } else if (rn_source_is_remote(e->asking.now->source.url)) {
        ask_wire(e);
    } else {
        rn_response_release(&e->r);
        give_to_pool(e, copy_local, after_local);
    }
}

static void ask_for_object(struct rn_errand *e)
{
    const struct rn_standing *s = e->asking.now;
    e->state = RN_POINTED;
    rn_pointers_add(
        &e->bench->pointers,
        &(struct rn_pointer){
            .api_url = s->api_url, .auth = s->source.auth, .want.lfs = s->lfs, .tag = e},
        e->now_s);
}

void rn_errand_resolved(struct rn_errand *e, struct rn_lfs_want *want, double now_s)
{
    e->now_s = now_s;
    rn_asking_resolved(&e->asking, want, now_s);
    e->state = RN_READY;
}

/* The source in asking.now has a free place. */
void rn_errand_start(struct rn_errand *e, double now_s)
{
    char key[sizeof e->key];
    if (e->asking.now->unresolved) {
        e->now_s = now_s;
        ask_for_object(e);
        return;
    }
    const char *url = e->asking.now->source.url;
    e->asking.now->host->running++;
    e->started_s = e->now_s = now_s;
    e->rc = RN_OK;
    if (!rn_source_kind(url))
        e->rc = rn_fail(&e->err, RN_ECONFIG, RN_NOWHERE, "unknown kind of source '%s'", url);
    name_key(e, key);
    bool other = !e->partial.path || strcmp(key, e->key) != 0;
    if (other && e->rc == RN_OK) {
        rn_partial_keep(&e->partial);
        memcpy(e->key, key, sizeof key);
        if (rn_partials_hold(e->bench->partials, key)) {
            give_to_pool(e, open_partial, ask);
            return;
        }
        open_partial(&e->task);
    }
    ask(e);
}

/* A partial that is being opened is the pool's. */
static bool has_partial(const struct rn_errand *e)
{
    bool opening = e->state == RN_AT_WORK && e->then == ask;
    return !opening && e->partial.path;
}

int64_t rn_errand_bytes(const struct rn_errand *e)
{
    return has_partial(e) ? e->partial.size_bytes : 0;
}

int64_t rn_errand_missing_bytes(const struct rn_errand *e)
{
    int64_t total_bytes = has_partial(e) ? e->partial.origin.total_bytes : 0;
    int64_t there_bytes = total_bytes > 0 ? rn_file_size(e->partial.path) : 0;
    return total_bytes > there_bytes ? total_bytes - (there_bytes < 0 ? 0 : there_bytes) : 0;
}

/* --- what comes back --- */

enum rn_turn rn_errand_turn(struct rn_errand *e, double now_s)
{
    RN_ASSERT(e->state == RN_READY);
    e->now_s = now_s;
    enum rn_turn turn = rn_asking_next(&e->asking, now_s);
    if (turn == RN_WAIT && e->first.payload)
        turn = RN_GIVE_UP; /* one round is enough for a second opinion */
    if (turn == RN_GIVE_UP)
        rn_errand_give_up(e);
    return turn;
}

void rn_errand_worked(struct rn_task *task, double now_s)
{
    struct rn_errand *e = (struct rn_errand *)task;
    e->now_s = now_s;
    e->then(e);
}

void rn_errand_published(struct rn_errand *e, int rc, const struct rn_err *err)
{
    if (rc != RN_OK) {
        break_off(e, rc, err);
        return;
    }
    bool moved =
        e->proof.payload && e->partial.path && strcmp(e->proof.payload, e->partial.path) == 0;
    if (moved)
        rn_partial_leave(&e->partial);
    else
        rn_partial_drop(&e->partial);
    e->state = RN_HAD;
}

struct rn_errand *rn_errand_new(struct rn_bench *bench, struct rn_fetch_file *file, double now_s)
{
    struct rn_errand *e = rn_new(struct rn_errand);
    *e = (struct rn_errand){.bench = bench, .file = file, .partial = {.fd = -1}, .now_s = now_s};
    rn_asking_init(&e->asking, bench->f, file, &bench->hosts, &bench->alike);
    e->rc = rn_publisher_sums(&bench->publisher, bench->f, file, &e->sums, &e->err);
    if (e->rc == RN_OK) {
        look_into_cache(e);
    } else {
        e->reason = rn_xdup(e->err.msg); /* the list's */
        e->state = RN_NOT_HAD;
    }
    return e;
}
