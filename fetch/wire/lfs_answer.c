#include "lfs_answer.h"

#include "clock.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Of an address, of one header, and how many of these. */
enum { HREF_MAX = 1 << 13, HEADER_MAX = 1 << 12, HEADERS_MAX = 16 };

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

static bool refuse_header(struct rn_lfs_want *w, const char *name)
{
    char word[41];
    rn_copy_word(word, sizeof word, name, " ");
    return rn_find(&w->finding, RN_REFUSED, "git-lfs: a header '%s' that is not its to set", word);
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
            return refuse_header(w, name);
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

static void take_objects(const struct rn_url *api, const json_t *doc, struct rn_lfs_want *wants,
                         size_t n)
{
    struct rn_finding finding;
    const json_t *objects = json_object_get(doc, "objects");
    if (strcmp(rn_json_str(doc, "transfer", "basic"), "basic") != 0)
        objects = NULL;
    rn_find(&finding, RN_REFUSED, "git-lfs: %s",
            objects ? "no word about this object" : "an answer without objects");
    rn_lfs_find_all(wants, n, &finding);
    for (size_t k = 0; k < json_array_size(objects); k++) {
        const json_t *object = json_array_get(objects, k);
        for (size_t i = 0; i < n; i++)
            if (strcmp(rn_json_str(object, "oid", ""), wants[i].lfs.sha256) == 0 && !wants[i].href)
                take_object(&wants[i], api, object);
    }
}

bool rn_lfs_take_answer(const struct rn_url *api, const char *text, size_t n_bytes,
                        struct rn_lfs_want *wants, size_t n)
{
    json_t *doc = NULL;
    bool good =
        rn_json_parse(text, n_bytes, RN_NOWHERE, &doc, NULL) == RN_OK && json_is_object(doc);
    if (good)
        take_objects(api, doc, wants, n);
    json_decref(doc);
    return good;
}

void rn_lfs_find_all(struct rn_lfs_want *wants, size_t n, const struct rn_finding *finding)
{
    for (size_t i = 0; i < n; i++)
        wants[i].finding = *finding;
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
