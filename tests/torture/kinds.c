/* tests/torture/kinds.c - two stage kinds that do next to nothing, but all that touches a disk:
 * `make` writes files, `train` folds a state step by step, writes numbers and checkpoints, resumes,
 * and writes the state as its model, so that any broken resume shows in the bytes. Linked in place
 * of the real table (build/runnel-torture): a run takes milliseconds, a sweep can try
 * everything. */
#include "../fake/fold_files.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- make --- */

struct make {
    int64_t files;
};
static const struct rn_key make_keys[] = {
    RN_KEY_INT(struct make, files, "files", RN_IDENTITY, "2", 1, 100, "files", "how many"),
    RN_KEYS_END};

static int make_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct make *cfg = config;
    char *dir = rn_join(job->out_dir, "text");
    int rc = rn_mkdirs(dir, err);
    for (int64_t i = 0; i < cfg->files && rc == RN_OK; i++) {
        char *path = rn_xprintf("%s/part_%" PRId64 ".txt", dir, i);
        char *text = rn_xprintf("hello %" PRId64 "\n", i);
        rc = rn_file_write(path, text, strlen(text), err);
        free(text);
        free(path);
    }
    free(dir);
    rn_log(job->log, RN_INFO, "made %" PRId64 " files", cfg->files);
    return rc;
}

static const struct rn_output make_outputs[] = {{"text", "files"}, {0}};
static const struct rn_stage make = {.kind = "make",
                                     .doc = "write files",
                                     .version = 1,
                                     .keys = make_keys,
                                     .cfg_bytes = sizeof(struct make),
                                     .outputs = make_outputs,
                                     .run = make_run};

/* --- train --- */

struct train {
    struct rn_ref data;
    int64_t steps, seed, every;
};
static const char *const anything[] = {"files", "model", NULL};
static const struct rn_key train_in[] = {
    RN_KEY_REF(struct train, data, "data", anything, RN_REQUIRED, "to learn from"), RN_KEYS_END};
static const struct rn_key train_keys[] = {
    RN_KEY_TABLE("in", train_in, "inputs"),
    RN_KEY_INT(struct train, steps, "steps", RN_IDENTITY, "4", 1, 1e6, "steps", "how long"),
    RN_KEY_INT(struct train, seed, "seed", RN_IDENTITY, "7", 0, 1e9, "", "of all randomness"),
    RN_KEY_INT(struct train, every, "every", RN_NEUTRAL, "2", 1, 1e6, "steps", "between saves"),
    RN_KEYS_END};

static void fold(const struct rn_job *job, const struct train *cfg, int64_t step,
                 char state[RN_HEX])
{
    const struct rn_artifact *in = rn_job_artifact(job, &cfg->data);
    char *text =
        rn_xprintf("%s %" PRId64 " %" PRId64 " %s", state, cfg->seed, step, in ? in->digest : "");
    rn_sha256_hex(text, strlen(text), state);
    rn_job_metrics(job, step, &(struct rn_metric_value){"loss", 10.0 / (double)step}, 1);
    free(text);
}

static int train_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct train *cfg = config;
    char state[RN_HEX] = "start";
    int64_t offset = 0, step = fold_newest(job, cfg->steps, state, &offset);
    RN_TRY(rn_job_metrics_cut(job, offset, err));
    for (step = step < 0 ? 1 : step + 1; step <= cfg->steps; step++) {
        fold(job, cfg, step, state);
        if (step % cfg->every == 0 || step == cfg->steps || rn_job_stopping(job))
            RN_TRY(fold_save(job, step, state, err));
        if (rn_job_stopping(job) && step < cfg->steps)
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped at step %" PRId64, step);
        rn_job_progress(job, (double)step, (double)cfg->steps, "steps", "");
    }
    return fold_write_model(job, state, err);
}

static int train_estimate(const struct rn_job *job, const void *config, struct rn_estimate *e,
                          struct rn_err *err)
{
    (void)err;
    const struct train *cfg = config;
    char state[RN_HEX];
    int64_t offset;
    e->steps = cfg->steps;
    e->resume_step = *job->work_dir ? fold_newest(job, cfg->steps, state, &offset) : -1;
    return RN_OK;
}

static const struct rn_output train_outputs[] = {{"model", "model"}, {0}};
static const struct rn_metric train_metrics[] = {{"loss", "nats", -1, "what is folded"}, {0}};
static const struct rn_stage train = {.kind = "train",
                                      .doc = "fold a state",
                                      .version = 1,
                                      .keys = train_keys,
                                      .cfg_bytes = sizeof(struct train),
                                      .outputs = train_outputs,
                                      .metrics = train_metrics,
                                      .trains = true,
                                      .estimate = train_estimate,
                                      .run = train_run};

const struct rn_stage *const rn_stages[] = {&make, &train, NULL};
