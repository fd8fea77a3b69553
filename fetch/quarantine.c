#include "quarantine.h"

#include "file.h"
#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* The url without user, password, query and fragment. Caller frees. */
static char *plain_url(const char *url)
{
    const char *slashes = strstr(url, "://");
    size_t end = strcspn(url, "?#");
    if (!slashes || slashes >= url + end)
        return rn_xprintf("%.*s", (int)end, url);
    const char *host = slashes + 3;
    size_t authority = strcspn(host, "/?#");
    for (const char *at = host; (at = memchr(at, '@', (size_t)(host + authority - at)));) {
        authority -= (size_t)(++at - host);
        host = at;
    }
    return rn_xprintf("%.*s%.*s", (int)(slashes + 3 - url), url, (int)(url + end - host), host);
}

/* First of name-verdict, -2 .. -9 that is free or tells of the same url. Caller frees. */
static char *place_for(const char *dir, const char *name, const char *verdict, const char *url)
{
    enum { PLACES = 9, LARGEST_META = 1 << 16 };
    for (int i = 1;; i++) {
        char *place = i == 1 ? rn_xprintf("%s/%s-%s", dir, name, verdict)
                             : rn_xprintf("%s/%s-%s-%d", dir, name, verdict, i);
        char *meta = rn_join(place, "meta.json");
        json_t *doc = NULL;
        bool ours = rn_json_read(meta, LARGEST_META, &doc, NULL) != RN_OK ||
                    strcmp(rn_json_str(doc, "url", ""), url) == 0;
        json_decref(doc);
        free(meta);
        if (ours || i == PLACES)
            return place;
        free(place);
    }
}

static json_t *describe(const char *name, const char *url, const struct rn_response *r,
                        const char *head, size_t n)
{
    char hex[128];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:i}", "file", name,
                     "url", url, "host", r->host, "verdict", rn_verdict_id(r->finding.verdict),
                     "detail", r->finding.detail, "status", (json_int_t)r->status, "size_bytes",
                     (json_int_t)r->size_bytes, "declared_bytes", (json_int_t)r->declared_bytes,
                     "sha256", r->sha256, "content_type", r->content_type, "first_bytes",
                     rn_show_hex(hex, head, n), "redirects", r->redirects);
}

static int write_evidence(const char *place, const char *head, size_t n, const json_t *meta,
                          struct rn_err *err)
{
    char *body = rn_join(place, "body"), *about = rn_join(place, "meta.json");
    int rc = rn_mkdirs(place, err);
    if (rc == RN_OK)
        rc = rn_file_write(body, head, n, err);
    if (rc == RN_OK)
        rc = rn_json_write(about, meta, err);
    free(about);
    free(body);
    return rc;
}

void rn_quarantine(const char *dir, const char *name, const char *url, const struct rn_response *r,
                   const char *body, const struct rn_log *log)
{
    char *head = rn_xalloc(RN_ERROR_BODY), *shown = plain_url(url);
    size_t n = rn_file_head(body, head, RN_ERROR_BODY);
    char *place = place_for(dir, name, rn_verdict_id(r->finding.verdict), shown);
    struct rn_err err = {0};
    json_t *meta = describe(name, shown, r, head, n);
    RN_ASSERT(meta); /* everything in it was made printable where it came in */
    if (write_evidence(place, head, n, meta, &err) != RN_OK)
        rn_log(log, RN_WARN, "cannot keep what was rejected in %s: %s", place, err.msg);
    json_decref(meta);
    free(place);
    free(shown);
    free(head);
}
