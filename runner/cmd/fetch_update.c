#include "consent.h"
#include "fetch_work.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static bool agreed(const struct rn_fetch_work *w, size_t changes)
{
    if (rn_cli_opt(w->cli, "yes"))
        return true;
    return !rn_cli_json(w->cli) && rn_consent_possible() &&
           rn_consent_ask("replace %zu pin%s?", changes, changes == 1 ? "" : "s");
}

/* What came differs from the pin, or there was none: into `changes`, with a row that shows both. */
static size_t compare_pins(struct rn_fetch_work *w, const struct rn_pins *old,
                           const struct rn_pins *fresh, struct rn_pin *changes)
{
    size_t n = 0;
    for (size_t i = 0; i < w->total; i++) {
        const struct rn_pin *was = rn_pins_find(old, w->files[i].id),
                            *is = rn_pins_find(fresh, w->files[i].id);
        struct rn_fetch_row *row = rn_fetch_rows_add(&w->rows, w->files[i].id, "as-was");
        if (!is)
            continue;
        row->trust = rn_trust_word(is->trust);
        row->size_bytes = is->size_bytes;
        memcpy(row->sha256, is->sha256, RN_HEX);
        if (was && strcmp(was->sha256, is->sha256) == 0)
            continue;
        row->state = was ? "changed" : "new";
        row->alone = was;
        row->where =
            was ? rn_arena_printf(&w->rows.texts, "was %.12s", was->sha256) : "was not pinned";
        changes[n] = *is;
        snprintf(changes[n++].replaces, RN_HEX, "%s", was ? was->sha256 : "");
    }
    return n;
}

static int replace_pins(struct rn_fetch_work *w, struct rn_pins *lock, const struct rn_pins *fresh,
                        struct rn_err *err)
{
    struct rn_pin *changes = rn_xalloc((w->total + 1) * sizeof *changes);
    size_t n = compare_pins(w, lock, fresh, changes);
    int rc = RN_OK;
    if (n > 0 && agreed(w, n)) {
        rc = rn_pins_add(lock, changes, n, err);
    } else if (n > 0) {
        rn_hint(err, "look at the table; if that is what the file should be now, add --yes");
        rc = rn_fail(err, RN_EUSAGE, RN_PATH(lock->path), "%zu pin%s would be replaced", n,
                     n == 1 ? "" : "s");
    }
    free(changes);
    return rc;
}

static int forget_file(void *ctx, struct rn_fetch_file *file, struct rn_fetched *got,
                       struct rn_err *err)
{
    (void)ctx, (void)file, (void)got, (void)err;
    return RN_OK;
}

/* Fetches as if nothing were pinned: the real lock is touched only when all is there and somebody
 * agreed. */
int rn_fetch_update(struct rn_fetch_work *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_pins fresh = {0};
    struct rn_fetcher anew = *f;
    struct rn_fetch_list list = {.next = rn_fetch_work_next, .done = forget_file, .ctx = w};
    anew.lock = &fresh;
    int rc = rn_fetch_work_need(w, &anew, err);
    if (rc == RN_OK)
        rc = rn_fetch_all(&anew, &list, err);
    if (rc == RN_OK)
        rc = replace_pins(w, f->lock, &fresh, err);
    rn_pins_release(&fresh);
    return rc;
}
