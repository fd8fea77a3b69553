#include "probe.h"

#include "file.h"
#include "headers.h"
#include "hop.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 4096, AT_ONCE = 8 };

struct asking {
    struct rn_probe *p;
    bool pinned;
    unsigned char head[HEAD_BYTES]; /* of the body */
    size_t n_head;
    CURL *curl;
    struct rn_request request;
    struct rn_url here;
    char *next; /* url of the hop at hand; owned */
};

/* --- one hop --- */

/* Enough is enough: a server that does not know ranges sends all of it. */
static size_t on_body(char *bytes, size_t each, size_t count, void *ctx)
{
    struct asking *a = ctx;
    size_t n = each * count, room = sizeof a->head - a->n_head;
    memcpy(a->head + a->n_head, bytes, n < room ? n : room);
    a->n_head += n < room ? n : room;
    return a->n_head < sizeof a->head ? n : 0;
}

static size_t on_header(char *line, size_t each, size_t count, void *ctx)
{
    struct asking *a = ctx;
    rn_claims_line(&a->p->r.claims, line, each * count);
    return each * count;
}

static void set_options(struct asking *a)
{
    double all_s = (a->p->f->connect_s > 0 ? a->p->f->connect_s : 15) + a->p->f->stall_s;
    rn_hop_prepare(a->curl, a->p->f->connect_s);
    curl_easy_setopt(a->curl, CURLOPT_TIMEOUT_MS, (long)(all_s * 1000));
    curl_easy_setopt(a->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(a->curl, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, a);
}

static CURLcode perform(struct asking *a)
{
    char range[64];
    snprintf(range, sizeof range, "Range: bytes=0-%d", HEAD_BYTES - 1);
    struct curl_slist *headers = rn_hop_headers(&a->request, &a->here);
    headers = curl_slist_append(headers, range);
    a->n_head = 0;
    rn_hop_share(a->curl, false, &a->here);
    rn_hop_aim(a->curl, a->next, &a->here, headers);
    rn_copy_text(a->p->r.host, sizeof a->p->r.host, a->here.host);
    CURLcode code = curl_easy_perform(a->curl);
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &a->p->r.status);
    curl_slist_free_all(headers);
    bool cut_by_us = code == CURLE_WRITE_ERROR && a->n_head == sizeof a->head;
    return cut_by_us ? CURLE_OK : code;
}

/* True if there is another hop to ask. */
static bool follow(struct asking *a, CURLcode code)
{
    char *target;
    if (code != CURLE_OK || !rn_hop_next(a->curl, &a->here, &a->p->r, &target))
        return false;
    target = rn_xdup(target);
    free(a->next);
    a->next = target;
    a->here = rn_url_parse(target);
    return true;
}

/* --- what it means --- */

static int64_t total_bytes(const struct asking *a)
{
    struct rn_content_range range;
    if (a->p->r.status != 206)
        return rn_content_length(rn_hop_header(a->curl, "Content-Length"));
    return rn_content_range_parse(rn_hop_header(a->curl, "Content-Range"), &range) ? range.total
                                                                                   : -1;
}

static void judge_status(struct asking *a)
{
    struct rn_response *r = &a->p->r;
    rn_judge_status(r->status, a->head, a->n_head, &r->finding);
    const char *hint = rn_request_hint(&a->request, r->status);
    rn_copy_text(r->hint, sizeof r->hint, hint ? hint : "");
}

static void judge_answer(struct asking *a, CURLcode code)
{
    struct rn_response *r = &a->p->r;
    if (r->finding.verdict != RN_ACCEPTED)
        return; /* a redirect that was not followed */
    r->size_bytes = (int64_t)a->n_head;
    if (code != CURLE_OK)
        rn_judge_broken(code, r);
    else if (r->status == 200 || r->status == 206)
        r->declared_bytes = total_bytes(a);
    else
        judge_status(a);
}

static int ask(struct asking *a, struct rn_err *err)
{
    struct rn_who who = {0};
    CURLcode code;
    if (a->p->f->who)
        who = rn_who_only(a->p->f->who, a->p->source->auth);
    RN_TRY(rn_request_init(&a->request, &who, a->p->source->url, err));
    a->next = rn_xdup(a->request.url);
    a->here = a->request.at;
    if (!rn_url_allowed(&a->here, a->pinned)) {
        rn_find(&a->p->r.finding, RN_REFUSED, "plain http without a sha256");
    } else {
        a->curl = curl_easy_init();
        RN_ASSERT(a->curl);
        set_options(a);
        do
            code = perform(a);
        while (follow(a, code));
        judge_answer(a, code);
        curl_easy_cleanup(a->curl);
    }
    free(a->next);
    rn_request_release(&a->request);
    return RN_OK;
}

static void look_at_local(struct asking *a)
{
    struct rn_probe *p = a->p;
    char *path = rn_source_path(p->f->from.dir, p->source->url);
    if (path) { /* a builtin is always there */
        p->r.declared_bytes = rn_file_size(path);
        a->n_head = rn_file_head(path, a->head, sizeof a->head);
        if (p->r.declared_bytes < 0)
            rn_find(&p->r.finding, RN_REFUSED, "no such file");
    }
    rn_copy_word(p->r.host, sizeof p->r.host, p->source->url, "");
    free(path);
}

/* --- against what is known --- */

static const char *looks_expected(const struct rn_probe *p)
{
    if (p->source->pack)
        return rn_pack_words[p->source->pack];
    return p->source->member || p->file->unpack ? "zip" : p->file->expect.format;
}

static void judge_looks(struct asking *a)
{
    struct rn_response *r = &a->p->r;
    int64_t size_bytes = r->declared_bytes >= 0 ? r->declared_bytes : (int64_t)a->n_head;
    if (a->n_head > 0)
        rn_judge_bytes(a->head, a->n_head, size_bytes, looks_expected(a->p), r->status,
                       &r->finding);
}

/* Size and digest of the body are known only where it is the payload itself. */
static void compare_with_pin(struct rn_probe *p)
{
    enum rn_trust trust;
    const struct rn_pin *pin = rn_pins_find(p->f->lock, p->file->id);
    const char *digest = rn_fetch_pin(p->f->lock, p->file, &trust), *linked = p->r.claims.linked;
    bool same = pin && digest && strcmp(pin->sha256, digest) == 0;
    long long is = p->r.declared_bytes;
    long long was = p->file->size_bytes >= 0 ? p->file->size_bytes : same ? pin->size_bytes : -1;
    if (p->source->member || p->source->pack)
        return;
    if (is >= 0 && was >= 0 && is != was)
        rn_find(&p->r.finding, is < was ? RN_TRUNCATED : RN_OVERSIZE, "%lld bytes, pinned are %lld",
                is, was);
    else if (digest && rn_sha256_is_hex(linked) && strcmp(linked, digest) != 0)
        rn_find(&p->r.finding, RN_DIGEST, "X-Linked-Etag says sha256 %.12s.., pinned is %.12s..",
                linked, digest);
}

static int probe(struct rn_probe *p, struct rn_err *err)
{
    enum rn_trust trust;
    struct asking a = {.p = p};
    const struct rn_source_kind *kind = rn_source_kind(p->source->url);
    RN_ASSERT(kind);
    a.pinned = p->source->sha256 || rn_fetch_pin(p->f->lock, p->file, &trust);
    if (kind->remote)
        RN_TRY(ask(&a, err));
    else
        look_at_local(&a);
    if (p->r.finding.verdict == RN_ACCEPTED)
        judge_looks(&a);
    if (p->r.finding.verdict == RN_ACCEPTED)
        compare_with_pin(p);
    return RN_OK;
}

static void work(struct rn_task *task)
{
    struct rn_probe *p = (struct rn_probe *)task;
    if (p->f->stopping && p->f->stopping(p->f->ctx))
        p->rc = rn_fail(&p->err, RN_ESTOPPED, RN_NOWHERE, "asked to stop while probing");
    else
        p->rc = probe(p, &p->err);
}

/* What was known of the hosts is told, what the answers say of them is remembered. */
static void note_health(const struct rn_fetcher *f, struct rn_probe *probes, size_t n)
{
    struct rn_hosts hosts = {0};
    rn_health_recall(&hosts, rn_cache_home(f->cache));
    for (size_t i = 0; i < n; i++)
        rn_health_tell(rn_host_of(&hosts, probes[i].source->url), probes[i].health);
    for (size_t i = 0; i < n; i++)
        if (rn_source_is_remote(probes[i].source->url))
            rn_host_learn(rn_host_of(&hosts, probes[i].source->url), 0, 0,
                          rn_verdict_again(probes[i].r.finding.verdict));
    rn_health_save(&hosts, rn_cache_home(f->cache));
    rn_hosts_release(&hosts);
}

int rn_probe_all(const struct rn_fetcher *f, struct rn_probe *probes, size_t n, struct rn_err *err)
{
    int rc = RN_OK;
    struct rn_pool *pool = rn_pool_new(AT_ONCE, NULL, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT); /* here, before there are threads */
    for (size_t i = 0; i < n; i++) {
        struct rn_probe *p = &probes[i];
        *p = (struct rn_probe){.f = f, .file = p->file, .source = p->source};
        p->r.declared_bytes = -1;
        rn_find(&p->r.finding, RN_ACCEPTED, "%s", "");
        p->task.work = work;
        rn_pool_add(pool, &p->task);
    }
    while (rn_pool_wait(pool))
        ;
    rn_pool_free(pool);
    note_health(f, probes, n);
    for (size_t i = 0; i < n && rc == RN_OK; i++)
        if ((rc = probes[i].rc) != RN_OK)
            rn_fail_as(err, &probes[i].err);
    return rc;
}
