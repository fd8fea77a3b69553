#include "transfer.h"

#include "headers.h"

#include <string.h>

int64_t rn_transfer_length(const struct rn_transfer *t)
{
    curl_off_t n = -1;
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
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
static struct rn_origin read_origin(const struct rn_transfer *t)
{
    struct rn_origin o = {.total_bytes = t->total_bytes};
    memcpy(o.url_sha256, t->url_sha256, RN_HEX);
    if (rn_etag_is_strong(rn_transfer_header(t, "ETag")))
        copy_validator(o.etag, sizeof o.etag, rn_transfer_header(t, "ETag"));
    if (modified_is_strong(rn_transfer_header(t, "Last-Modified"), rn_transfer_header(t, "Date")))
        copy_validator(o.modified, sizeof o.modified, rn_transfer_header(t, "Last-Modified"));
    return o;
}

static bool encoded(const struct rn_transfer *t)
{
    const char *e = rn_transfer_header(t, "Content-Encoding");
    return *e && strcmp(e, "identity") != 0;
}

static bool says_other(const struct rn_transfer *t, const char *name, const char *validator)
{
    const char *said = rn_transfer_header(t, name);
    return *validator && *said && strcmp(validator, said) != 0;
}

bool rn_transfer_other_version(const struct rn_transfer *t, int64_t total_bytes)
{
    const struct rn_origin *o = &t->to->origin;
    if (o->total_bytes >= 0 && total_bytes >= 0 && o->total_bytes != total_bytes)
        return true;
    return !t->get.pinned &&
           (says_other(t, "ETag", o->etag) || says_other(t, "Last-Modified", o->modified));
}

/* True if the part that arrives fits to what is there; then the partial ends where it begins. */
static bool join_part(struct rn_transfer *t)
{
    struct rn_content_range span;
    const struct rn_origin *o = &t->to->origin;
    if (!rn_content_range_parse(rn_transfer_header(t, "Content-Range"), &span) || span.first < 0 ||
        span.first > t->to->size_bytes || encoded(t) || rn_transfer_other_version(t, span.total))
        return false;
    t->total_bytes = span.total >= 0 ? span.total : o->total_bytes;
    if (span.first < t->to->size_bytes && rn_partial_cut(t->to, span.first, NULL) != RN_OK)
        return false;
    if (t->parts == 0)
        t->r.resumed_bytes = t->to->size_bytes;
    return true;
}

enum rn_halt rn_transfer_sort(struct rn_transfer *t)
{
    long status = rn_transfer_status(t);
    t->sort = rn_status_redirects(status) ? SORT_SKIPPED : SORT_REFUSAL;
    if (status == 200) {
        t->sort = SORT_CONTENT;
        t->total_bytes = rn_transfer_length(t);
        struct rn_origin origin = read_origin(t);
        rn_partial_begin(t->to, &origin);
    } else if (status == 206 && t->asked_from > 0) {
        if (!join_part(t))
            return HALT_RANGE;
        t->sort = SORT_CONTENT;
    }
    return t->sort == SORT_CONTENT && t->total_bytes > t->get.cap_bytes ? HALT_OVERSIZE : HALT_NONE;
}

static enum rn_halt take_content(struct rn_transfer *t, const char *p, size_t n)
{
    int64_t room = t->get.cap_bytes - t->to->size_bytes;
    if (room < 0)
        return HALT_OVERSIZE; /* what is there came when more was allowed */
    rn_partial_add(t->to, p, (int64_t)n < room ? n : (size_t)room);
    if (t->to->failed)
        return HALT_DISK;
    return (int64_t)n > room ? HALT_OVERSIZE : HALT_NONE;
}

static enum rn_halt take_refusal(struct rn_transfer *t, const char *p, size_t n)
{
    size_t room = RN_ERROR_BODY - t->refusal.n;
    rn_str_add(&t->refusal, p, n < room ? n : room);
    return n > room ? HALT_ENOUGH : HALT_NONE;
}

static size_t on_body(char *p, size_t each, size_t count, void *ctx)
{
    struct rn_transfer *t = ctx;
    size_t n = each * count;
    t->received += (int64_t)n;
    *t->all_received += (int64_t)n;
    if (t->sort == SORT_UNKNOWN)
        t->halt = rn_transfer_sort(t);
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
    struct rn_transfer *t = ctx;
    rn_claims_line(&t->r.claims, line, each * count);
    rn_trail_line(&t->r.trail, line, each * count);
    return each * count;
}

void rn_transfer_listen(CURL *c)
{
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
}
