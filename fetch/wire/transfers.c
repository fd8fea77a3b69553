#include "transfer.h"

#include "clock.h"
#include "cork.h"
#include "hash.h"
#include "headers.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_MAX = 64 };

struct rn_transfers {
    struct rn_transfer_rules rules;
    CURLM *multi;
    struct rn_cork cork;
    struct rn_transfer *first; /* running */
    struct rn_transfer *ended;
    size_t running;
    int64_t received;
    struct rn_transfer *idle; /* to be used again, with their handles */
    size_t n_idle;
    size_t added; /* requests that were not sent yet */
    atomic_bool woken;
};

static void take_out(struct rn_transfer *t, struct rn_transfer **list)
{
    if (t->before)
        t->before->after = t->after;
    else
        *list = t->after;
    if (t->after)
        t->after->before = t->before;
}

static void put_in(struct rn_transfer *t, struct rn_transfer **list)
{
    t->before = NULL;
    t->after = *list;
    if (*list)
        (*list)->before = t;
    *list = t;
}

/* --- asking --- */

static void init_curl_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Range and If-Range, where going on cannot splice two versions. */
static void ask_for_rest(struct rn_transfer *t)
{
    const struct rn_origin *o = &t->to->origin;
    bool same_url = strcmp(o->url_sha256, t->url_sha256) == 0;
    const char *validator = !same_url ? "" : o->etag[0] ? o->etag : o->modified;
    char line[256];
    t->asked_from = 0;
    if (t->no_range || t->to->size_bytes == 0 || (!t->get.pinned && !*validator))
        return;
    t->asked_from = t->to->size_bytes;
    snprintf(line, sizeof line, "Range: bytes=%lld-", (long long)t->asked_from);
    t->headers = curl_slist_append(t->headers, line);
    if (!*validator)
        return;
    snprintf(line, sizeof line, "If-Range: %s", validator);
    t->headers = curl_slist_append(t->headers, line);
}

/* What is the same for all transfers of a handle: the rest is set anew for each. */
static CURL *make_handle(struct rn_transfers *w)
{
    CURL *c = curl_easy_init();
    RN_ASSERT(c);
    rn_hop_prepare(c, w->rules.connect_s);
    rn_transfer_listen(c);
    rn_cork_watch(&w->cork, c);
    return c;
}

static void set_options(struct rn_transfer *t)
{
    curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
}

static void start_hop(struct rn_transfer *t)
{
    curl_slist_free_all(t->headers);
    t->headers = rn_hop_headers(&t->request, &t->here);
    ask_for_rest(t);
    rn_hop_share(t->curl, t->get.small, &t->here);
    rn_hop_aim(t->curl, t->next, &t->here, t->headers);
    curl_easy_setopt(t->curl, CURLOPT_FRESH_CONNECT, (long)t->anew);
    t->anew = false;
    t->sort = SORT_UNKNOWN;
    t->halt = HALT_NONE;
    t->received = t->window_bytes = 0;
    t->window_s = rn_now_s(t->wire->rules.clock);
    rn_str_clear(&t->refusal);
    rn_copy_text(t->r.host, sizeof t->r.host, t->here.host);
    rn_trail_hop(&t->r.trail, t->next);
    RN_ASSERT(curl_multi_add_handle(t->wire->multi, t->curl) == CURLM_OK);
    t->wire->added++;
}

static void go_to(struct rn_transfer *t, const char *url)
{
    char *next = rn_xdup(url);
    free(t->next);
    t->next = next;
    t->here = rn_url_parse(next);
    start_hop(t);
}

static void go_to_start(struct rn_transfer *t)
{
    free(t->next);
    t->next = rn_xdup(t->request.url);
    t->here = t->request.at;
    start_hop(t);
}

/* --- the end of a transfer --- */

/* True if the answer sends us elsewhere and we go. */
static bool follow(struct rn_transfer *t, CURLcode code)
{
    char *target;
    bool whole = code == CURLE_OK || t->halt == HALT_ENOUGH;
    if (!whole || !rn_hop_next(t->curl, &t->here, &t->r, &target))
        return false;
    go_to(t, target);
    return true;
}

/* True if a range was answered in a way that calls for the whole body, which is now asked for. */
static bool ask_anew(struct rn_transfer *t)
{
    struct rn_content_range span;
    bool wrong = t->halt == HALT_RANGE;
    if (t->r.status == 416 && t->asked_from > 0)
        wrong = !rn_content_range_parse(rn_transfer_header(t, "Content-Range"), &span) ||
                span.total != t->to->size_bytes || rn_transfer_other_version(t, span.total);
    if (!wrong)
        return false;
    struct rn_origin none = {.total_bytes = -1};
    rn_partial_begin(t->to, &none);
    t->no_range = true;
    t->r.redirects = 0;
    go_to_start(t);
    return true;
}

/* True if only a part of what was asked for came, in good order: the next part is asked for. */
static bool ask_next_part(struct rn_transfer *t, CURLcode code)
{
    enum { PARTS_MAX = 4096 };
    bool part = code == CURLE_OK && t->r.status == 206 && t->sort == SORT_CONTENT &&
                t->to->size_bytes > t->asked_from && t->to->size_bytes < t->total_bytes;
    if (!part || t->parts++ == PARTS_MAX)
        return false;
    t->r.redirects = 0;
    go_to_start(t);
    return true;
}

/* A server may close a kept connection just as it is used again, which says nothing of what it
 * would have answered: it is asked once more. libcurl does so by itself unless sending fails. */
static bool ask_over_new_connection(struct rn_transfer *t, CURLcode code)
{
    long made = 0;
    curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &made);
    if (code != CURLE_SEND_ERROR || made > 0 || t->r.status != 0)
        return false;
    t->anew = true;
    start_hop(t);
    return true;
}

static void end(struct rn_transfer *t, CURLcode code)
{
    t->rc = rn_transfer_judge(t, code, &t->err);
    take_out(t, &t->wire->first);
    put_in(t, &t->wire->ended);
    t->wire->running--;
}

static bool is_shared(CURL *curl)
{
    long version = 0;
    curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    return version >= CURL_HTTP_VERSION_2_0;
}

static void read_limits(struct rn_transfer *t)
{
    int64_t date_s = rn_date_s(rn_transfer_header(t, "Date"));
    double now_s = date_s > 0 ? (double)date_s : rn_time_s();
    t->r.retry_after_s = rn_retry_after_s(rn_transfer_header(t, "Retry-After"), now_s);
    t->r.hold_s = rn_rate_limit_wait_s(rn_transfer_header(t, "RateLimit"));
}

static void end_hop(struct rn_transfer *t, CURLcode code)
{
    t->r.status = rn_transfer_status(t);
    t->r.shared = t->r.shared && is_shared(t->curl);
    read_limits(t);
    curl_multi_remove_handle(t->wire->multi, t->curl);
    if (t->halt == HALT_STALL || !(ask_over_new_connection(t, code) || follow(t, code) ||
                                   ask_anew(t) || ask_next_part(t, code)))
        end(t, code);
}

/* --- the door --- */

struct rn_transfers *rn_transfers_new(const struct rn_transfer_rules *rules)
{
    enum { IDLE_CONNECTIONS = 64 };
    static pthread_once_t once = PTHREAD_ONCE_INIT; /* libcurl's state is made by one thread */
    pthread_once(&once, init_curl_once);
    struct rn_transfers *w = rn_new(struct rn_transfers);
    w->rules = *rules;
    w->multi = curl_multi_init();
    RN_ASSERT(w->multi);
    curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    return w;
}

/* Making a handle costs as much as asking for a small file with it. */
static struct rn_transfer *take_transfer(struct rn_transfers *w)
{
    struct rn_transfer *t = w->idle;
    if (!t) {
        t = rn_new(struct rn_transfer);
        t->curl = make_handle(w);
        return t;
    }
    take_out(t, &w->idle);
    w->n_idle--;
    *t = (struct rn_transfer){.curl = t->curl};
    return t;
}

static void free_transfer(struct rn_transfer *t)
{
    curl_easy_cleanup(t->curl);
    free(t);
}

static void leave_transfer(struct rn_transfer *t)
{
    curl_slist_free_all(t->headers);
    rn_request_release(&t->request);
    rn_str_release(&t->refusal);
    free(t->next);
    if (t->wire->n_idle == IDLE_MAX) {
        free_transfer(t);
        return;
    }
    put_in(t, &t->wire->idle);
    t->wire->n_idle++;
}

void rn_transfers_free(struct rn_transfers *w)
{
    if (!w)
        return;
    struct rn_ended e;
    while (w->first) {
        struct rn_transfer *t = w->first;
        curl_multi_remove_handle(w->multi, t->curl);
        take_out(t, &w->first);
        put_in(t, &w->ended);
    }
    while (rn_transfers_next(w, &e))
        rn_response_release(&e.response);
    for (struct rn_transfer *t; (t = w->idle);) {
        take_out(t, &w->idle);
        free_transfer(t);
    }
    curl_multi_cleanup(w->multi);
    rn_cork_release(&w->cork);
    free(w);
}

int rn_transfers_start(struct rn_transfers *w, const struct rn_get *get, struct rn_partial *to,
                       void *tag, struct rn_err *err)
{
    struct rn_request request = {0};
    static const struct rn_who nobody = {0};
    RN_TRY(rn_request_init(&request, get->who ? get->who : &nobody, get->url, err));
    for (size_t i = 0; i < get->n_headers; i++)
        rn_request_add(&request, get->headers[i]);
    struct rn_transfer *t = take_transfer(w);
    t->wire = w;
    t->rules = &w->rules;
    t->all_received = &w->received;
    t->get = *get;
    t->to = to;
    t->tag = tag;
    t->request = request;
    t->r.declared_bytes = t->total_bytes = -1;
    t->r.shared = true;
    rn_sha256_hex(get->url, strlen(get->url), t->url_sha256);
    put_in(t, &w->first);
    w->running++;
    rn_find(&t->r.finding, RN_ACCEPTED, "%s", "");
    set_options(t);
    if (rn_url_allowed(&request.at, get->pinned)) {
        go_to_start(t);
        return RN_OK;
    }
    rn_copy_text(t->r.host, sizeof t->r.host, request.at.host);
    rn_find(&t->r.finding, RN_REFUSED, "plain http without a sha256");
    end(t, CURLE_OK);
    return RN_OK;
}

/* Ends transfers that gave less than the slowest speed through a whole window. */
static void drop_stalled(struct rn_transfers *w)
{
    double now_s = rn_now_s(w->rules.clock);
    for (struct rn_transfer *t = w->first, *after; t; t = after) {
        after = t->after;
        if (now_s - t->window_s < w->rules.stall_s)
            continue;
        double bytes_s = (double)(t->received - t->window_bytes) / (now_s - t->window_s);
        t->window_s = now_s;
        t->window_bytes = t->received;
        if (bytes_s >= RN_SLOWEST_BYTES_S)
            continue;
        t->halt = HALT_STALL;
        end_hop(t, CURLE_OPERATION_TIMEDOUT);
    }
}

/* Waits. False: somebody woke us who wants nothing from the wire, and a look at every transfer
 * would cost as much as receiving some of them. */
static bool wait_for_wire(struct rn_transfers *w, int wait_ms)
{
    int ready = 0;
    long due_ms = -1;
    if (w->ended || w->added > 0)
        return true;
    curl_multi_poll(w->multi, NULL, 0, wait_ms, &ready);
    bool woken = atomic_exchange(&w->woken, false);
    curl_multi_timeout(w->multi, &due_ms);
    return ready > 0 || due_ms == 0 || !woken;
}

static void move_on(struct rn_transfers *w)
{
    int running;
    bool many = w->added > 1;
    w->added = 0;
    if (many)
        rn_cork_hold(&w->cork);
    curl_multi_perform(w->multi, &running);
    if (many)
        rn_cork_let_go(&w->cork);
}

void rn_transfers_work(struct rn_transfers *w, int wait_ms)
{
    int left;
    CURLMsg *m;
    if (wait_for_wire(w, wait_ms))
        move_on(w);
    while ((m = curl_multi_info_read(w->multi, &left))) {
        struct rn_transfer *t;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) == CURLE_OK)
            end_hop(t, code);
    }
    drop_stalled(w);
}

void rn_transfers_wake(struct rn_transfers *w)
{
    atomic_store(&w->woken, true);
    curl_multi_wakeup(w->multi);
}

size_t rn_transfers_running(const struct rn_transfers *w)
{
    return w->running;
}

int64_t rn_transfers_received(const struct rn_transfers *w)
{
    return w->received;
}

bool rn_transfers_next(struct rn_transfers *w, struct rn_ended *e)
{
    struct rn_transfer *t = w->ended;
    if (!t)
        return false;
    take_out(t, &w->ended);
    *e = (struct rn_ended){.tag = t->tag, .response = t->r, .rc = t->rc, .err = t->err};
    leave_transfer(t);
    return true;
}

void rn_response_release(struct rn_response *r)
{
    rn_str_release(&r->trail);
    free(r->body);
    r->body = NULL;
}
