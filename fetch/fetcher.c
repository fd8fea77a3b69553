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
    const char *pin;     /* digest the payload must have, or NULL */
    int64_t size_bytes;  /* it must have, or -1 */
    int64_t cap_bytes;   /* no body of this file can be larger, or -1 */
    char *dir, *body;    /* private; body as sent */
    char *payload;       /* body, or what was taken out of it */
    char sha256[RN_HEX]; /* of the payload */
    int64_t got_bytes;   /* of the payload */
    struct rn_response r;
};

/* --- proof --- */

static const struct rn_format *format_named(const struct rn_format *formats, const char *name)
{
    for (; formats && formats->name; formats++)
        if (strcmp(formats->name, name) == 0)
            return formats;
    return NULL;
}

bool rn_format_known(const struct rn_format *formats, const char *name)
{
    return strcmp(name, "zip") == 0 || format_named(formats, name);
}

const char *rn_fetch_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                         enum rn_trust *trust)
{
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    *trust = file->sha256 ? RN_TRUST_YAML : pin ? RN_TRUST_LOCK : RN_TRUST_FIRST_USE;
    return file->sha256 ? file->sha256 : pin ? pin->sha256 : NULL;
}

static bool judge_looks(const char *path, int64_t size_bytes, const char *format, long status,
                        struct rn_finding *found)
{
    char *head = rn_xalloc(RN_ERROR_BODY);
    size_t n = rn_file_head(path, head, RN_ERROR_BODY);
    bool good = rn_judge_bytes(head, n, size_bytes, format, status, found);
    free(head);
    return good;
}

static bool digest_differs(const char *path, const char *expected, const char *actual,
                           int64_t size_bytes, struct rn_finding *found)
{
    char head[16], hex[128];
    size_t n = rn_file_head(path, head, sizeof head);
    return rn_find(found, RN_DIGEST, "sha256 %.12s.., pinned %.12s.., %lld bytes, begins %s",
                   actual, expected, (long long)size_bytes, rn_show_hex(hex, head, n));
}

/* The body as it was sent: is it what this url is said to give? */
static bool judge_body(struct attempt *a)
{
    const struct rn_source *s = a->source;
    struct rn_finding *found = &a->r.finding;
    if (s->sha256 && strcmp(s->sha256, a->r.sha256) == 0)
        return true;
    if (s->sha256 || s->member)
        if (!judge_looks(a->body, a->r.size_bytes, "zip", a->r.status, found))
            return false;
    if (s->sha256)
        return digest_differs(a->body, s->sha256, a->r.sha256, a->r.size_bytes, found);
    return !s->member || rn_judge_ending(a->body, "zip", found);
}

/* Turns "the bytes are bad" of a checker into a finding; other failures are ours. */
static int as_finding(int rc, struct rn_err *why, struct rn_finding *found, struct rn_err *err)
{
    if (rc == RN_OK)
        return RN_OK;
    if (rc != RN_ECORRUPT) {
        if (err)
            *err = *why;
        return rc;
    }
    if (why->at.line > 0)
        rn_find(found, RN_MALFORMED, "line %d: %s", why->at.line, why->msg);
    else
        rn_find(found, RN_MALFORMED, "%s", why->msg);
    return RN_OK;
}

static int take_payload(struct attempt *a, struct rn_err *err)
{
    if (!a->source->member) {
        a->payload = rn_xdup(a->body);
        memcpy(a->sha256, a->r.sha256, RN_HEX);
        a->got_bytes = a->r.size_bytes;
        return RN_OK;
    }
    struct rn_err why = {0};
    a->payload = rn_join(a->dir, "payload");
    int rc = rn_zip_member(a->body, a->source->member, a->payload, a->file->expect.max_size,
                           a->sha256, &a->got_bytes, &why);
    return as_finding(rc, &why, &a->r.finding, err);
}

static bool judge_size(const struct attempt *a, struct rn_finding *found)
{
    const struct rn_expect *e = &a->file->expect;
    long long got = a->got_bytes, want = a->size_bytes;
    if (want >= 0 && got < want)
        return rn_find(found, RN_TRUNCATED, "%lld of %lld bytes", got, want);
    if (want >= 0 && got > want)
        return rn_find(found, RN_OVERSIZE, "%lld bytes, expected %lld", got, want);
    if (e->max_size >= 0 && got > e->max_size)
        return rn_find(found, RN_OVERSIZE, "%lld bytes, at most %lld", got, (long long)e->max_size);
    if (e->min_size >= 0 && got < e->min_size)
        return rn_find(found, RN_MALFORMED, "%lld bytes, at least %lld", got,
                       (long long)e->min_size);
    return true;
}

/* The declared format, and the archive's rules. */
static int judge_format(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                        const char *path, struct rn_finding *found, struct rn_err *err)
{
    struct rn_err why = {0};
    const char *name = file->expect.format;
    const struct rn_format *format = name ? format_named(f->formats, name) : NULL;
    if (name && !rn_format_known(f->formats, name))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown format '%s'", name);
    int rc = RN_OK;
    if (format)
        rc = format->check(path, &file->expect, &why);
    else if (name && !file->unpack)
        rc = rn_zip_check(path, NULL, &why);
    if (rc == RN_OK && file->unpack)
        rc = rn_zip_check(path, file->unpack, &why);
    return as_finding(rc, &why, found, err);
}

static bool accepted(const struct attempt *a)
{
    return a->r.finding.verdict == RN_ACCEPTED;
}

static int judge_payload(struct attempt *a, struct rn_err *err)
{
    struct rn_finding *found = &a->r.finding;
    bool proven = a->pin && strcmp(a->pin, a->sha256) == 0;
    const char *format = a->file->unpack ? "zip" : a->file->expect.format;
    if (!proven) {
        if (!judge_looks(a->payload, a->got_bytes, format, a->r.status, found) ||
            !judge_size(a, found) || !rn_judge_ending(a->payload, format, found))
            return RN_OK;
        if (a->pin)
            digest_differs(a->payload, a->pin, a->sha256, a->got_bytes, found);
        else if (a->r.content_encoding[0] && strcmp(a->r.content_encoding, "identity") != 0)
            rn_find(found, RN_MALFORMED, "sent as %.20s, which was not asked for",
                    a->r.content_encoding);
        if (!accepted(a))
            return RN_OK;
    } else if (!judge_size(a, found)) {
        return RN_OK;
    }
    return judge_format(a->f, a->file, a->payload, found, err);
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
                         .pinned = a->source->sha256 || a->pin,
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
    if (!accepted(a) || !judge_body(a))
        return RN_OK;
    RN_TRY(take_payload(a, err));
    return accepted(a) ? judge_payload(a, err) : RN_OK;
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
        (old && strcmp(old->sha256, a->sha256) == 0))
        return RN_OK;
    struct rn_pin pin = {.id = a->file->id,
                         .size_bytes = a->got_bytes,
                         .trust = trust,
                         .host = a->r.host[0] ? a->r.host : "-"};
    memcpy(pin.sha256, a->sha256, RN_HEX);
    return rn_pins_add(a->f->lock, &pin, err);
}

static int accept(const struct attempt *a, enum rn_trust trust, struct rn_fetched *got,
                  struct rn_err *err)
{
    char size[32];
    RN_TRY(rn_cache_put(a->f->cache, a->sha256, a->payload, &got->path, err));
    RN_TRY(pin_it(a, trust, err));
    memcpy(got->sha256, a->sha256, RN_HEX);
    got->size_bytes = a->got_bytes;
    got->trust = trust;
    rn_log(a->f->log, RN_INFO, "accepted %s from %s (%s, sha256 %.12s..)", a->file->name, a->r.host,
           rn_show_bytes(size, (double)a->got_bytes), a->sha256);
    return RN_OK;
}

/* RN_OK with got->path set: done; with got->path NULL: rejected, and s says why. */
static int try_source(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      const struct rn_source *source, struct standing *s, double *retry_after_s,
                      struct rn_fetched *got, struct rn_err *err)
{
    struct attempt a = {.f = f, .file = file, .source = source, .size_bytes = file->size_bytes};
    enum rn_trust trust;
    a.pin = rn_fetch_pin(f->lock, file, &trust);
    a.cap_bytes = trust == RN_TRUST_LOCK && a.size_bytes < 0
                      ? rn_pins_find(f->lock, file->id)->size_bytes
                      : a.size_bytes;
    RN_TRY(rn_cache_attempt(f->cache, &a.dir, err));
    a.body = rn_join(a.dir, "body");
    int rc = prove(&a, err);
    if (rc == RN_OK && accepted(&a)) {
        rc = accept(&a, trust, got, err);
    } else if (rc == RN_OK) {
        tell_rejected(&a, s);
        s->out = !rn_verdict_again(a.r.finding.verdict);
        *retry_after_s = fmax(*retry_after_s, a.r.retry_after_s);
    }
    rn_remove_tree(a.dir, NULL);
    free(a.payload);
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
    struct rn_response r = {.finding = {.verdict = RN_ACCEPTED}};
    struct attempt a = {.f = f, .file = file, .size_bytes = file->size_bytes, .r = r};
    a.got_bytes = got->size_bytes;
    if (judge_size(&a, &a.r.finding))
        RN_TRY(judge_format(f, file, got->path, &a.r.finding, err));
    if (accepted(&a))
        return RN_OK;
    rn_hint(err, "its digest is pinned: correct the check, or delete the pin");
    return rn_fail(err, RN_EFETCH, RN_NOWHERE, "the pinned %s fails its check: %s: %s", file->name,
                   rn_verdict_id(a.r.finding.verdict), a.r.finding.detail);
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
