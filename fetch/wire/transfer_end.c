#include "transfer.h"

#include "file.h"
#include "mem.h"

#include <string.h>

static void judge_content(struct rn_transfer *t, CURLcode code)
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

/* A body that is no content goes beside the partial, for the quarantine; nobody waits for the disk
 * with it. */
static int keep_refusal(struct rn_transfer *t, struct rn_err *err)
{
    struct rn_response *r = &t->r;
    r->size_bytes = (int64_t)t->refusal.n;
    r->declared_bytes = rn_transfer_length(t);
    if (t->refusal.n == 0)
        return RN_OK;
    rn_sha256_hex(t->refusal.p, t->refusal.n, r->sha256);
    r->body = rn_xprintf("%s.refusal", t->to->path);
    r->has_body = true;
    return rn_file_replace(r->body, t->refusal.p, t->refusal.n, err);
}

/* The rest that was asked for is nothing: what is there is the whole body. */
static void judge_complete(struct rn_transfer *t)
{
    t->sort = SORT_CONTENT;
    t->r.status = 200;
    t->r.resumed_bytes = t->total_bytes = t->to->size_bytes;
    judge_content(t, CURLE_OK);
}

static int judge_answer(struct rn_transfer *t, CURLcode code, struct rn_err *err)
{
    struct rn_response *r = &t->r;
    bool broken = code != CURLE_OK && t->halt == HALT_NONE;
    if (t->sort == SORT_UNKNOWN && r->status == 200 && !broken)
        rn_transfer_sort(t); /* an empty one */
    if (r->status == 416 && t->asked_from > 0 && !broken) {
        judge_complete(t);
    } else if (t->sort == SORT_CONTENT) {
        judge_content(t, code);
    } else if (r->status == 0 || broken) {
        r->declared_bytes = r->status ? rn_transfer_length(t) : -1;
        rn_judge_broken((int)code, r);
    } else {
        RN_TRY(keep_refusal(t, err));
        rn_judge_status(r->status, t->refusal.p ? t->refusal.p : "", t->refusal.n, &r->finding);
    }
    const char *hint = rn_request_hint(&t->request, r->status);
    rn_copy_text(r->hint, sizeof r->hint, hint ? hint : "");
    if (t->halt == HALT_STALL)
        rn_find(&r->finding, RN_TRANSIENT, "stalled: under %d bytes/s for %.0f s",
                RN_SLOWEST_BYTES_S, t->rules->stall_s);
    bool accepted = r->finding.verdict == RN_ACCEPTED;
    return t->sort == SORT_CONTENT && !accepted ? rn_partial_flush(t->to, r->sha256, err) : RN_OK;
}

int rn_transfer_judge(struct rn_transfer *t, CURLcode code, struct rn_err *err)
{
    struct rn_response *r = &t->r;
    rn_copy_word(r->content_type, sizeof r->content_type, rn_transfer_header(t, "Content-Type"),
                 " ");
    rn_copy_word(r->content_encoding, sizeof r->content_encoding,
                 rn_transfer_header(t, "Content-Encoding"), " ");
    if (r->finding.verdict != RN_ACCEPTED) /* a redirect that we did not follow */
        return keep_refusal(t, err);
    return judge_answer(t, code, err);
}
