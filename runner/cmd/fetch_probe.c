#include "fetch_work.h"
#include "mem.h"
#include "probe.h"

#include <stdlib.h>
#include <string.h>

/* Whether another source of the same file has the same host, so that its name says too little. */
static bool host_repeats(const struct rn_probe *of_file, size_t n, size_t i)
{
    size_t same = 0;
    for (size_t k = 0; k < n; k++)
        same += strcmp(of_file[k].r.host, of_file[i].r.host) == 0;
    return same > 1;
}

static void add_probe_row(struct rn_fetch_rows *rows, const struct rn_probe *of_file, size_t n,
                          size_t i, bool alone)
{
    const struct rn_probe *probe = &of_file[i];
    const struct rn_response *r = &probe->r;
    char which[32] = "";
    if (host_repeats(of_file, n, i))
        snprintf(which, sizeof which, " (url %zu)", i + 1);
    struct rn_fetch_row *row =
        rn_fetch_rows_add(rows, probe->file->id, rn_verdict_id(r->finding.verdict));
    row->where = rn_arena_printf(&rows->texts, "%s%s%s%s%s%s", r->host, which,
                                 *r->finding.detail ? ": " : "", r->finding.detail,
                                 *r->hint ? "; " : "", r->hint);
    row->health = rn_arena_dup(&rows->texts, probe->health);
    row->size_bytes = r->declared_bytes;
    row->alone = alone;
}

/* Rows for all probes; how many of them are bad, and how many files have no good one. */
static void count_probes(struct rn_fetch_work *w, const struct rn_probe *probes, size_t n,
                         size_t *bad, size_t *without)
{
    for (size_t i = 0, of_file; i < n; i += of_file) {
        size_t good = 0;
        of_file = probes[i].file->n_sources;
        for (size_t k = 0; k < of_file; k++)
            good += probes[i + k].r.finding.verdict == RN_ACCEPTED;
        for (size_t k = 0; k < of_file; k++)
            add_probe_row(&w->rows, &probes[i], of_file, k, good == 0);
        *bad += of_file - good;
        *without += good == 0;
    }
}

/* Asks all sources of all files; RN_EFETCH if one file has none that is good. */
int rn_fetch_probe(struct rn_fetch_work *w, struct rn_fetcher *f, struct rn_err *err)
{
    struct rn_probe *probes = NULL;
    size_t n = 0, cap = 0, bad = 0, without = 0;
    for (size_t i = 0; i < w->total; i++)
        for (size_t k = 0; k < w->files[i].n_sources; k++)
            RN_PUSH(probes, n, cap,
                    ((struct rn_probe){.file = &w->files[i], .source = &w->files[i].sources[k]}));
    int rc = rn_probe_all(f, probes, n, err);
    if (rc == RN_OK)
        count_probes(w, probes, n, &bad, &without);
    free(probes);
    RN_TRY(rc);
    if (without > 0)
        return rn_fail(err, RN_EFETCH, RN_NOWHERE, "%zu file%s no source that is good", without,
                       without == 1 ? " has" : "s have");
    if (bad > 0)
        rn_ui_say(&w->ui, "warning: %zu source%s not what the pipeline file says; others stand in",
                  bad, bad == 1 ? " is" : "s are");
    return RN_OK;
}
