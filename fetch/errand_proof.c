#include "errand_proof.h"

#include "file.h"
#include "mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell_patched(const struct rn_errand *e)
{
    const char *detail = e->r.finding.detail;
    char *kind = rn_xprintf("continued %s", e->r.host);
    rn_alike_tell(&e->bench->alike, &(struct rn_saying){RN_WARN, kind, detail, e->now_s},
                  "%s was continued from %s and is not right: %s; anew", e->file->name, e->r.host,
                  detail);
    free(kind);
}

/* A body that was taken whole and is not the file. If its beginning came from an earlier attempt,
 * that may be to blame: the same source is asked again, for all of it. */
static void reject_body(struct rn_errand *e)
{
    struct rn_origin none = {.total_bytes = -1};
    bool patched = e->r.resumed_bytes > 0;
    if (patched)
        tell_patched(e);
    else
        rn_asking_reject(&e->asking, &e->r, false, e->now_s);
    if (e->r.finding.verdict == RN_DIGEST && *e->proof.sha256 && !patched)
        rn_asking_gave(&e->asking, e->proof.sha256);
    if (e->partial.fd < 0 && e->r.body)
        unlink(e->r.body); /* a local copy */
    if (e->proof.payload)
        unlink(e->proof.payload); /* what was taken out of it */
    rn_partial_begin(&e->partial, &none);
    e->state = RN_READY;
}

static void publish(struct rn_errand *e, const char *payload, const char *host, const char *etag,
                    bool remote)
{
    e->state = RN_BATCHED;
    struct rn_batch_item item = {.file = e->file,
                                 .got = &e->got,
                                 .payload = payload,
                                 .synced = e->synced,
                                 .host = *host ? host : "-",
                                 .pinned = remote && !e->file->passing,
                                 .etag = *etag ? etag : NULL,
                                 .tag = e};
    rn_batch_add(&e->bench->batch, &item);
}

/* Nobody vouches for what came, but another source can be asked whether it gives the same. */
static bool wants_second(struct rn_errand *e)
{
    return !*e->asking.pin && !e->file->passing && e->proof.trust == RN_TRUST_FIRST_USE &&
           rn_source_is_remote(e->asking.now->source.url) &&
           rn_asking_second(&e->asking, e->proof.sha256);
}

static void put_aside(struct rn_errand *e)
{
    e->first = (struct rn_first){.partial = e->partial,
                                 .payload = rn_xdup(e->proof.payload),
                                 .host = rn_xdup(e->r.host),
                                 .etag = rn_xdup(e->r.claims.etag),
                                 .size_bytes = e->proof.got_bytes,
                                 .synced = e->synced};
    memcpy(e->first.sha256, e->proof.sha256, RN_HEX);
    e->partial = (struct rn_partial){.fd = -1};
    rn_alike_tell(&e->bench->alike, &(struct rn_saying){RN_INFO, "second", e->r.host, e->now_s},
                  "%s: nobody vouches for what %s gave; asking another source", e->file->name,
                  e->r.host);
    e->state = RN_READY;
}

/* No second source gave the file: the first one is taken at its word, unless one disagrees. */
void rn_errand_give_up(struct rn_errand *e)
{
    if (!e->first.payload || rn_asking_disputed(&e->asking)) {
        e->err = (struct rn_err){0};
        e->rc = rn_asking_fail(&e->asking, &e->reason, &e->err);
        e->state = RN_NOT_HAD;
        return;
    }
    memcpy(e->got.sha256, e->first.sha256, RN_HEX);
    e->got.size_bytes = e->first.size_bytes;
    e->got.trust = RN_TRUST_FIRST_USE;
    e->synced = e->first.synced;
    publish(e, e->first.payload, e->first.host, e->first.etag, true);
}

void rn_errand_proven(struct rn_errand *e)
{
    if (e->rc != RN_OK) {
        e->state = RN_BROKEN_OFF;
        return;
    }
    if (e->r.finding.verdict != RN_ACCEPTED) {
        reject_body(e);
        rn_proof_release(&e->proof);
        return;
    }
    if (wants_second(e)) {
        put_aside(e);
        return;
    }
    memcpy(e->got.sha256, e->proof.sha256, RN_HEX);
    e->got.size_bytes = e->proof.got_bytes;
    e->got.trust = e->first.payload ? RN_TRUST_AGREED
                   : *e->asking.pin ? e->asking.trust
                                    : e->proof.trust;
    publish(e, e->proof.payload, e->r.host, e->r.claims.etag,
            rn_source_is_remote(e->proof.source->url));
}

static int seal_file(const char *path, bool sync, struct rn_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = RN_OK;
    if (fd < 0 || fchmod(fd, 0444) != 0)
        rc = rn_fail_errno(err, RN_PATH(path), "cannot make read-only");
    else if (sync && rn_io.fsync(fd) != 0)
        rc = rn_fail_errno(err, RN_PATH(path), "cannot sync");
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Read-only; a large one goes to the disk now, on a thread of the pool: small ones go together.
 * Of the body nothing stays in memory, and no descriptor: thousands may wait for one sync. */
static int seal_payload(struct rn_errand *e)
{
    enum { LARGE = 1 << 20 };
    const char *path = e->proof.payload;
    bool remote = rn_source_is_remote(e->proof.source->url); /* a copy is a new file */
    bool is_body = remote && strcmp(path, e->partial.path) == 0;
    int rc = RN_OK;
    e->synced = e->proof.got_bytes >= LARGE;
    if (remote)
        rc = rn_partial_seal(&e->partial, is_body && e->synced, &e->err);
    return is_body || rc != RN_OK ? rc : seal_file(path, e->synced, &e->err);
}

void rn_errand_prove(struct rn_task *t)
{
    struct rn_errand *e = (struct rn_errand *)t;
    bool remote = rn_source_is_remote(e->proof.source->url);
    e->rc = remote ? rn_partial_flush(&e->partial, e->r.sha256, &e->err) : RN_OK;
    e->proof.bytes = remote ? rn_partial_bytes(&e->partial) : NULL;
    if (e->rc == RN_OK)
        e->rc = rn_prove(&e->proof, &e->err);
    if (e->rc == RN_OK && e->r.finding.verdict == RN_ACCEPTED)
        e->rc = seal_payload(e);
}

void rn_errand_set_up_proof(struct rn_errand *e)
{
    rn_proof_release(&e->proof);
    e->proof = (struct rn_proof){.formats = e->bench->f->formats,
                                 .file = e->file,
                                 .source = &e->asking.now->source,
                                 .pin = *e->asking.pin ? e->asking.pin : NULL,
                                 .sums = e->sums,
                                 .lfs = e->asking.now->led ? &e->asking.now->lfs : NULL,
                                 .body = e->r.body,
                                 .r = &e->r};
}

void rn_errand_drop_first(struct rn_errand *e)
{
    struct rn_first *first = &e->first;
    if (first->payload) {
        unlink(first->payload); /* not there any more if it was published */
        rn_partial_drop(&first->partial);
    }
    free(first->payload);
    free(first->host);
    free(first->etag);
    *first = (struct rn_first){0};
}
