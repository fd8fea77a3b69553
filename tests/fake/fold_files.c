#include "fold_files.h"

#include "file.h"
#include "mem.h"
#include "path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t fold_newest(const struct rn_job *job, int64_t steps, char state[RN_HEX], int64_t *offset)
{
    for (int64_t step = steps; step > 0; step--) {
        char *path = rn_xprintf("%s/step_%06" PRId64 "/state.json", job->work_dir, step);
        json_t *doc = NULL;
        bool ok = rn_exists(path) && rn_json_read(path, 1 << 16, &doc, NULL) == RN_OK;
        if (ok) {
            snprintf(state, RN_HEX, "%s", rn_json_str(doc, "state", ""));
            *offset = rn_json_int(doc, "offset", 0);
        }
        json_decref(doc);
        free(path);
        if (ok)
            return step;
    }
    return -1;
}

static int write_checkpoint(struct rn_job *job, const char *dir, int64_t step, const char *state,
                            struct rn_err *err)
{
    char hex[RN_HEX], *model = rn_join(dir, "model.safetensors"),
                      *path = rn_join(dir, "state.json");
    char *manifest = rn_join(dir, "manifest.json");
    rn_sha256_hex(state, strlen(state), hex);
    json_t *doc =
        json_pack("{s:s, s:I}", "state", state, "offset", (json_int_t)rn_job_metrics_offset(job));
    json_t *list =
        json_pack("{s:I, s:s, s:{s:{s:I, s:s}}}", "step", (json_int_t)step, "key", job->key,
                  "files", "model.safetensors", "size", (json_int_t)strlen(state), "sha256", hex);
    int rc;
    RN_CHECK(rc = rn_mkdirs(dir, err));
    RN_CHECK(rc = rn_file_write(model, state, strlen(state), err));
    RN_CHECK(rc = rn_json_write(path, doc, err));
    RN_CHECK(rc = rn_json_write(manifest, list, err));
done:
    json_decref(doc);
    json_decref(list);
    free(manifest);
    free(path);
    free(model);
    return rc;
}

int fold_save(struct rn_job *job, int64_t step, const char *state, struct rn_err *err)
{
    char *tmp = rn_xprintf("%s/.step.tmp", job->work_dir);
    char *dir = rn_xprintf("%s/step_%06" PRId64, job->work_dir, step);
    int rc;
    RN_CHECK(rc = rn_remove_tree(tmp, err));
    RN_CHECK(rc = rn_remove_tree(dir, err));
    RN_CHECK(rc = write_checkpoint(job, tmp, step, state, err));
    RN_CHECK(rc = rn_rename(tmp, dir, err));
done:
    free(dir);
    free(tmp);
    return rc;
}

int fold_write_model(struct rn_job *job, const char *state, struct rn_err *err)
{
    char *dir = rn_join(job->out_dir, "model"), *path = rn_join(dir, "model.safetensors");
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, state, strlen(state), err);
    free(path);
    free(dir);
    return rc;
}
