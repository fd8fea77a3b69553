#include "proof.h"

#include "file.h"
#include "mem.h"

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
    return strcmp(name, "zip") == 0 || format_named(formats, name);
}

const char *rn_fetch_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                         enum rn_trust *trust)
{
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    *trust = file->sha256 ? RN_TRUST_YAML : pin ? RN_TRUST_LOCK : RN_TRUST_FIRST_USE;
    return file->sha256 ? file->sha256 : pin ? pin->sha256 : NULL;
}

static bool judge_looks(const char *path, int64_t size_bytes, const char *format, long status,
                        struct rn_finding *found)
{
    char *head = rn_xalloc(RN_ERROR_BODY);
    size_t n = rn_file_head(path, head, RN_ERROR_BODY);
    bool good = rn_judge_bytes(head, n, size_bytes, format, status, found);
    free(head);
    return good;
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
    if (s->sha256 && strcmp(s->sha256, p->r->sha256) == 0)
        return true;
    if (s->sha256 || s->member)
        if (!judge_looks(p->body, p->r->size_bytes, "zip", p->r->status, found))
            return false;
    if (s->sha256)
        return digest_differs(p->body, s->sha256, p->r->sha256, p->r->size_bytes, found);
    return !s->member || rn_judge_ending(p->body, "zip", found);
}

/* Turns "the bytes are bad" of a checker into a finding; other failures are ours. */
static int as_finding(int rc, struct rn_err *why, struct rn_finding *found, struct rn_err *err)
{
    if (rc == RN_OK)
        return RN_OK;
    if (rc != RN_ECORRUPT) {
        if (err)
            *err = *why;
        return rc;
    }
    if (why->at.line > 0)
        rn_find(found, RN_MALFORMED, "line %d: %s", why->at.line, why->msg);
    else
        rn_find(found, RN_MALFORMED, "%s", why->msg);
    return RN_OK;
}

static int take_payload(struct rn_proof *p, struct rn_err *err)
{
    if (!p->source->member) {
        p->payload = rn_xdup(p->body);
        memcpy(p->sha256, p->r->sha256, RN_HEX);
        p->got_bytes = p->r->size_bytes;
        return RN_OK;
    }
    struct rn_err why = {0};
    p->payload = rn_join(p->dir, "payload");
    int rc = rn_zip_member(p->body, p->source->member, p->payload, p->file->expect.max_size,
                           p->sha256, &p->got_bytes, &why);
    return as_finding(rc, &why, &p->r->finding, err);
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
        rc = rn_zip_check(path, NULL, &why);
    if (rc == RN_OK && file->unpack)
        rc = rn_zip_check(path, file->unpack, &why);
    return as_finding(rc, &why, found, err);
}

static bool accepted(const struct rn_proof *p)
{
    return p->r->finding.verdict == RN_ACCEPTED;
}

static int judge_payload(struct rn_proof *p, struct rn_err *err)
{
    struct rn_finding *found = &p->r->finding;
    bool proven = p->pin && strcmp(p->pin, p->sha256) == 0;
    const char *format = p->file->unpack ? "zip" : p->file->expect.format;
    if (!proven) {
        if (!judge_looks(p->payload, p->got_bytes, format, p->r->status, found) ||
            !judge_size(p->file, p->got_bytes, found) ||
            !rn_judge_ending(p->payload, format, found))
            return RN_OK;
        if (p->pin)
            digest_differs(p->payload, p->pin, p->sha256, p->got_bytes, found);
        else if (p->r->content_encoding[0] && strcmp(p->r->content_encoding, "identity") != 0)
            rn_find(found, RN_MALFORMED, "sent as %.20s, which was not asked for",
                    p->r->content_encoding);
        if (!accepted(p))
            return RN_OK;
    } else if (!judge_size(p->file, p->got_bytes, found)) {
        return RN_OK;
    }
    return judge_format(p->formats, p->file, p->payload, found, err);
}

int rn_prove(struct rn_proof *p, struct rn_err *err)
{
    if (!judge_body(p))
        return RN_OK;
    RN_TRY(take_payload(p, err));
    return accepted(p) ? judge_payload(p, err) : RN_OK;
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
