#include "fetch_work.h"
#include "file.h"
#include "signals.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known of the file; its digest, or NULL. */
static const char *describe_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                                json_t *row)
{
    enum rn_trust trust;
    char where[192];
    const char *digest = rn_fetch_pin(lock, file, &trust);
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    if (!digest)
        return NULL;
    rn_row_text(row, "trust", rn_trust_word(file->sha256 ? RN_TRUST_YAML : pin->trust));
    rn_row_text(row, "sha256", digest);
    rn_row_size(row, pin ? pin->size_bytes : file->size_bytes);
    snprintf(where, sizeof where, "%s %s", pin ? pin->host : "",
             pin && strcmp(pin->date, "-") ? pin->date : "");
    rn_row_text(row, "where", where);
    return digest;
}

RN_PRINTF(2, 3)
static int call_damaged(json_t *row, const char *fmt, ...)
{
    char where[192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    rn_row_text(row, "state", "damaged");
    rn_row_text(row, "where", where);
    return RN_OK;
}

/* Looks at the file itself, whatever is remembered of it. */
static int hash_file(const struct rn_fetcher *f, const struct rn_fetch_file *file, const char *path,
                     const char *digest, json_t *row, struct rn_err *err)
{
    char hex[RN_HEX];
    size_t size_bytes;
    struct rn_finding found;
    RN_TRY(rn_sha256_file(path, hex, &size_bytes, err));
    rn_row_size(row, (int64_t)size_bytes);
    if (strcmp(hex, digest) != 0) {
        unlink(path);
        return call_damaged(row, "holds %.12s; removed from the cache", hex);
    }
    RN_TRY(rn_prove_check(f->formats, file, path, (int64_t)size_bytes, &found, err));
    if (found.verdict != RN_ACCEPTED)
        return call_damaged(row, "%s: %.120s", rn_verdict_id(found.verdict), found.detail);
    rn_row_text(row, "state", "good");
    return RN_OK;
}

static int hash_again(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      const char *digest, json_t *row, struct rn_err *err)
{
    char *path;
    bool there = rn_cache_has(f->cache, digest);
    RN_TRY(rn_cache_find(f->cache, digest, &path, err));
    if (!path && there)
        return call_damaged(row, "was changed; removed from the cache");
    rn_row_text(row, "state", "absent");
    int rc = path ? hash_file(f, file, path, digest, row, err) : RN_OK;
    free(path);
    return rc;
}

int rn_fetch_verify(struct rn_fetch_work *w, struct rn_fetcher *f, struct rn_err *err)
{
    size_t damaged = 0;
    for (size_t i = 0; i < w->total && !rn_signals_stopping(); i++) {
        json_t *row = rn_row_add(w, w->files[i].id, "unpinned");
        const char *digest = describe_pin(f->lock, &w->files[i], row);
        if (digest)
            RN_TRY(hash_again(f, &w->files[i], digest, row, err));
        damaged += strcmp(rn_json_str(row, "state", ""), "damaged") == 0;
        rn_ui_progress(&w->ui, w->stage, (double)i + 1, (double)w->total, "files", "");
    }
    if (damaged == 0)
        return RN_OK;
    rn_hint(err, "fetch it again: runnel fetch %s", rn_cli_arg(w->cli, 0));
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "%zu cached file%s not what the pin says", damaged,
                   damaged == 1 ? " is" : "s are");
}
