#include "fetch_work.h"
#include "mem.h"
#include "probe.h"

#include <stdlib.h>
#include <string.h>

static void add_probe_row(struct rn_fetch_work *w, const struct rn_probe *probe)
{
    char where[600];
    const struct rn_response *r = &probe->r;
    json_t *row = rn_row_add(w, probe->file->id, rn_verdict_id(r->finding.verdict));
    snprintf(where, sizeof where, "%s%s%s%s%s", r->host, *r->finding.detail ? ": " : "",
             r->finding.detail, *r->hint ? "; " : "", r->hint);
    rn_row_text(row, "where", where);
    rn_row_text(row, "health", probe->health);
    rn_row_size(row, r->declared_bytes);
}

/* Rows for all probes; how many of them are bad, and how many files have no good one. */
static void count_probes(struct rn_fetch_work *w, const struct rn_probe *probes, size_t n,
                         size_t *bad, size_t *without)
{
    for (size_t i = 0, good = 0; i < n; i++) {
        bool is_good = probes[i].r.finding.verdict == RN_ACCEPTED;
        add_probe_row(w, &probes[i]);
        good += is_good;
        *bad += !is_good;
        if (i + 1 == n || probes[i + 1].file != probes[i].file) {
            *without += good == 0;
            good = 0;
        }
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
