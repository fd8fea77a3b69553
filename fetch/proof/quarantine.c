#include "quarantine.h"

#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- one piece --- */

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

static json_t *list_lines(const struct rn_str *trail)
{
    json_t *list = json_array();
    struct rn_str text = {0};
    rn_trail_show(trail, &text);
    for (const char *p = text.p ? text.p : ""; *p;) {
        size_t n = strcspn(p, "\n");
        json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    rn_str_release(&text);
    return list;
}

static json_t *describe(const struct rn_evidence *e, const char *url, const char *head, size_t n)
{
    const struct rn_response *r = e->r;
    char hex[128], text[256];
    json_t *meta = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:i, s:o}", "id", e->id,
        "file", e->name, "url", url, "host", r->host, "verdict", rn_verdict_id(r->finding.verdict),
        "detail", r->finding.detail, "status", (json_int_t)r->status, "size_bytes",
        (json_int_t)r->size_bytes, "declared_bytes", (json_int_t)r->declared_bytes, "sha256",
        r->sha256, "content_type", r->content_type, "first_bytes", rn_show_hex(hex, head, n),
        "first_text", rn_show_text(text, head, n), "redirects", r->redirects, "trail",
        list_lines(&r->trail));
    RN_ASSERT(meta); /* everything in it was made printable where it came in */
    if (e->expected && *e->expected)
        json_object_set_new(meta, "expected_sha256", json_string(e->expected));
    return meta;
}

static int write_evidence(const char *place, const char *head, size_t n, const json_t *meta,
                          struct rn_err *err)
{
    char *body = rn_join(place, "body"), *about = rn_join(place, "meta.json");
    char *text = rn_json_pretty(meta);
    int rc = rn_mkdirs(place, err);
    if (rc == RN_OK)
        rc = rn_file_replace(body, head, n, err);
    if (rc == RN_OK)
        rc = rn_file_replace(about, text, strlen(text), err);
    free(text);
    free(about);
    free(body);
    return rc;
}

/* --- the folder --- */

struct piece {
    char *place;
    struct timespec at;
    int64_t size_bytes;
};
struct pieces {
    struct piece *items; /* newest first */
    size_t n, cap;
};

static int newest_first(const void *x, const void *y)
{
    const struct timespec *a = &((const struct piece *)x)->at, *b = &((const struct piece *)y)->at;
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? 1 : -1;
    return (a->tv_nsec < b->tv_nsec) - (a->tv_nsec > b->tv_nsec);
}

static void list_pieces(const char *dir, struct pieces *all)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct piece p = {.place = rn_join(dir, e->d_name)};
        char *body = rn_join(p.place, "body"), *meta = rn_join(p.place, "meta.json");
        struct stat st;
        bool is_one = e->d_name[0] != '.' && stat(meta, &st) == 0;
        if (is_one) {
            p.at = st.st_mtim;
            p.size_bytes = (int64_t)st.st_size + (stat(body, &st) == 0 ? (int64_t)st.st_size : 0);
            RN_PUSH(all->items, all->n, all->cap, p);
        } else {
            free(p.place);
        }
        free(meta);
        free(body);
    }
    if (d)
        closedir(d);
    if (all->n)
        qsort(all->items, all->n, sizeof *all->items, newest_first);
}

static void trim(const char *dir)
{
    struct pieces all = {0};
    int64_t total_bytes = 0;
    list_pieces(dir, &all);
    for (size_t i = 0; i < all.n; i++) {
        total_bytes += all.items[i].size_bytes;
        if (i >= RN_QUARANTINE_MAX || total_bytes > RN_QUARANTINE_MAX_BYTES)
            rn_remove_tree(all.items[i].place, NULL);
        free(all.items[i].place);
    }
    free(all.items);
}

void rn_quarantine(const char *dir, const struct rn_evidence *e, const struct rn_log *log)
{
    char *head = rn_xalloc(RN_ERROR_BODY), *shown = rn_url_plain(e->url);
    size_t n = e->r->has_body ? rn_file_head(e->r->body, head, RN_ERROR_BODY) : 0;
    char *place = place_for(dir, e->name, rn_verdict_id(e->r->finding.verdict), shown);
    struct rn_err err = {0};
    json_t *meta = describe(e, shown, head, n);
    if (write_evidence(place, head, n, meta, &err) != RN_OK)
        rn_log(log, RN_WARN, "cannot keep what was rejected in %s: %s", place, err.msg);
    trim(dir);
    json_decref(meta);
    free(place);
    free(shown);
    free(head);
}
