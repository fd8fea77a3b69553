#include "fetcher.h"

#include "file.h"
#include "mem.h"
#include "quarantine.h"
#include "rng.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An endless body ends here when nothing says how large the file is. */
#define UNKNOWN_CAP_BYTES ((int64_t)64 << 30)

/* How one source fared; what the final message is made of. */
struct standing {
    bool out;
    char told[512]; /* "host: verdict: detail" */
};

struct attempt {
    const struct rn_fetcher *f;
    const struct rn_fetch_file *file;
    const struct rn_source *source;
    int64_t cap_bytes; /* no body of this file can be larger, or -1 */
    char *dir, *body;  /* private; body as sent */
    struct rn_response r;
    struct rn_proof proof;
};

static bool accepted(const struct attempt *a)
{
    return a->r.finding.verdict == RN_ACCEPTED;
}

/* --- one attempt --- */

static int64_t body_cap(const struct attempt *a)
{
    if (a->source->member)
        return UNKNOWN_CAP_BYTES;
    if (a->cap_bytes >= 0)
        return a->cap_bytes;
    return a->file->expect.max_size >= 0 ? a->file->expect.max_size : UNKNOWN_CAP_BYTES;
}

static int transfer(struct attempt *a, struct rn_err *err)
{
    const struct rn_fetcher *f = a->f;
    struct rn_get get = {.url = a->source->url,
                         .path = a->body,
                         .cap_bytes = body_cap(a),
                         .pinned = a->source->sha256 || a->proof.pin,
                         .connect_s = f->connect_s,
                         .stall_s = f->stall_s,
                         .stopping = f->stopping,
                         .progress = f->progress,
                         .ctx = f->ctx};
    const struct rn_source_kind *kind = rn_source_kind(get.url);
    if (!kind)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown kind of source '%s'", get.url);
    return kind->get(&f->from, &get, &a->r, err);
}

static int prove(struct attempt *a, struct rn_err *err)
{
    RN_TRY(transfer(a, err));
    return accepted(a) ? rn_prove(&a->proof, err) : RN_OK;
}

static void tell_rejected(const struct attempt *a, struct standing *s)
{
    char head[64], text[256], size[32];
    size_t n = a->r.has_body ? rn_file_head(a->body, head, sizeof head) : 0;
    const char *id = rn_verdict_id(a->r.finding.verdict);
    snprintf(s->told, sizeof s->told, "%s: %s: %s", a->r.host, id, a->r.finding.detail);
    if (n == 0)
        rn_log(a->f->log, RN_WARN, "rejected %s from %s: %s: %s", a->file->name, a->r.host, id,
               a->r.finding.detail);
    else if (a->r.size_bytes < 10000)
        rn_log(a->f->log, RN_WARN, "rejected %s from %s: %s: %s, %lld bytes, %s", a->file->name,
               a->r.host, id, a->r.finding.detail, (long long)a->r.size_bytes,
               rn_show_text(text, head, n));
    else
        rn_log(a->f->log, RN_WARN, "rejected %s from %s: %s: %s, %s, %s", a->file->name, a->r.host,
               id, a->r.finding.detail, rn_show_bytes(size, (double)a->r.size_bytes),
               rn_show_text(text, head, n));
    if (n > 0)
        rn_quarantine(a->f->quarantine_dir, a->file->name, a->source->url, &a->r, a->body,
                      a->f->log);
}

/* Pins what came from afar. A lock that may not grow was asked before (strike_remote). */
static int pin_it(const struct attempt *a, enum rn_trust trust, struct rn_err *err)
{
    const struct rn_pin *old = rn_pins_find(a->f->lock, a->file->id);
    if (!rn_source_kind(a->source->url)->remote || a->f->locked ||
        (old && strcmp(old->sha256, a->proof.sha256) == 0))
        return RN_OK;
    struct rn_pin pin = {.id = a->file->id,
                         .size_bytes = a->proof.got_bytes,
                         .trust = trust,
                         .host = a->r.host[0] ? a->r.host : "-"};
    memcpy(pin.sha256, a->proof.sha256, RN_HEX);
    return rn_pins_add(a->f->lock, &pin, err);
}

static int accept(const struct attempt *a, enum rn_trust trust, struct rn_fetched *got,
                  struct rn_err *err)
{
    char size[32];
    RN_TRY(rn_cache_put(a->f->cache, a->proof.sha256, a->proof.payload, &got->path, err));
    RN_TRY(pin_it(a, trust, err));
    memcpy(got->sha256, a->proof.sha256, RN_HEX);
    got->size_bytes = a->proof.got_bytes;
    got->trust = trust;
    rn_log(a->f->log, RN_INFO, "accepted %s from %s (%s, sha256 %.12s..)", a->file->name, a->r.host,
           rn_show_bytes(size, (double)a->proof.got_bytes), a->proof.sha256);
    return RN_OK;
}

/* RN_OK with got->path set: done; with got->path NULL: rejected, and s says why. */
static int try_source(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      const struct rn_source *source, struct standing *s, double *retry_after_s,
                      struct rn_fetched *got, struct rn_err *err)
{
    struct attempt a = {.f = f, .file = file, .source = source};
    enum rn_trust trust;
    const char *pin = rn_fetch_pin(f->lock, file, &trust);
    a.cap_bytes = trust == RN_TRUST_LOCK && file->size_bytes < 0
                      ? rn_pins_find(f->lock, file->id)->size_bytes
                      : file->size_bytes;
    RN_TRY(rn_cache_attempt(f->cache, &a.dir, err));
    a.body = rn_join(a.dir, "body");
    a.proof = (struct rn_proof){.formats = f->formats,
                                .file = file,
                                .source = source,
                                .pin = pin,
                                .body = a.body,
                                .dir = a.dir,
                                .r = &a.r};
    int rc = prove(&a, err);
    if (rc == RN_OK && accepted(&a)) {
        rc = accept(&a, trust, got, err);
    } else if (rc == RN_OK) {
        tell_rejected(&a, s);
        s->out = !rn_verdict_again(a.r.finding.verdict);
        *retry_after_s = fmax(*retry_after_s, a.r.retry_after_s);
    }
    rn_remove_tree(a.dir, NULL);
    rn_proof_release(&a.proof);
    free(a.body);
    free(a.dir);
    return rc;
}

/* --- rounds --- */

static bool is_stopping(const struct rn_fetcher *f)
{
    return f->stopping && f->stopping(f->ctx);
}

/* The pause before round `round` (1: the second), with jitter so that many clients spread out. */
static int pause_before(const struct rn_fetcher *f, const char *id, int64_t round,
                        double retry_after_s, struct rn_err *err)
{
    enum { LONGEST_PAUSE_S = 60, LONGEST_RETRY_AFTER_S = 600 };
    double jitter = 0.5 + rn_rand_unit(rn_stream((uint64_t)getpid(), id), (uint64_t)round);
    double wait_s = fmin(LONGEST_PAUSE_S, f->pause_s * pow(2, (double)round - 1)) * jitter;
    wait_s = fmax(wait_s, fmin(retry_after_s, LONGEST_RETRY_AFTER_S));
    rn_log(f->log, RN_INFO, "trying again in %.1f s", wait_s);
    for (double end_s = rn_clock_s() + wait_s; rn_clock_s() < end_s;) {
        if (is_stopping(f))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "asked to stop between two attempts");
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return RN_OK;
}

static int one_round(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                     struct standing *standings, double *retry_after_s, struct rn_fetched *got,
                     struct rn_err *err)
{
    for (size_t i = 0; i < file->n_sources && !got->path; i++) {
        if (standings[i].out)
            continue;
        if (is_stopping(f))
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "asked to stop while fetching");
        RN_TRY(try_source(f, file, &file->sources[i], &standings[i], retry_after_s, got, err));
    }
    return RN_OK;
}

static bool may_not_pin(const struct rn_fetcher *f, const struct rn_fetch_file *file)
{
    enum rn_trust trust;
    return f->locked && !rn_fetch_pin(f->lock, file, &trust);
}

/* Strikes out what --offline and --locked forbid to ask; the number struck. */
static size_t strike_remote(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                            struct standing *standings)
{
    size_t struck = 0;
    bool forbidden = f->offline || may_not_pin(f, file);
    for (size_t i = 0; i < file->n_sources && forbidden; i++) {
        const struct rn_source_kind *kind = rn_source_kind(file->sources[i].url);
        if (!kind || !kind->remote)
            continue;
        standings[i].out = true;
        struck++;
    }
    return struck;
}

static size_t count_alive(const struct rn_fetch_file *file, const struct standing *standings)
{
    size_t alive = 0;
    for (size_t i = 0; i < file->n_sources; i++)
        alive += !standings[i].out;
    return alive;
}

static int all_bad(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                   const struct standing *standings, struct rn_err *err)
{
    struct rn_str list = {0};
    for (size_t i = 0; i < file->n_sources; i++)
        rn_str_printf(&list, "%s%s", i ? "; " : "", standings[i].told);
    int rc = rn_fail(err, RN_EFETCH, RN_NOWHERE, "no source gave acceptable bytes for %s: %s",
                     file->name, list.p ? list.p : "there are none");
    rn_str_release(&list);
    if (rn_exists(f->quarantine_dir))
        rn_hint(err, "what came instead is kept in %s", f->quarantine_dir);
    return rc;
}

static int from_sources(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                        struct standing *standings, struct rn_fetched *got, struct rn_err *err)
{
    size_t struck = strike_remote(f, file, standings);
    for (int64_t round = 0; count_alive(file, standings) && round <= f->retries; round++) {
        double retry_after_s = 0;
        RN_TRY(one_round(f, file, standings, &retry_after_s, got, err));
        if (got->path)
            return RN_OK;
        if (count_alive(file, standings) && round < f->retries)
            RN_TRY(pause_before(f, file->id, round + 1, retry_after_s, err));
    }
    if (!struck)
        return all_bad(f, file, standings, err);
    if (!f->offline) {
        rn_hint(err, "run once without --locked, look at the new line, and keep it");
        return rn_fail(err, RN_ECONFIG, RN_PATH(f->lock->path),
                       "%s is not pinned and --locked forbids adding it", file->id);
    }
    return rn_fail(err, RN_EOFFLINE, RN_NOWHERE,
                   "%s is not in the cache and --offline forbids fetching it", file->name);
}

/* --- the cache --- */

/* A cached file that has its pin may still fail a check that was written after it was fetched. */
static int check_cached(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                        const struct rn_fetched *got, struct rn_err *err)
{
    struct rn_finding found;
    RN_TRY(rn_prove_check(f->formats, file, got->path, got->size_bytes, &found, err));
    if (found.verdict == RN_ACCEPTED)
        return RN_OK;
    rn_hint(err, "its digest is pinned: correct the check, or delete the pin");
    return rn_fail(err, RN_EFETCH, RN_NOWHERE, "the pinned %s fails its check: %s: %s", file->name,
                   rn_verdict_id(found.verdict), found.detail);
}

static int from_cache(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      struct rn_fetched *got, struct rn_err *err)
{
    char size[32];
    const char *pin = rn_fetch_pin(f->lock, file, &got->trust);
    if (!pin)
        return RN_OK;
    RN_TRY(rn_cache_find(f->cache, pin, &got->path, err));
    if (!got->path)
        return RN_OK;
    memcpy(got->sha256, pin, RN_HEX);
    got->size_bytes = rn_file_size(got->path);
    got->from_cache = true;
    RN_TRY(check_cached(f, file, got, err));
    rn_log(f->log, RN_INFO, "cached %s (%s, sha256 %.12s.., pinned by %s)", file->name,
           rn_show_bytes(size, (double)got->size_bytes), pin, rn_trust_word(got->trust));
    return RN_OK;
}

int rn_fetch_file(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                  struct rn_fetched *got, struct rn_err *err)
{
    *got = (struct rn_fetched){0};
    int rc = from_cache(f, file, got, err);
    if (rc == RN_OK && !got->path) {
        struct standing *standings = rn_xalloc((file->n_sources + 1) * sizeof *standings);
        rc = from_sources(f, file, standings, got, err);
        free(standings);
    }
    if (rc != RN_OK)
        rn_fetched_release(got);
    return rc;
}

void rn_fetched_release(struct rn_fetched *got)
{
    free(got->path);
    got->path = NULL;
}
