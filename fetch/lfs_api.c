#include "lfs_api.h"

#include "file.h"
#include "hop.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Of an answer, of an address, of one header, and how many of these. */
enum { ANSWER_MAX = 1 << 20, HREF_MAX = 1 << 13, HEADER_MAX = 1 << 12, HEADERS_MAX = 16 };

/* --- whom to ask --- */

#define API ".git/info/lfs/objects/batch"

/* ".../raw/..." -> "...": the repository, as browsers see it; NULL: no such url. */
static char *repository_of(const char *url)
{
    const char *host = strstr(url, "://"), *raw = host ? strstr(host + 3, "/raw/") : NULL;
    if (!raw)
        return NULL;
    size_t n = (size_t)(raw - url);
    if (n >= 2 && memcmp(raw - 2, "/-", 2) == 0)
        n -= 2; /* GitLab's */
    return rn_xprintf("%.*s", (int)n, url);
}

char *rn_lfs_api_url(const char *url)
{
    static const char raw_host[] = "https://raw.githubusercontent.com/";
    if (rn_starts_with(url, raw_host)) {
        const char *owner = url + strlen(raw_host);
        size_t n = strcspn(owner, "/"), all = n + (owner[n] ? 1 + strcspn(owner + n + 1, "/") : 0);
        return rn_xprintf("https://github.com/%.*s" API, (int)all, owner);
    }
    char *repository = repository_of(url);
    char *api = repository ? rn_xprintf("%s" API, repository) : NULL;
    free(repository);
    return api;
}

/* --- the answer --- */

static bool is_plain(const char *text, size_t cap)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return n > 0 && n < cap;
}

/* A header that says where a request ends, or what of the object it asks for, is ours to set. */
static bool may_be_set(const char *name)
{
    static const char *const ours[] = {
        "host",  "content-length", "transfer-encoding", "te",      "connection",          "upgrade",
        "range", "if-range",       "accept-encoding",   "trailer", "proxy-authorization", "expect"};
    for (size_t i = 0; i < RN_COUNT(ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_", *p))
            return false;
    return *name != '\0';
}

static bool take_headers(struct rn_lfs_want *w, json_t *headers)
{
    const char *name;
    json_t *value;
    if (json_object_size(headers) > HEADERS_MAX)
        return rn_find(&w->finding, RN_REFUSED, "git-lfs: %zu headers", json_object_size(headers));
    if (json_object_size(headers))
        w->headers = rn_xalloc(json_object_size(headers) * sizeof *w->headers);
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        if (!may_be_set(name) || !text || !is_plain(text, HEADER_MAX))
            return rn_find(&w->finding, RN_REFUSED,
                           "git-lfs: a header '%.40s' that is not its to "
                           "set",
                           name);
        w->headers[w->n_headers++] = rn_xprintf("%s: %s", name, text);
    }
    return true;
}

/* "2026-11-21T20:23:40Z" as seconds since 1970, -1: something else. */
static double moment_of(const char *text)
{
    struct tm tm = {0};
    int end = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &end) != 6 ||
        end == 0)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (double)timegm(&tm);
}

static bool is_expired(const json_t *action)
{
    double until_s = moment_of(rn_json_str(action, "expires_at", ""));
    return rn_json_int(action, "expires_in", 1) <= 0 || (until_s >= 0 && until_s <= rn_time_s());
}

/* True if it says where the object is, and that is a place where we go. */
static bool take_action(struct rn_lfs_want *w, const struct rn_url *api, const json_t *action)
{
    const char *href = rn_json_str(action, "href", "");
    struct rn_url at = rn_url_parse(href);
    if (!is_plain(href, HREF_MAX) || strchr(href, ' ') || !(at.https || at.http) || at.has_user)
        return rn_find(&w->finding, RN_REFUSED, "git-lfs: an address that is none");
    if (!rn_redirect_allowed(api, &at))
        return rn_find(&w->finding, RN_INTERCEPTED, "git-lfs: sent to plain http at %s", at.host);
    if (is_expired(action))
        return rn_find(&w->finding, RN_TRANSIENT, "git-lfs: an address that has expired");
    if (!take_headers(w, json_object_get(action, "header")))
        return false;
    w->href = rn_xdup(href);
    return true;
}

static void take_error(struct rn_lfs_want *w, const json_t *error)
{
    char message[96];
    int64_t code = rn_json_int(error, "code", 0);
    rn_copy_word(message, sizeof message, rn_json_str(error, "message", ""), " ");
    rn_judge_status(code >= 400 && code <= 599 ? (long)code : 404, "", 0, &w->finding);
    enum rn_verdict v = w->finding.verdict == RN_ACCEPTED ? RN_REFUSED : w->finding.verdict;
    rn_find(&w->finding, v, "git-lfs: %s (%lld)", message, (long long)code);
}

static void take_object(struct rn_lfs_want *w, const struct rn_url *api, const json_t *object)
{
    const json_t *error = json_object_get(object, "error"),
                 *action = json_object_get(json_object_get(object, "actions"), "download");
    int64_t size_bytes = rn_json_int(object, "size", -1);
    rn_lfs_want_release(w);
    if (error)
        take_error(w, error);
    else if (size_bytes != w->lfs.size_bytes)
        rn_find(&w->finding, RN_REFUSED, "git-lfs: %lld bytes, the pointer says %lld",
                (long long)size_bytes, (long long)w->lfs.size_bytes);
    else if (!take_action(w, api, action))
        rn_lfs_want_release(w);
}

static void find_all(struct rn_lfs_want *wants, size_t n, const struct rn_finding *finding)
{
    for (size_t i = 0; i < n; i++)
        wants[i].finding = *finding;
}

static void take_answer(const struct rn_url *api, const json_t *doc, struct rn_lfs_want *wants,
                        size_t n)
{
    struct rn_finding finding;
    const json_t *objects = json_object_get(doc, "objects");
    if (strcmp(rn_json_str(doc, "transfer", "basic"), "basic") != 0)
        objects = NULL;
    rn_find(&finding, RN_REFUSED, "git-lfs: %s",
            objects ? "no word about this object" : "an answer without objects");
    find_all(wants, n, &finding);
    for (size_t k = 0; k < json_array_size(objects); k++) {
        const json_t *object = json_array_get(objects, k);
        for (size_t i = 0; i < n; i++)
            if (strcmp(rn_json_str(object, "oid", ""), wants[i].lfs.sha256) == 0 && !wants[i].href)
                take_object(&wants[i], api, object);
    }
}

/* --- asking --- */

static size_t on_body(char *p, size_t each, size_t count, void *ctx)
{
    struct rn_str *answer = ctx;
    if (answer->n + each * count > ANSWER_MAX)
        return 0;
    rn_str_add(answer, p, each * count);
    return each * count;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct rn_lfs_how *how = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return how->stopping && how->stopping(how->ctx);
}

static char *question(const struct rn_lfs_want *wants, size_t n)
{
    json_t *objects = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(objects, json_pack("{s:s, s:I}", "oid", wants[i].lfs.sha256, "size",
                                                 (json_int_t)wants[i].lfs.size_bytes));
    json_t *doc = json_pack("{s:s, s:[s], s:s, s:o}", "operation", "download", "transfers", "basic",
                            "hash_algo", "sha256", "objects", objects);
    char *text = rn_json_canonical(doc);
    json_decref(doc);
    return text;
}

static CURLcode post(const struct rn_lfs_how *how, const struct rn_request *q, const char *text,
                     struct rn_str *answer, long *status)
{
    CURL *c = curl_easy_init();
    RN_ASSERT(c);
    rn_hop_prepare(c, how->connect_s);
    rn_hop_share(c, false);
    struct curl_slist *headers = rn_hop_headers(q, &q->at);
    headers = curl_slist_append(headers, "Accept: application/vnd.git-lfs+json");
    headers = curl_slist_append(headers, "Content-Type: application/vnd.git-lfs+json");
    rn_hop_aim(c, q->url, &q->at, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, how);
    double connect_s = how->connect_s > 0 ? how->connect_s : 15;
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)((connect_s + how->stall_s) * 1000));
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return code;
}

/* What came instead of an answer. */
static void judge(CURLcode code, long status, const struct rn_str *answer,
                  struct rn_finding *finding)
{
    struct rn_response r = {.declared_bytes = -1};
    if (code == CURLE_WRITE_ERROR)
        rn_find(&r.finding, RN_OVERSIZE, "git-lfs: an answer of more than %d bytes", ANSWER_MAX);
    else if (code != CURLE_OK)
        rn_judge_broken((int)code, &r);
    else if (status != 200)
        rn_judge_status(status, answer->p ? answer->p : "", answer->n, &r.finding);
    else
        rn_find(&r.finding, RN_ERROR_JSON, "git-lfs: an answer that is no JSON");
    *finding = r.finding;
}

void rn_lfs_ask(const struct rn_lfs_how *how, const char *api_url, struct rn_lfs_want *wants,
                size_t n)
{
    struct rn_request q = {0};
    struct rn_str answer = {0};
    struct rn_finding finding;
    struct rn_err err = {0};
    json_t *doc = NULL;
    long status = 0;
    RN_ASSERT(n <= RN_LFS_AT_ONCE);
    if (rn_request_init(&q, how->who, api_url, &err) != RN_OK || !rn_url_allowed(&q.at, false)) {
        rn_find(&finding, RN_REFUSED, "git-lfs: %s", *err.msg ? err.msg : "plain http");
        find_all(wants, n, &finding);
        rn_request_release(&q);
        return;
    }
    char *text = question(wants, n);
    CURLcode code = post(how, &q, text, &answer, &status);
    if (code == CURLE_OK && status == 200)
        rn_json_parse(answer.p ? answer.p : "", answer.n, RN_NOWHERE, &doc, NULL);
    if (json_is_object(doc)) {
        take_answer(&q.at, doc, wants, n);
    } else {
        judge(code, status, &answer, &finding);
        find_all(wants, n, &finding);
    }
    json_decref(doc);
    rn_str_release(&answer);
    rn_request_release(&q);
    free(text);
}

void rn_lfs_want_release(struct rn_lfs_want *w)
{
    for (size_t i = 0; i < w->n_headers; i++)
        free(w->headers[i]);
    free(w->headers);
    free(w->href);
    w->headers = NULL;
    w->n_headers = 0;
    w->href = NULL;
}
