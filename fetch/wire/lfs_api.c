#include "lfs_api.h"

#include "hop.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 1 << 20 };

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
    struct curl_slist *headers = rn_hop_headers(q, &q->at);
    headers = curl_slist_append(headers, "Accept: application/vnd.git-lfs+json");
    headers = curl_slist_append(headers, "Content-Type: application/vnd.git-lfs+json");
    rn_hop_share(c, false, &q->at);
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
    long status = 0;
    RN_ASSERT(n <= RN_LFS_AT_ONCE);
    if (rn_request_init(&q, how->who, api_url, &err) != RN_OK || !rn_url_allowed(&q.at, false)) {
        rn_find(&finding, RN_REFUSED, "git-lfs: %s", *err.msg ? err.msg : "plain http");
        rn_lfs_find_all(wants, n, &finding);
        rn_request_release(&q);
        return;
    }
    char *text = question(wants, n);
    CURLcode code = post(how, &q, text, &answer, &status);
    bool answered = code == CURLE_OK && status == 200;
    const char *said = answer.p ? answer.p : "";
    if (!answered || !rn_lfs_take_answer(&q.at, said, answer.n, wants, n)) {
        judge(code, status, &answer, &finding);
        rn_lfs_find_all(wants, n, &finding);
    }
    rn_str_release(&answer);
    rn_request_release(&q);
    free(text);
}
