#include "fetch_work.h"
#include "hash.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known of the file; false: not its digest. */
static bool describe_pin(const struct rn_pins *lock, const struct rn_fetch_file *file,
                         struct rn_fetch_row *row, struct rn_arena *texts)
{
    enum rn_trust trust;
    const char *digest = rn_fetch_pin(lock, file, &trust);
    const struct rn_pin *pin = rn_pins_find(lock, file->id);
    if (!digest)
        return false;
    row->trust = rn_trust_word(file->sha256 ? RN_TRUST_YAML : pin->trust);
    row->size_bytes = pin ? pin->size_bytes : file->size_bytes;
    rn_copy_text(row->sha256, RN_HEX, digest);
    if (pin)
        row->where = rn_arena_dup(texts, pin->host);
    if (pin && strcmp(pin->date, "-"))
        row->date = rn_arena_dup(texts, pin->date);
    return true;
}

static int call_damaged(struct rn_fetch_row *row, const char *why)
{
    row->state = "damaged";
    row->alone = true;
    row->where = why;
    row->date = NULL;
    return RN_OK;
}

/* Looks at the file itself, whatever is remembered of it. */
static int hash_file(const struct rn_fetcher *f, const struct rn_fetch_file *file, const char *path,
                     struct rn_fetch_row *row, struct rn_arena *texts, struct rn_err *err)
{
    char hex[RN_HEX];
    size_t size_bytes;
    struct rn_finding found;
    RN_TRY(rn_sha256_file(path, hex, &size_bytes, err));
    row->size_bytes = (int64_t)size_bytes;
    if (strcmp(hex, row->sha256) != 0) {
        unlink(path);
        return call_damaged(row,
                            rn_arena_printf(texts, "holds %.12s; removed from the cache", hex));
    }
    RN_TRY(rn_prove_check(f->formats, file, path, (int64_t)size_bytes, &found, err));
    if (found.verdict != RN_ACCEPTED)
        return call_damaged(
            row, rn_arena_printf(texts, "%s: %s", rn_verdict_id(found.verdict), found.detail));
    row->state = "good";
    return RN_OK;
}

static int hash_again(const struct rn_fetcher *f, const struct rn_fetch_file *file,
                      struct rn_fetch_row *row, struct rn_arena *texts, struct rn_err *err)
{
    char *path;
    bool there = rn_cache_has(f->cache, row->sha256);
    RN_TRY(rn_cache_find(f->cache, row->sha256, &path, err));
    if (!path && there)
        return call_damaged(row, "was changed; removed from the cache");
    row->state = "absent";
    int rc = path ? hash_file(f, file, path, row, texts, err) : RN_OK;
    free(path);
    return rc;
}

int rn_fetch_verify(struct rn_fetch_work *w, struct rn_fetcher *f, struct rn_err *err)
{
    size_t damaged = 0;
    for (size_t i = 0; i < w->total && !rn_signals_stopping(); i++) {
        const struct rn_fetch_file *file = &w->files[i];
        struct rn_fetch_row *row = rn_fetch_rows_add(&w->rows, file->id, "unpinned");
        if (describe_pin(f->lock, file, row, &w->rows.texts))
            RN_TRY(hash_again(f, file, row, &w->rows.texts, err));
        damaged += row->alone;
        rn_ui_progress(&w->ui, w->stage, (double)i + 1, (double)w->total, "files", "");
    }
    if (damaged == 0)
        return RN_OK;
    rn_hint(err, "fetch it again: runnel fetch %s", rn_cli_arg(w->cli, 0));
    return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "%zu cached file%s not what the pin says", damaged,
                   damaged == 1 ? " is" : "s are");
}
