#include "receipt.h"

#include "doctor.h"
#include "file.h"
#include "hash.h"
#include "journal.h"
#include "metrics.h"
#include "path.h"
#include "runs.h"
#include "str.h"
#include "team.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 1, EVERY = 20, MARKS_MAX = 2000, CAP = 64 << 20 };

static char *receipt_path(const char *run_dir)
{
    return rn_join(run_dir, "receipt.json");
}

int rn_receipt_read(const char *run_dir, json_t **out, struct rn_err *err)
{
    char *path = receipt_path(run_dir);
    int rc = RN_OK;
    *out = NULL;
    if (rn_exists(path))
        rc = rn_json_read(path, CAP, out, err);
    if (rc == RN_OK && (!*out || !json_is_object(json_object_get(*out, "stages")))) {
        json_decref(*out);
        *out =
            json_pack("{s:i, s:s, s:{}}", "schema", SCHEMA, "tag", rn_basename(run_dir), "stages");
    }
    free(path);
    return rc;
}

/* --- facts --- */

json_t *rn_receipt_machine(const char *device, int ranks, int threads)
{
    const char *isa = getenv("RUNNEL_CPU_ISA");
    char program[RN_HEX] = "", *processor, *features;
    struct rn_doctor here = {.root = ""};
    rn_doctor_processor(&here, &processor, &features);
    rn_sha256_file("/proc/self/exe", program, NULL, NULL);
    json_t *machine =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s}", "device", device, "ranks", ranks,
                  "processor", processor, "features", features, "isa", isa ? isa : "", "threads",
                  threads, "runnel", RUNNEL_VERSION, "program", program);
    free(features);
    free(processor);
    return machine;
}

bool rn_receipt_same_machine(const json_t *a, const json_t *b)
{
    static const char *const facts[] = {"device", "processor", "features",
                                        "isa",    "runnel",    "program"};
    for (size_t i = 0; i < RN_COUNT(facts); i++)
        if (strcmp(rn_json_str(a, facts[i], ""), rn_json_str(b, facts[i], "?")) != 0)
            return false;
    return rn_json_int(a, "ranks", 1) == rn_json_int(b, "ranks", 1);
}

/* What shapes the bits of a step and is not said by the keys at a glance. */
static json_t *config_of(const struct rn_pipeline *p, const struct rn_pstage *s)
{
    static const char *const keys[] = {"seed", "precision"};
    const json_t *resolved = rn_pipeline_resolved(p, s);
    json_t *config = json_object(), *value;
    for (size_t i = 0; i < RN_COUNT(keys); i++)
        if ((value = json_object_get(resolved, keys[i])))
            json_object_set(config, keys[i], value);
    if ((value = json_object_get(json_object_get(resolved, "batch"), "device_rows")))
        json_object_set(config, "device_rows", value);
    return config;
}

/* --- marks --- */

static json_t *mark(const json_t *line, struct rn_sha256 *so_far, char chain[RN_HEX])
{
    char loss[32], number[48];
    double order = rn_json_real(line, "data_order", -1);
    rn_show_real(loss, rn_json_real(line, "loss", 0));
    int n =
        snprintf(number, sizeof number, " %" PRId64 " %.0f ", rn_json_int(line, "step", -1), order);
    rn_sha256_init(so_far);
    rn_sha256_add(so_far, chain, strlen(chain));
    rn_sha256_add(so_far, number, (size_t)n);
    rn_sha256_add(so_far, loss, strlen(loss));
    rn_sha256_done(so_far, chain);
    return json_pack("{s:I, s:f, s:I, s:s%}", "step", (json_int_t)rn_json_int(line, "step", -1),
                     "loss", rn_json_real(line, "loss", 0), "data_order", (json_int_t)order,
                     "digest", chain, (size_t)16);
}

json_t *rn_receipt_marks(const json_t *lines, int64_t every)
{
    json_t *marks = json_array(), *last = NULL;
    struct rn_sha256 h;
    char chain[RN_HEX] = "";
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        if (!json_object_get(line, "loss"))
            continue;
        json_decref(last);
        last = mark(line, &h, chain);
        if ((rn_json_int(line, "step", -1) + 1) % every != 0)
            continue;
        json_array_append_new(marks, last);
        last = NULL;
    }
    if (last)
        json_array_append_new(marks, last);
    return marks;
}

static int64_t count_steps(const json_t *lines)
{
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(lines); i++)
        n += json_object_get(json_array_get(lines, i), "loss") != NULL;
    return n;
}

/* Steps whose batch was not trained on: where the count of them in the metrics grows. */
static json_t *skipped_steps(const json_t *lines)
{
    json_t *steps = json_array();
    double before = 0;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        double skipped = rn_json_real(line, "skipped", before);
        if (skipped > before)
            json_array_append(steps, json_object_get(line, "step"));
        before = skipped;
    }
    return steps;
}

/* --- writing --- */

static json_t *entry_of(const struct rn_plan *plan, size_t i, int threads)
{
    const struct rn_pstage *s = &plan->p->stages[i];
    const struct rn_keys *keys = &plan->nodes[i].keys;
    char *path = rn_xprintf("%s/metrics/%s.jsonl", plan->run_dir, s->name);
    json_t *lines = rn_metrics_read(path);
    int64_t steps = count_steps(lines), every = EVERY * (1 + steps / (EVERY * MARKS_MAX));
    json_t *entry =
        json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o}", "kind", s->stage->kind,
                  "version", s->stage->version, "progress", keys->progress, "out", keys->out,
                  "config", config_of(plan->p, s), "machine",
                  rn_receipt_machine(plan->how->device, rn_team_world(plan->how->team), threads),
                  "steps", (json_int_t)steps, "every", (json_int_t)every, "skipped",
                  skipped_steps(lines), "marks", rn_receipt_marks(lines, every));
    json_decref(lines);
    free(path);
    return entry;
}

/* Takes over entry. A receipt that cannot be read is begun anew. */
static int set_entry(const struct rn_plan *plan, size_t i, json_t *entry, struct rn_err *err)
{
    json_t *receipt;
    if (rn_receipt_read(plan->run_dir, &receipt, NULL) != RN_OK)
        receipt = json_pack("{s:i, s:s, s:{}}", "schema", SCHEMA, "tag", plan->p->tag, "stages");
    json_object_set_new(json_object_get(receipt, "stages"), plan->p->stages[i].name, entry);
    char *path = receipt_path(plan->run_dir);
    int rc = rn_json_write(path, receipt, err);
    json_decref(receipt);
    free(path);
    return rc;
}

int rn_receipt_add(const struct rn_plan *plan, size_t i, int threads, struct rn_err *err)
{
    if (!plan->p->stages[i].stage->trains)
        return RN_OK;
    return set_entry(plan, i, entry_of(plan, i, threads), err);
}

/* The entry of a receipt about these outputs, whatever its stage was called; new, or NULL. */
static json_t *entry_about(const char *run_dir, const char *out)
{
    json_t *receipt, *entry, *found = NULL;
    const char *stage;
    if (rn_receipt_read(run_dir, &receipt, NULL) != RN_OK)
        return NULL;
    json_object_foreach(json_object_get(receipt, "stages"), stage,
                        entry) if (strcmp(rn_json_str(entry, "out", ""), out) == 0) found = entry;
    json_incref(found);
    json_decref(receipt);
    return found;
}

/* This run worked on it last and was killed between outputs and receipt. */
static bool made_here(const struct rn_plan *plan, size_t i)
{
    const char *stage = plan->p->stages[i].name;
    const json_t *last = rn_journal_last(plan->journal, stage, "started|interrupted");
    return strcmp(rn_json_str(last, "progress", ""), plan->nodes[i].keys.progress) == 0;
}

int rn_receipt_inherit(const struct rn_plan *plan, size_t i, struct rn_err *err)
{
    json_t *entry = NULL;
    if (!plan->p->stages[i].stage->trains)
        return RN_OK;
    char **tags = rn_runs_tags(plan->how->runs);
    for (size_t t = 0; tags && tags[t] && !entry; t++) {
        char *dir = rn_join(plan->how->runs, tags[t]);
        entry = entry_about(dir, plan->nodes[i].keys.out);
        free(dir);
    }
    rn_runs_free_tags(tags);
    if (entry)
        return set_entry(plan, i, entry, err);
    return made_here(plan, i) ? rn_receipt_add(plan, i, plan->how->threads, err) : RN_OK;
}
