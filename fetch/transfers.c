#include "transfers.h"

#include "file.h"
#include "headers.h"
#include "hop.h"
#include "mem.h"
#include "str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Why we ended a transfer ourselves. */
enum halt { HALT_NONE, HALT_OVERSIZE, HALT_ENOUGH, HALT_DISK, HALT_RANGE, HALT_STALL };

/* What is done with the body of the response that is arriving. */
enum sort { SORT_UNKNOWN, SORT_CONTENT, SORT_REFUSAL, SORT_SKIPPED };

struct transfer {
    struct rn_transfers *wire;
    CURL *curl;
    struct rn_get get;
    struct rn_partial *to;
    void *tag;
    struct rn_request request;
    char *next;                 /* url of this hop */
    struct curl_slist *headers; /* of this hop */
    struct rn_url here;
    struct rn_response r;
    char url_sha256[RN_HEX];
    struct rn_str refusal; /* body of a response that is not content */
    int64_t skipped_bytes; /* of redirect bodies */
    int64_t asked_from;    /* of this hop's Range, 0: none */
    int64_t total_bytes;   /* that the content shall have, -1: not told */
    enum sort sort;
    enum halt halt;
    int parts;                      /* that came one after the other */
    bool no_range;                  /* a range was answered wrongly: whole or nothing */
    bool anew;                      /* the next hop wants a connection of its own */
    double window_s;                /* when the bytes below were counted last */
    int64_t window_bytes, received; /* on this connection */
    int rc;                         /* once it has ended */
    struct rn_err err;
    struct transfer *before, *after;
};

enum { IDLE_MAX = 64 };

struct rn_transfers {
    struct rn_transfer_rules rules;
    CURLM *multi;
    struct transfer *first; /* running */
    struct transfer *ended;
    size_t running;
    int64_t received;
    struct transfer *idle; /* to be used again, with their handles */
    size_t n_idle;
    bool added; /* a request that was not sent yet */
};

static void take_out(struct transfer *t, struct transfer **list)
{
    if (t->before)
        t->before->after = t->after;
    else
        *list = t->after;
    if (t->after)
        t->after->before = t->before;
}

static void put_in(struct transfer *t, struct transfer **list)
{
    t->before = NULL;
    t->after = *list;
    if (*list)
        (*list)->before = t;
    *list = t;
}

/* --- the answer's headers --- */

static long status_of(CURL *curl)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_shared(CURL *curl)
{
    long version = 0;
    curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    return version >= CURL_HTTP_VERSION_2_0;
}

static const char *header(const struct transfer *t, const char *name)
{
    return rn_hop_header(t->curl, name);
}

static int64_t length_of(CURL *curl)
{
    curl_off_t n = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
    return (int64_t)n;
}

/* A validator as it was sent, or "" if it is too long or not plain: then it is none. */
static void copy_validator(char *to, size_t cap, const char *from)
{
    to[0] = '\0';
    if (strlen(from) >= cap)
        return;
    for (const char *p = from; *p; p++)
        if (*p < ' ' || *p > '~')
            return;
    rn_copy_text(to, cap, from);
}

/* A date tells two versions apart only when it is clearly older than the answer. */
static bool modified_is_strong(const char *modified, const char *date)
{
    enum { MINUTE_S = 60 };
    int64_t changed = rn_date_s(modified), answered = rn_date_s(date);
    return changed >= 0 && answered >= 0 && answered - changed >= MINUTE_S;
}

/* What a body that starts now belongs to. */
static struct rn_origin read_origin(const struct transfer *t)
{
    struct rn_origin o = {.total_bytes = t->total_bytes};
    memcpy(o.url_sha256, t->url_sha256, RN_HEX);
    if (rn_etag_is_strong(header(t, "ETag")))
        copy_validator(o.etag, sizeof o.etag, header(t, "ETag"));
    if (modified_is_strong(header(t, "Last-Modified"), header(t, "Date")))
        copy_validator(o.modified, sizeof o.modified, header(t, "Last-Modified"));
    return o;
}

static void read_limits(struct transfer *t)
{
    int64_t date_s = rn_date_s(header(t, "Date"));
    double now_s = date_s > 0 ? (double)date_s : rn_time_s();
    t->r.retry_after_s = rn_retry_after_s(header(t, "Retry-After"), now_s);
    t->r.hold_s = rn_rate_limit_wait_s(header(t, "RateLimit"));
}

/* --- receiving --- */

static bool encoded(const struct transfer *t)
{
    const char *e = header(t, "Content-Encoding");
    return *e && strcmp(e, "identity") != 0;
}

static bool says_other(const struct transfer *t, const char *name, const char *validator)
{
    const char *said = header(t, name);
    return *validator && *said && strcmp(validator, said) != 0;
}

/* True if the answer tells of another version than the one that is there, of which it would be a
 * part: not every server heeds If-Range. */
static bool is_other_version(const struct transfer *t, int64_t total_bytes)
{
    const struct rn_origin *o = &t->to->origin;
    if (o->total_bytes >= 0 && total_bytes >= 0 && o->total_bytes != total_bytes)
        return true;
    return !t->get.pinned &&
           (says_other(t, "ETag", o->etag) || says_other(t, "Last-Modified", o->modified));
}

/* True if the part that arrives fits to what is there; then the partial ends where it begins. */
static bool join_part(struct transfer *t)
{
    struct rn_content_range span;
    const struct rn_origin *o = &t->to->origin;
    if (!rn_content_range_parse(header(t, "Content-Range"), &span) || span.first < 0 ||
        span.first > t->to->size_bytes || encoded(t) || is_other_version(t, span.total))
        return false;
    t->total_bytes = span.total >= 0 ? span.total : o->total_bytes;
    if (span.first < t->to->size_bytes && rn_partial_cut(t->to, span.first, NULL) != RN_OK)
        return false;
    if (t->parts == 0)
        t->r.resumed_bytes = t->to->size_bytes;
    return true;
}

/* Decides what the body is, once its status and headers are there. */
static enum halt sort_body(struct transfer *t)
{
    long status = status_of(t->curl);
    t->sort = rn_status_redirects(status) ? SORT_SKIPPED : SORT_REFUSAL;
    if (status == 200) {
        t->sort = SORT_CONTENT;
        t->total_bytes = length_of(t->curl);
        struct rn_origin origin = read_origin(t);
        rn_partial_begin(t->to, &origin);
    } else if (status == 206 && t->asked_from > 0) {
        if (!join_part(t))
            return HALT_RANGE;
        t->sort = SORT_CONTENT;
    }
    return t->sort == SORT_CONTENT && t->total_bytes > t->get.cap_bytes ? HALT_OVERSIZE : HALT_NONE;
}

static enum halt take_content(struct transfer *t, const char *p, size_t n)
{
    int64_t room = t->get.cap_bytes - t->to->size_bytes;
    if (room < 0)
        return HALT_OVERSIZE; /* what is there came when more was allowed */
    rn_partial_add(t->to, p, (int64_t)n < room ? n : (size_t)room);
    if (t->to->failed)
        return HALT_DISK;
    return (int64_t)n > room ? HALT_OVERSIZE : HALT_NONE;
}

static enum halt take_refusal(struct transfer *t, const char *p, size_t n)
{
    size_t room = RN_ERROR_BODY - t->refusal.n;
    rn_str_add(&t->refusal, p, n < room ? n : room);
    return n > room ? HALT_ENOUGH : HALT_NONE;
}

static size_t on_body(char *p, size_t each, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t n = each * count;
    t->received += (int64_t)n;
    t->wire->received += (int64_t)n;
    if (t->sort == SORT_UNKNOWN)
        t->halt = sort_body(t);
    if (t->halt == HALT_NONE && t->sort == SORT_CONTENT)
        t->halt = take_content(t, p, n);
    else if (t->halt == HALT_NONE && t->sort == SORT_REFUSAL)
        t->halt = take_refusal(t, p, n);
    else if (t->halt == HALT_NONE && (t->skipped_bytes += (int64_t)n) > RN_ERROR_BODY)
        t->halt = HALT_ENOUGH;
    return t->halt == HALT_NONE ? n : 0; /* anything but n ends the transfer */
}

static size_t on_header(char *line, size_t each, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    rn_claims_line(&t->r.claims, line, each * count);
    rn_trail_line(&t->r.trail, line, each * count);
    return each * count;
}

/* --- asking --- */

static void init_curl_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Range and If-Range, where going on cannot splice two versions. */
static void ask_for_rest(struct transfer *t)
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
static CURL *make_handle(const struct rn_transfers *w)
{
    enum { RECEIVE = 1 << 16 };
    CURL *c = curl_easy_init();
    RN_ASSERT(c);
    rn_hop_prepare(c, w->rules.connect_s);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)RECEIVE);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    return c;
}

static void set_options(struct transfer *t)
{
    curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    rn_hop_share(t->curl, t->get.small);
}

static void start_hop(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    t->headers = rn_hop_headers(&t->request, &t->here);
    ask_for_rest(t);
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
    t->wire->added = true;
}

static void go_to(struct transfer *t, const char *url)
{
    char *next = rn_xdup(url);
    free(t->next);
    t->next = next;
    t->here = rn_url_parse(next);
    start_hop(t);
}

static void go_to_start(struct transfer *t)
{
    free(t->next);
    t->next = rn_xdup(t->request.url);
    t->here = t->request.at;
    start_hop(t);
}

/* --- the end of a transfer --- */

/* True if the answer sends us elsewhere and we go. */
static bool follow(struct transfer *t, CURLcode code)
{
    char *target;
    bool whole = code == CURLE_OK || t->halt == HALT_ENOUGH;
    if (!whole || !rn_hop_next(t->curl, &t->here, &t->r, &target))
        return false;
    go_to(t, target);
    return true;
}

/* True if a range was answered in a way that calls for the whole body, which is now asked for. */
static bool ask_anew(struct transfer *t)
{
    struct rn_content_range span;
    bool wrong = t->halt == HALT_RANGE;
    if (t->r.status == 416 && t->asked_from > 0)
        wrong = !rn_content_range_parse(header(t, "Content-Range"), &span) ||
                span.total != t->to->size_bytes || is_other_version(t, span.total);
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
static bool ask_next_part(struct transfer *t, CURLcode code)
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

static void judge_content(struct transfer *t, CURLcode code)
{
    struct rn_response *r = &t->r;
    r->size_bytes = t->to->size_bytes;
    r->declared_bytes = t->total_bytes;
    r->has_body = true;
    r->body = rn_xdup(t->to->path);
    if (t->halt == HALT_OVERSIZE)
        rn_find(&r->finding, RN_OVERSIZE, "more than %lld bytes", (long long)t->get.cap_bytes);
    else if (code != CURLE_OK && t->halt == HALT_NONE)
        rn_judge_broken((int)code, r);
    else if (r->declared_bytes >= 0 && r->size_bytes < r->declared_bytes)
        rn_judge_broken(CURLE_PARTIAL_FILE, r);
    else if (r->declared_bytes >= 0 && r->size_bytes > r->declared_bytes)
        rn_find(&r->finding, RN_OVERSIZE, "%lld bytes, %lld declared", (long long)r->size_bytes,
                (long long)r->declared_bytes);
}

/* A body that is no content goes beside the partial, for the quarantine. */
static int keep_refusal(struct transfer *t, struct rn_err *err)
{
    struct rn_response *r = &t->r;
    r->size_bytes = (int64_t)t->refusal.n;
    r->declared_bytes = length_of(t->curl);
    if (t->refusal.n == 0)
        return RN_OK;
    rn_sha256_hex(t->refusal.p, t->refusal.n, r->sha256);
    r->body = rn_xprintf("%s.refusal", t->to->path);
    r->has_body = true;
    return rn_file_write(r->body, t->refusal.p, t->refusal.n, err);
}

/* The rest that was asked for is nothing: what is there is the whole body. */
static void judge_complete(struct transfer *t)
{
    t->sort = SORT_CONTENT;
    t->r.status = 200;
    t->r.resumed_bytes = t->total_bytes = t->to->size_bytes;
    judge_content(t, CURLE_OK);
}

static int judge_answer(struct transfer *t, CURLcode code, struct rn_err *err)
{
    struct rn_response *r = &t->r;
    bool broken = code != CURLE_OK && t->halt == HALT_NONE;
    if (t->sort == SORT_UNKNOWN && r->status == 200 && !broken)
        sort_body(t); /* an empty one */
    if (r->status == 416 && t->asked_from > 0 && !broken) {
        judge_complete(t);
    } else if (t->sort == SORT_CONTENT) {
        judge_content(t, code);
    } else if (r->status == 0 || broken) {
        r->declared_bytes = r->status ? length_of(t->curl) : -1;
        rn_judge_broken((int)code, r);
    } else {
        RN_TRY(keep_refusal(t, err));
        rn_judge_status(r->status, t->refusal.p ? t->refusal.p : "", t->refusal.n, &r->finding);
    }
    const char *hint = rn_request_hint(&t->request, r->status);
    rn_copy_text(r->hint, sizeof r->hint, hint ? hint : "");
    if (t->halt == HALT_STALL)
        rn_find(&r->finding, RN_TRANSIENT, "stalled: under %d bytes/s for %.0f s",
                RN_SLOWEST_BYTES_S, t->wire->rules.stall_s);
    bool accepted = r->finding.verdict == RN_ACCEPTED;
    return t->sort == SORT_CONTENT && !accepted ? rn_partial_flush(t->to, r->sha256, err) : RN_OK;
}

/* A server may close a kept connection just as it is used again, which says nothing of what it
 * would have answered: it is asked once more. libcurl does so by itself unless sending fails. */
static bool ask_over_new_connection(struct transfer *t, CURLcode code)
{
    long made = 0;
    curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &made);
    if (code != CURLE_SEND_ERROR || made > 0 || t->r.status != 0)
        return false;
    t->anew = true;
    start_hop(t);
    return true;
}

static void end(struct transfer *t, CURLcode code)
{
    struct rn_response *r = &t->r;
    rn_copy_word(r->content_type, sizeof r->content_type, header(t, "Content-Type"), " ");
    rn_copy_word(r->content_encoding, sizeof r->content_encoding, header(t, "Content-Encoding"),
                 " ");
    if (r->finding.verdict != RN_ACCEPTED) /* a redirect that we did not follow */
        t->rc = keep_refusal(t, &t->err);
    else
        t->rc = judge_answer(t, code, &t->err);
    take_out(t, &t->wire->first);
    put_in(t, &t->wire->ended);
    t->wire->running--;
}

static void end_hop(struct transfer *t, CURLcode code)
{
    t->r.status = status_of(t->curl);
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
static struct transfer *take_transfer(struct rn_transfers *w)
{
    struct transfer *t = w->idle;
    if (!t) {
        t = rn_new(struct transfer);
        t->curl = make_handle(w);
        return t;
    }
    take_out(t, &w->idle);
    w->n_idle--;
    *t = (struct transfer){.curl = t->curl};
    return t;
}

static void free_transfer(struct transfer *t)
{
    curl_easy_cleanup(t->curl);
    free(t);
}

static void leave_transfer(struct transfer *t)
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
        struct transfer *t = w->first;
        curl_multi_remove_handle(w->multi, t->curl);
        take_out(t, &w->first);
        put_in(t, &w->ended);
    }
    while (rn_transfers_next(w, &e))
        rn_response_release(&e.response);
    for (struct transfer *t; (t = w->idle);) {
        take_out(t, &w->idle);
        free_transfer(t);
    }
    curl_multi_cleanup(w->multi);
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
    struct transfer *t = take_transfer(w);
    t->wire = w;
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
    for (struct transfer *t = w->first, *after; t; t = after) {
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

void rn_transfers_work(struct rn_transfers *w, int wait_ms)
{
    int running, left;
    CURLMsg *m;
    if (!w->ended && !w->added)
        curl_multi_poll(w->multi, NULL, 0, wait_ms, NULL);
    w->added = false;
    curl_multi_perform(w->multi, &running);
    while ((m = curl_multi_info_read(w->multi, &left))) {
        struct transfer *t;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) == CURLE_OK)
            end_hop(t, code);
    }
    drop_stalled(w);
}

void rn_transfers_wake(struct rn_transfers *w)
{
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
    struct transfer *t = w->ended;
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
