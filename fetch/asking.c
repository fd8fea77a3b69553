#include "asking.h"

#include "file.h"
#include "mem.h"
#include "quarantine.h"
#include "rng.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An endless body ends here when nothing says how large the file is. */
#define UNKNOWN_CAP_BYTES ((int64_t)64 << 30)
/* Whoever asks for more patience than this is not waited for. */
enum { LONGEST_PAUSE_S = 60, LONGEST_HOLD_S = 600 };

/* --- the sources of a file --- */

static struct rn_standing *add_source(struct rn_asking *a, const struct rn_source *s)
{
    struct rn_standing *added = &a->standings[a->n++];
    *added = (struct rn_standing){
        .source = *s, .host = rn_host_of(a->hosts, s->url), .told = rn_xdup("")};
    return added;
}

static size_t count_mirrors(const struct rn_fetcher *f)
{
    size_t n = 0;
    while (f->mirrors && f->mirrors[n])
        n++;
    return n;
}

static void add_mirrors(struct rn_asking *a)
{
    for (size_t i = 0; *a->pin && a->f->mirrors && a->f->mirrors[i]; i++) {
        size_t n = strlen(a->f->mirrors[i]);
        while (n > 0 && a->f->mirrors[i][n - 1] == '/')
            n--;
        char *url = rn_xprintf("%.*s/sha256/%s", (int)n, a->f->mirrors[i], a->pin);
        add_source(a, &(struct rn_source){.url = url})->mirror = true;
    }
}

/* Strikes out what --offline and --locked forbid to ask. */
static void strike_remote(struct rn_asking *a)
{
    bool forbidden = a->f->offline || (a->f->locked && !*a->pin);
    for (size_t i = 0; i < a->n && forbidden; i++)
        if (rn_source_is_remote(a->standings[i].source.url)) {
            a->standings[i].out = true;
            a->struck++;
        }
}

void rn_asking_init(struct rn_asking *a, const struct rn_fetcher *f,
                    const struct rn_fetch_file *file, struct rn_hosts *hosts,
                    struct rn_alike *alike)
{
    *a = (struct rn_asking){
        .f = f, .file = file, .cap_bytes = file->size_bytes, .hosts = hosts, .alike = alike};
    const char *pin = rn_fetch_pin(f->lock, file, &a->trust);
    rn_copy_text(a->pin, sizeof a->pin, pin ? pin : "");
    if (a->trust == RN_TRUST_LOCK && file->size_bytes < 0)
        a->cap_bytes = rn_pins_find(f->lock, file->id)->size_bytes;
    size_t most = count_mirrors(f) + 3 * file->n_sources; /* each may lead to two more */
    a->standings = rn_xalloc((most + 1) * sizeof *a->standings);
    add_mirrors(a);
    for (size_t i = 0; i < file->n_sources; i++)
        add_source(a, &file->sources[i]);
    strike_remote(a);
}

static void drop_headers(struct rn_source *s)
{
    for (size_t i = 0; i < s->n_headers; i++)
        free(s->headers[i]);
    free((char **)s->headers);
    s->headers = NULL;
    s->n_headers = 0;
}

void rn_asking_release(struct rn_asking *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->standings[i].mirror || a->standings[i].led)
            free((char *)a->standings[i].source.url);
        drop_headers(&a->standings[i].source);
        free(a->standings[i].api_url);
        free(a->standings[i].told);
    }
    free(a->standings);
    *a = (struct rn_asking){0};
}

int64_t rn_asking_cap(const struct rn_asking *a)
{
    if (a->now->source.member || a->now->source.pack)
        return UNKNOWN_CAP_BYTES;
    if (a->cap_bytes >= 0)
        return a->cap_bytes;
    return a->file->expect.max_size >= 0 ? a->file->expect.max_size : UNKNOWN_CAP_BYTES;
}

/* --- whose turn it is --- */

/* The best source that was not tried in this round: by health, then as written. */
static struct rn_standing *best(const struct rn_asking *a, double now_s, bool held)
{
    struct rn_standing *found = NULL;
    for (size_t i = 0; i < a->n; i++) {
        struct rn_standing *s = &a->standings[i];
        if (s->out || s->tried || (s->host->hold_until_s > now_s) != held)
            continue;
        if (!found || (held ? s->host->hold_until_s < found->host->hold_until_s
                            : rn_host_rank(s->host) < rn_host_rank(found->host)))
            found = s;
    }
    return found;
}

static size_t start_round(struct rn_asking *a)
{
    size_t alive = 0;
    for (size_t i = 0; i < a->n; i++) {
        a->standings[i].tried = false;
        alive += !a->standings[i].out;
    }
    return alive;
}

/* The pause before a round, with jitter so that many clients spread out. */
static double pause_before(const struct rn_asking *a)
{
    uint64_t stream = rn_stream((uint64_t)getpid(), a->file->id);
    double jitter = 0.5 + rn_rand_unit(stream, (uint64_t)a->round);
    return fmin(LONGEST_PAUSE_S, a->f->pause_s * pow(2, (double)a->round - 1)) * jitter;
}

enum rn_turn rn_asking_next(struct rn_asking *a, double now_s)
{
    if (now_s < a->wake_s)
        return RN_WAIT;
    a->now = best(a, now_s, false);
    if (a->now)
        return RN_ASK;
    const struct rn_standing *held = best(a, now_s, true);
    if (held) {
        a->wake_s = held->host->hold_until_s;
        return RN_WAIT;
    }
    if (start_round(a) == 0 || a->round == a->f->retries)
        return RN_GIVE_UP;
    a->round++;
    double wait_s = pause_before(a);
    a->wake_s = now_s + wait_s;
    rn_alike_tell(a->alike, &(struct rn_saying){RN_INFO, "again", "", now_s},
                  "trying %s again in %.1f s", a->file->name, wait_s);
    return RN_WAIT;
}

/* --- what came instead --- */

/* `, 243 bytes, "<?xml .."` of what came. */
static void show_body(struct rn_str *out, const struct rn_response *r, const char *head, size_t n)
{
    char text[256], size[32];
    if (r->size_bytes < 10000)
        rn_str_printf(out, ", %lld bytes", (long long)r->size_bytes);
    else
        rn_str_printf(out, ", %s", rn_show_bytes(size, (double)r->size_bytes));
    rn_str_printf(out, ", %s", rn_show_text(text, head, n));
}

/* How many alike were told before. */
static size_t tell_rejected(const struct rn_asking *a, const struct rn_response *r, double now_s)
{
    char head[64];
    size_t n = r->has_body ? rn_file_head(r->body, head, sizeof head) : 0;
    const char *id = rn_verdict_id(r->finding.verdict), *detail = r->finding.detail;
    char *kind = rn_xprintf("rejected %s %s %ld", r->host, id, r->status);
    struct rn_str body = {0};
    if (n > 0)
        show_body(&body, r, head, n);
    size_t before = rn_alike_tell(a->alike, &(struct rn_saying){RN_WARN, kind, detail, now_s},
                                  "rejected %s from %s: %s: %s%s", a->file->name, r->host, id,
                                  detail, body.p ? body.p : "");
    if (*r->hint && before == 0)
        rn_log(a->f->log, RN_WARN, "%s", r->hint);
    rn_str_release(&body);
    free(kind);
    return before;
}

static void keep_evidence(const struct rn_asking *a, const struct rn_response *r)
{
    if (r->has_body && rn_file_size(r->body) > 0)
        rn_quarantine(a->f->quarantine_dir,
                      &(struct rn_evidence){.id = a->file->id,
                                            .name = a->file->name,
                                            .url = a->now->source.url,
                                            .expected = a->pin,
                                            .r = r},
                      a->f->log);
}

/* A host that asks for a pause gets it, from all files. */
static void heed(struct rn_asking *a, const struct rn_response *r, double now_s)
{
    struct rn_standing *s = a->now;
    double hold_s = fmax(r->retry_after_s, r->hold_s);
    if (hold_s <= 0)
        return;
    if (r->retry_after_s > LONGEST_HOLD_S)
        s->out = true;
    s->host->hold_until_s = fmax(s->host->hold_until_s, now_s + fmin(hold_s, LONGEST_HOLD_S));
}

static void note(struct rn_standing *s, const struct rn_response *r)
{
    char time[32], head[16], hex[128];
    size_t n = r->has_body ? rn_file_head(r->body, head, sizeof head) : 0;
    struct rn_str told = {0};
    rn_str_printf(&told, "%s: %s: %s", r->host, rn_verdict_id(r->finding.verdict),
                  r->finding.detail);
    if (n > 0 && !strstr(r->finding.detail, ", begins "))
        rn_str_printf(&told, ", begins %s", rn_show_hex(hex, head, n));
    if (r->retry_after_s > LONGEST_HOLD_S)
        rn_str_printf(&told, ", asks to come back in %s", rn_show_time(time, r->retry_after_s));
    free(s->told);
    s->told = told.p;
    s->verdict = r->finding.verdict;
}

/* Takes the url; NULL: there is none. */
static struct rn_standing *add_led(struct rn_asking *a, const struct rn_source *pointer, char *url,
                                   const struct rn_lfs *lfs)
{
    struct rn_source object = *pointer;
    if (!url)
        return NULL;
    object.url = url;
    struct rn_standing *s = add_source(a, &object);
    s->led = true;
    s->lfs = *lfs;
    return s;
}

/* A pointer came instead of the file: the object behind it is asked for as one more
 * source, and where no url of it is known, its repository is asked for one. */
static void follow_pointer(struct rn_asking *a, const struct rn_response *r, double now_s)
{
    char text[1024];
    struct rn_lfs lfs;
    const char *hub = a->f->who && a->f->who->hf_endpoint ? a->f->who->hf_endpoint : RN_HUB;
    size_t n = r->has_body ? rn_file_head(r->body, text, sizeof text) : 0;
    const struct rn_source pointer = a->now->source;
    if (a->now->led || a->now->mirror || !rn_lfs_parse(text, n, &lfs))
        return;
    add_led(a, &pointer, rn_lfs_object_url(pointer.url, hub), &lfs);
    struct rn_standing *s = add_led(a, &pointer, rn_lfs_api_url(pointer.url), &lfs);
    if (!s)
        return;
    s->api_url = rn_xdup(s->source.url);
    s->unresolved = true;
    rn_alike_tell(a->alike, &(struct rn_saying){RN_INFO, "pointer", r->host, now_s},
                  "%s: %s gave a git-lfs pointer, following it", a->file->name, r->host);
}

/* Where the object of a standing with an API is, or its API again: an address is good for once. */
static void turn_to(struct rn_asking *a, struct rn_standing *s, char *url)
{
    free((char *)s->source.url);
    drop_headers(&s->source);
    s->source.url = url;
    s->host = rn_host_of(a->hosts, url);
}

void rn_asking_resolved(struct rn_asking *a, struct rn_lfs_want *w, double now_s)
{
    struct rn_standing *s = a->now;
    struct rn_response r = {.finding = w->finding, .declared_bytes = -1};
    rn_copy_text(r.host, sizeof r.host, s->host->name);
    if (!w->href) {
        rn_asking_reject(a, &r, false, now_s);
        return;
    }
    turn_to(a, s, w->href);
    s->source.headers = w->headers;
    s->source.n_headers = w->n_headers;
    s->unresolved = false;
    *w = (struct rn_lfs_want){0};
}

void rn_asking_reject(struct rn_asking *a, const struct rn_response *r, bool further, double now_s)
{
    struct rn_standing *s = a->now;
    s->tried = true;
    s->out = s->mirror || !rn_verdict_again(r->finding.verdict);
    if (s->api_url && !s->unresolved) { /* what it led to failed: perhaps it was too old */
        turn_to(a, s, rn_xdup(s->api_url));
        s->out = false;
        s->unresolved = true;
    }
    note(s, r);
    if (s->mirror && r->status == 404) {
        rn_log(a->f->log, RN_DEBUG, "mirror %s does not hold %s", r->host, a->file->name);
    } else {
        if (tell_rejected(a, r, now_s) < RN_ALIKE_NAMED) /* thousands prove what a few do */
            keep_evidence(a, r);
    }
    if (r->finding.verdict == RN_LFS_POINTER)
        follow_pointer(a, r, now_s);
    heed(a, r, now_s);
    if (further)
        a->round = 0;
}

/* The same url again is no second opinion, whatever is taken out of what it gives. */
static bool can_be_second(const struct rn_standing *s, const struct rn_standing *first)
{
    return !s->out && rn_source_is_remote(s->source.url) &&
           strcmp(s->source.url, first->source.url) != 0;
}

bool rn_asking_second(struct rn_asking *a, const char *sha256)
{
    struct rn_standing *first = a->now;
    size_t others = 0;
    for (size_t i = 0; i < a->n; i++)
        others += can_be_second(&a->standings[i], first);
    if (others == 0)
        return false;
    for (size_t i = 0; i < a->n; i++)
        a->standings[i].out |= !can_be_second(&a->standings[i], first);
    rn_copy_text(a->pin, sizeof a->pin, sha256);
    free(first->told);
    first->told = rn_xprintf("%s: gave sha256 %.12s..", first->host->name, sha256);
    return true;
}

void rn_asking_gave(struct rn_asking *a, const char *sha256)
{
    rn_copy_text(a->now->gave, sizeof a->now->gave, sha256);
}

bool rn_asking_disputed(const struct rn_asking *a)
{
    bool disputed = false;
    for (size_t i = 0; i < a->n; i++)
        disputed |= a->trust == RN_TRUST_FIRST_USE && *a->standings[i].gave;
    return disputed;
}

/* --- no source is left --- */

/* A digest that two sources gave, and that is not the pinned one; NULL: there is none. */
static const char *agreed_digest(const struct rn_asking *a)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = i + 1; k < a->n; k++)
            if (*a->standings[i].gave && !strcmp(a->standings[i].gave, a->standings[k].gave))
                return a->standings[i].gave;
    return NULL;
}

/* What to do about sources that do not give what is pinned, or not the same. */
static void hint_at_digests(const struct rn_asking *a, struct rn_err *err)
{
    const char *agreed = agreed_digest(a);
    if (rn_asking_disputed(a))
        rn_hint(err, "they do not give the same bytes: write the sha256 that is right into the "
                     "pipeline file");
    else if (agreed && a->trust == RN_TRUST_LOCK)
        rn_hint(err,
                "two of them agree on sha256 %.12s..: if that is a new version, runnel fetch "
                "FILE %s --update",
                agreed, a->file->id);
    else if (agreed)
        rn_hint(err, "two of them agree on sha256 %.12s..; the pipeline file says %.12s..", agreed,
                a->pin);
}

/* How each source fared; the caller's. */
static char *list_told(const struct rn_asking *a)
{
    struct rn_str list = {0};
    for (size_t i = 0; i < a->n; i++)
        rn_str_printf(&list, "%s%s", i ? "; " : "", a->standings[i].told);
    return list.p ? list.p : rn_xdup("there are none");
}

static int all_bad(const struct rn_asking *a, const char *told, struct rn_err *err)
{
    int rc = rn_fail(err, RN_EFETCH, RN_NOWHERE, "no source gave acceptable bytes for %s: %s",
                     a->file->id, told);
    const char *next = a->n ? rn_verdict_next(a->standings[0].verdict) : "";
    hint_at_digests(a, err);
    if (rn_exists(a->f->quarantine_dir))
        rn_hint(err, "%s%swhat came instead is kept in %s", next, *next ? "; " : "",
                a->f->quarantine_dir);
    else if (*next)
        rn_hint(err, "%s", next);
    return rc;
}

int rn_asking_fail(const struct rn_asking *a, char **reason, struct rn_err *err)
{
    *reason = a->struck ? rn_xdup("") : list_told(a);
    if (!a->struck)
        return all_bad(a, *reason, err);
    if (!a->f->offline) {
        rn_hint(err, "run once without --locked, look at the new line, and keep it");
        return rn_fail(err, RN_ECONFIG, RN_PATH(a->f->lock->path),
                       "%s is not pinned and --locked forbids adding it", a->file->id);
    }
    rn_hint(err, "fetch it once without --offline, or set RUNNEL_CACHE to a folder that holds it");
    return rn_fail(err, RN_EOFFLINE, RN_NOWHERE,
                   "%s is not in the cache and --offline forbids fetching it", a->file->name);
}
