#include "proof.h"

#include "file.h"
#include "mem.h"
#include "str.h"
#include "template.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_format *format_named(const struct rn_format *formats, const char *name)
{
    for (; formats && formats->name; formats++)
        if (strcmp(formats->name, name) == 0)
            return formats;
    return NULL;
}

bool rn_format_known(const struct rn_format *formats, const char *name)
{
    return rn_archive_known(name) || format_named(formats, name);
}

const char *rn_fetch_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                         enum rn_trust *trust)
{
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    *trust = file->sha256 ? RN_TRUST_YAML : pin ? RN_TRUST_LOCK : RN_TRUST_FIRST_USE;
    return file->sha256 ? file->sha256 : pin ? pin->sha256 : NULL;
}

static bool judge_file(const char *path, int64_t size_bytes, const char *format, long status,
                       struct rn_finding *found)
{
    char *head = rn_xalloc(RN_ERROR_BODY);
    size_t n = rn_file_head(path, head, RN_ERROR_BODY);
    bool good = rn_judge_bytes(head, n, size_bytes, format, status, found);
    free(head);
    return good;
}

/* Of the body, or of the payload that was taken out of it. */
static bool judge_looks(struct rn_proof *p, const char *path, int64_t size_bytes,
                        const char *format)
{
    struct rn_response *r = p->r;
    if (!p->bytes || strcmp(path, p->body) != 0)
        return judge_file(path, size_bytes, format, r->status, &r->finding);
    size_t n = size_bytes < RN_ERROR_BODY ? (size_t)size_bytes : RN_ERROR_BODY;
    return rn_judge_bytes(p->bytes, n, size_bytes, format, r->status, &r->finding);
}

static bool digest_differs(const char *path, const char *expected, const char *actual,
                           int64_t size_bytes, struct rn_finding *found)
{
    char head[16], hex[128];
    size_t n = rn_file_head(path, head, sizeof head);
    return rn_find(found, RN_DIGEST, "sha256 %.12s.., pinned %.12s.., %lld bytes, begins %s",
                   actual, expected, (long long)size_bytes, rn_show_hex(hex, head, n));
}

/* The body as it was sent: is it what this url is said to give? */
static bool judge_body(struct rn_proof *p)
{
    const struct rn_source *s = p->source;
    struct rn_finding *found = &p->r->finding;
    const char *outer = s->member ? "zip" : s->pack ? rn_pack_words[s->pack] : NULL;
    if (s->sha256 && strcmp(s->sha256, p->r->sha256) == 0)
        return true;
    if (s->sha256 || outer)
        if (!judge_looks(p, p->body, p->r->size_bytes, outer ? outer : "zip"))
            return false;
    if (s->sha256)
        return digest_differs(p->body, s->sha256, p->r->sha256, p->r->size_bytes, found);
    return !s->member || rn_judge_ending(p->body, "zip", found);
}

/* --- what others say of it --- */

static bool judge_sum(const char *what, const char *claimed, const char *actual,
                      struct rn_finding *found)
{
    return strcmp(claimed, actual) == 0 ||
           rn_find(found, RN_DIGEST, "sha256 %.12s.., %s says %.12s..", actual, what, claimed);
}

/* The list may name what the url gives, or the payload (judged when it is there). */
static bool judge_sums_of_body(struct rn_proof *p)
{
    char *name = rn_url_name(p->source->url);
    const char *claimed = p->sums ? rn_sums_find(p->sums, name) : NULL;
    bool good = !claimed || judge_sum("SHA256SUMS", claimed, p->r->sha256, &p->r->finding);
    if (claimed && good)
        p->trust = RN_TRUST_SUMS;
    free(name);
    return good;
}

static bool judge_sums_of_payload(struct rn_proof *p)
{
    if (!p->sums || p->trust == RN_TRUST_SUMS)
        return true;
    const char *claimed = rn_sums_find(p->sums, p->file->name);
    if (!claimed)
        return rn_find(&p->r->finding, RN_DIGEST, "SHA256SUMS has no digest for '%.80s'",
                       p->file->name);
    p->trust = RN_TRUST_SUMS;
    return judge_sum("SHA256SUMS", claimed, p->sha256, &p->r->finding);
}

static bool judge_lfs_promise(struct rn_proof *p)
{
    struct rn_finding *found = &p->r->finding;
    if (!p->lfs)
        return true;
    if (p->r->size_bytes != p->lfs->size_bytes)
        return rn_find(found, p->r->size_bytes < p->lfs->size_bytes ? RN_TRUNCATED : RN_OVERSIZE,
                       "%lld bytes, the git-lfs pointer says %lld", (long long)p->r->size_bytes,
                       (long long)p->lfs->size_bytes);
    p->trust = RN_TRUST_HEADER;
    return judge_sum("the git-lfs pointer", p->lfs->sha256, p->r->sha256, found);
}

/* Whoever answers in the hub's place does not name the commit. */
static bool judge_hub(struct rn_proof *p)
{
    if (!rn_starts_with(p->source->url, "hf://") || p->r->claims.commit[0])
        return true;
    return rn_find(&p->r->finding, RN_INTERCEPTED,
                   "no X-Repo-Commit: this is not the hub's answer");
}

static bool judge_claims(struct rn_proof *p)
{
    bool said = false;
    struct rn_response *r = p->r;
    p->trust = RN_TRUST_FIRST_USE;
    if (p->pin)
        return true; /* better than anybody's word */
    if (!judge_hub(p) ||
        !rn_claims_hold(&r->claims, p->body, r->sha256, r->size_bytes, &r->finding, &said))
        return false;
    if (said)
        p->trust = RN_TRUST_HEADER;
    return judge_lfs_promise(p) && judge_sums_of_body(p);
}

/* Turns "the bytes are bad" of a checker into a finding; other failures are ours. */
static int as_finding(int rc, struct rn_err *why, struct rn_finding *found, struct rn_err *err)
{
    if (rc == RN_OK)
        return RN_OK;
    if (rc != RN_ECORRUPT) {
        rn_fail_as(err, why);
        return rc;
    }
    if (why->line > 0)
        rn_find(found, RN_MALFORMED, "line %d: %s", why->line, why->msg);
    else
        rn_find(found, RN_MALFORMED, "%s", why->msg);
    return RN_OK;
}

static int take_member(struct rn_proof *p, struct rn_err *err)
{
    struct rn_err why = {0};
    int rc = rn_zip_member(p->body, p->source->member, p->payload, p->file->expect.max_size,
                           p->sha256, &p->got_bytes, &why);
    return as_finding(rc, &why, &p->r->finding, err);
}

static int take_stream(struct rn_proof *p, struct rn_err *err)
{
    struct rn_packed got = {.size_bytes = -1};
    RN_TRY(rn_unpack_stream(p->source->pack, p->body, p->payload, p->file->expect.max_size, &got,
                            &p->r->finding, err));
    memcpy(p->sha256, got.sha256, RN_HEX);
    p->got_bytes = got.size_bytes;
    return RN_OK;
}

static int take_payload(struct rn_proof *p, struct rn_err *err)
{
    bool packed = p->source->member || p->source->pack;
    p->payload = packed ? rn_xprintf("%s.payload", p->body) : rn_xdup(p->body);
    if (packed)
        return p->source->member ? take_member(p, err) : take_stream(p, err);
    memcpy(p->sha256, p->r->sha256, RN_HEX);
    p->got_bytes = p->r->size_bytes;
    return RN_OK;
}

static bool judge_size(const struct rn_fetch_file *file, long long got, struct rn_finding *found)
{
    const struct rn_expect *e = &file->expect;
    long long want = file->size_bytes;
    if (want >= 0 && got < want)
        return rn_find(found, RN_TRUNCATED, "%lld of %lld bytes", got, want);
    if (want >= 0 && got > want)
        return rn_find(found, RN_OVERSIZE, "%lld bytes, expected %lld", got, want);
    if (e->max_size >= 0 && got > e->max_size)
        return rn_find(found, RN_OVERSIZE, "%lld bytes, at most %lld", got, (long long)e->max_size);
    if (e->min_size >= 0 && got < e->min_size)
        return rn_find(found, RN_MALFORMED, "%lld bytes, at least %lld", got,
                       (long long)e->min_size);
    return true;
}

/* Of what has no mark at its end by which rn_judge_ending could tell; for files that are bad. */
static bool judge_stream_end(const struct rn_fetch_file *file, const char *path,
                             struct rn_finding *found)
{
    const char *name = file->expect.format;
    bool stream = file->unpack || (name && (rn_archive_known(name) || strcmp(name, "gzip") == 0));
    return !stream || !rn_stream_is_cut(path) ||
           rn_find(found, RN_TRUNCATED, "it ends before its end");
}

/* The declared format, and the archive's rules. */
static int judge_format(const struct rn_format *formats, const struct rn_fetch_file *file,
                        const char *path, struct rn_finding *found, struct rn_err *err)
{
    struct rn_err why = {0};
    const char *name = file->expect.format;
    const struct rn_format *format = name ? format_named(formats, name) : NULL;
    if (name && !rn_format_known(formats, name))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown format '%s'", name);
    int rc = RN_OK;
    if (format)
        rc = format->check(path, &file->expect, &why);
    else if (name && !file->unpack)
        rc = rn_archive_check(path, name, NULL, &why);
    if (rc == RN_OK && file->unpack)
        rc = rn_archive_check(path, name, file->unpack, &why);
    if (rc == RN_ECORRUPT && !judge_stream_end(file, path, found))
        return RN_OK;
    return as_finding(rc, &why, found, err);
}

/* Without a pin that is met, everything else has to speak for it. */
static bool judge_unproven(struct rn_proof *p)
{
    const char *format = p->file->unpack ? "zip" : p->file->expect.format;
    const char *encoding = p->r->content_encoding;
    struct rn_finding *found = &p->r->finding;
    if (!judge_looks(p, p->payload, p->got_bytes, format) ||
        !judge_size(p->file, p->got_bytes, found) || !rn_judge_ending(p->payload, format, found))
        return false;
    if (p->pin)
        return judge_stream_end(p->file, p->payload, found) &&
               digest_differs(p->payload, p->pin, p->sha256, p->got_bytes, found);
    if (*encoding && strcmp(encoding, "identity") != 0)
        return rn_find(found, RN_MALFORMED, "sent as %.20s, which was not asked for", encoding);
    return judge_sums_of_payload(p);
}

static int judge_payload(struct rn_proof *p, struct rn_err *err)
{
    struct rn_finding *found = &p->r->finding;
    bool proven = p->pin && strcmp(p->pin, p->sha256) == 0;
    bool good = proven ? judge_size(p->file, p->got_bytes, found) : judge_unproven(p);
    return good ? judge_format(p->formats, p->file, p->payload, found, err) : RN_OK;
}

int rn_prove_need(const struct rn_fetch_file *file, struct rn_err *err)
{
    const char *format = file->expect.format;
    if (!format && !file->unpack)
        return RN_OK;
    RN_TRY(rn_archive_need(format, file->name, err));
    return format || file->n_sources == 0 ? RN_OK
                                          : rn_archive_need(NULL, file->sources[0].url, err);
}

int rn_prove(struct rn_proof *p, struct rn_err *err)
{
    if (!judge_body(p) || !judge_claims(p))
        return RN_OK;
    RN_TRY(take_payload(p, err));
    return p->r->finding.verdict == RN_ACCEPTED ? judge_payload(p, err) : RN_OK;
}

void rn_proof_release(struct rn_proof *p)
{
    free(p->payload);
    p->payload = NULL;
}

int rn_prove_check(const struct rn_format *formats, const struct rn_fetch_file *file,
                   const char *path, int64_t size_bytes, struct rn_finding *found,
                   struct rn_err *err)
{
    rn_find(found, RN_ACCEPTED, "%s", "");
    return judge_size(file, size_bytes, found) ? judge_format(formats, file, path, found, err)
                                               : RN_OK;
}
