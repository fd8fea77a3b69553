#include "http.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_REDIRECTS = 10, SLOWEST_BYTES_S = 1024 };

/* --- urls --- */

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* Header values and hosts end up in logs, JSON, the lock: printable ASCII, and what `kept` has. */
static void copy_word(char *to, size_t cap, const char *from, const char *kept)
{
    snprintf(to, cap, "%s", from ? from : "");
    for (char *p = to; *p; p++)
        if ((*p <= ' ' || *p > '~') && !strchr(kept, *p))
            *p = '?';
}

struct url {
    bool https, http, loopback;
    char host[128]; /* with port when given */
};

static struct url parse_url(const char *text)
{
    struct url u = {0};
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *handle = curl_url();
    if (handle && curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        u.https = strcmp(scheme, "https") == 0;
        u.http = strcmp(scheme, "http") == 0;
        u.loopback = is_loopback(host);
        bool has_port = curl_url_get(handle, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        char whole[sizeof u.host];
        snprintf(whole, sizeof whole, "%s%s%s", host, has_port ? ":" : "", has_port ? port : "");
        copy_word(u.host, sizeof u.host, whole, "");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(handle);
    return u;
}

bool rn_url_allowed(const char *url, bool pinned)
{
    struct url u = parse_url(url);
    return u.https || (u.http && (u.loopback || pinned));
}

static bool redirect_allowed(const struct url *from, const struct url *to)
{
    return to->https || (to->http && to->loopback && from->loopback);
}

/* --- receiving --- */

enum halt { HALT_NONE, HALT_OVERSIZE, HALT_ENOUGH, HALT_DISK, HALT_STOP };

struct sink {
    const struct rn_get *get;
    CURL *curl;
    struct rn_writer w;
    int64_t skipped_bytes; /* of redirect bodies */
    enum halt halt;        /* why we ended the transfer ourselves */
};

static long status_of(CURL *curl)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static int64_t declared_of(CURL *curl)
{
    curl_off_t n = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
    return (int64_t)n;
}

static bool is_redirect(long status)
{
    return status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306;
}

static size_t halt(struct sink *s, enum halt why)
{
    s->halt = why;
    return 0; /* anything but the number of bytes offered ends the transfer */
}

static size_t on_body(char *p, size_t each, size_t count, void *ctx)
{
    struct sink *s = ctx;
    size_t n = each * count;
    long status = status_of(s->curl);
    if (is_redirect(status)) {
        s->skipped_bytes += (int64_t)n;
        return s->skipped_bytes > RN_ERROR_BODY ? halt(s, HALT_ENOUGH) : n;
    }
    int64_t cap = status == 200 ? s->get->cap_bytes : RN_ERROR_BODY;
    if (status == 200 && declared_of(s->curl) > cap)
        return halt(s, HALT_OVERSIZE);
    int64_t room = cap - (int64_t)s->w.size_bytes;
    rn_writer_add(&s->w, p, (int64_t)n < room ? n : (size_t)room);
    if (s->w.failed)
        return halt(s, HALT_DISK);
    if ((int64_t)n > room)
        return halt(s, status == 200 ? HALT_OVERSIZE : HALT_ENOUGH);
    return n;
}

static size_t on_header(char *line, size_t each, size_t count, void *ctx)
{
    struct rn_response *r = ctx;
    rn_claims_line(&r->claims, line, each * count);
    return each * count;
}

static int on_tick(void *ctx, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
    struct sink *s = ctx;
    (void)up_total;
    (void)up;
    if (s->get->stopping && s->get->stopping(s->get->ctx)) {
        s->halt = HALT_STOP;
        return 1;
    }
    if (s->get->progress && status_of(s->curl) == 200)
        s->get->progress(s->get->ctx, (int64_t)done, total > 0 ? (int64_t)total : -1);
    return 0;
}

/* --- asking --- */

static void init_curl_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* libcurl's global state has to be made exactly once, before the first handle, from one thread. */
static CURL *new_handle(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl_once);
    CURL *curl = curl_easy_init();
    RN_ASSERT(curl);
    return curl;
}

static void set_options(struct sink *s, struct curl_slist *headers)
{
    CURL *c = s->curl;
    long stall_s = s->get->stall_s < 1 ? 1 : (long)s->get->stall_s;
    double connect_s = s->get->connect_s > 0 ? s->get->connect_s : 15;
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "runnel/" RUNNEL_VERSION);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_s * 1000));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST_BYTES_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

/* One request per hop, because libcurl's own following cannot say 'http only from loopback to
 * loopback'. Ends with a response that is no redirect, or with a finding. */
static CURLcode ask(struct sink *s, struct rn_response *r)
{
    char *next = rn_xdup(s->get->url);
    CURLcode code = CURLE_OK;
    bool more = true;
    while (more) {
        struct url here = parse_url(next);
        snprintf(r->host, sizeof r->host, "%s", here.host);
        curl_easy_setopt(s->curl, CURLOPT_URL, next);
        curl_easy_setopt(s->curl, CURLOPT_NOPROXY, here.loopback ? "*" : NULL);
        code = curl_easy_perform(s->curl);
        r->status = status_of(s->curl);
        char *target = NULL;
        curl_easy_getinfo(s->curl, CURLINFO_REDIRECT_URL, &target);
        more = code == CURLE_OK && is_redirect(r->status) && target;
        if (!more)
            break;
        struct url there = parse_url(target);
        if (r->redirects++ == MAX_REDIRECTS)
            more = rn_find(&r->finding, RN_REFUSED, "more than %d redirects", MAX_REDIRECTS);
        else if (!redirect_allowed(&here, &there))
            more = rn_find(&r->finding, RN_INTERCEPTED, "redirect to plain http at %s", there.host);
        free(next);
        next = rn_xdup(target);
    }
    free(next);
    return code;
}

/* What a broken transfer means. Codes not listed are trouble on the way: transient. */
static const struct {
    CURLcode code;
    enum rn_verdict verdict;
} broken[] = {
    {CURLE_PARTIAL_FILE, RN_TRUNCATED},       {CURLE_UNSUPPORTED_PROTOCOL, RN_REFUSED},
    {CURLE_URL_MALFORMAT, RN_REFUSED},        {CURLE_PEER_FAILED_VERIFICATION, RN_INTERCEPTED},
    {CURLE_SSL_ISSUER_ERROR, RN_INTERCEPTED}, {CURLE_SSL_INVALIDCERTSTATUS, RN_INTERCEPTED},
};

static void judge_broken(CURLcode code, const struct rn_get *get, struct rn_response *r)
{
    enum rn_verdict v = RN_TRANSIENT;
    for (size_t i = 0; i < RN_COUNT(broken); i++)
        if (broken[i].code == code)
            v = broken[i].verdict;
    if (code == CURLE_OPERATION_TIMEDOUT)
        rn_find(&r->finding, v, "stalled: under %d bytes/s for %.0f s", SLOWEST_BYTES_S,
                get->stall_s < 1 ? 1.0 : get->stall_s);
    else if (v == RN_TRUNCATED && r->declared_bytes >= 0)
        rn_find(&r->finding, v, "%lld of %lld bytes", (long long)r->size_bytes,
                (long long)r->declared_bytes);
    else
        rn_find(&r->finding, v, "%s", curl_easy_strerror(code));
}

static void read_header_facts(CURL *curl, struct rn_response *r)
{
    char *type = NULL;
    curl_off_t retry_after_s = 0;
    struct curl_header *h;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    copy_word(r->content_type, sizeof r->content_type, type, " ");
    r->retry_after_s = retry_after_s > 0 ? (double)retry_after_s : 0;
    if (curl_easy_header(curl, "Content-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
        copy_word(r->content_encoding, sizeof r->content_encoding, h->value, " ");
    r->declared_bytes = r->status ? declared_of(curl) : -1;
}

static void judge_status_with_body(const char *path, struct rn_response *r)
{
    char *head = rn_xalloc(RN_ERROR_BODY);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, RN_ERROR_BODY, f) : 0;
    if (f)
        fclose(f);
    rn_judge_status(r->status, head, n, &r->finding);
    free(head);
}

static void judge_transfer(const struct sink *s, CURLcode code, struct rn_response *r)
{
    if (r->finding.verdict != RN_ACCEPTED)
        return; /* a redirect that we did not follow */
    if (s->halt == HALT_OVERSIZE)
        rn_find(&r->finding, RN_OVERSIZE, "more than %lld bytes", (long long)s->get->cap_bytes);
    else if (r->status && r->status != 200)
        judge_status_with_body(s->get->path, r);
    else if (code != CURLE_OK)
        judge_broken(code, s->get, r);
    else if (r->declared_bytes >= 0 && r->size_bytes < r->declared_bytes)
        judge_broken(CURLE_PARTIAL_FILE, s->get, r);
}

static int receive(struct sink *s, struct rn_response *r, struct rn_err *err)
{
    RN_TRY(rn_writer_open(&s->w, s->get->path, err));
    CURLcode code = ask(s, r);
    if (s->halt == HALT_STOP) {
        rn_writer_abort(&s->w);
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "asked to stop during a download");
    }
    r->size_bytes = (int64_t)s->w.size_bytes;
    read_header_facts(s->curl, r);
    RN_TRY(rn_writer_commit(&s->w, r->sha256, err));
    r->has_body = true;
    judge_transfer(s, code, r);
    return RN_OK;
}

int rn_http_get(const struct rn_get *get, struct rn_response *r, struct rn_err *err)
{
    *r = (struct rn_response){.declared_bytes = -1};
    rn_find(&r->finding, RN_ACCEPTED, "%s", "");
    if (!rn_url_allowed(get->url, get->pinned)) {
        struct url u = parse_url(get->url);
        snprintf(r->host, sizeof r->host, "%s", u.host);
        rn_find(&r->finding, RN_REFUSED, "plain http without a sha256");
        return RN_OK;
    }
    struct sink s = {.get = get, .curl = new_handle()};
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    set_options(&s, headers);
    curl_easy_setopt(s.curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(s.curl, CURLOPT_HEADERDATA, r);
    int rc = receive(&s, r, err);
    curl_slist_free_all(headers);
    curl_easy_cleanup(s.curl);
    return rc;
}
