#define _GNU_SOURCE /* realpath */
#include "links.h"

#include "file.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rn_link_set(const char *run_dir, const char *stage, const char *entry, struct rn_err *err)
{
    char old[512], *path = rn_xprintf("%s/stages/%s", run_dir, stage);
    char *target = rn_xprintf("../../.store/%s", entry);
    char *tmp = rn_xprintf("%s/stages/.link.tmp", run_dir);
    ssize_t n = readlink(path, old, sizeof old);
    int rc = RN_OK;
    if (n != (ssize_t)strlen(target) || memcmp(old, target, (size_t)n) != 0) {
        unlink(tmp);
        rc = symlink(target, tmp) == 0 ? rn_rename(tmp, path, err)
                                       : rn_fail_errno(err, RN_PATH(path), "cannot link");
    }
    free(tmp);
    free(target);
    free(path);
    return rc;
}

char *rn_link_target(const char *run_dir, const char *stage, const char *below)
{
    char *path = rn_xprintf("%s/stages/%s/%s", run_dir, stage, below);
    char *target = realpath(path, NULL);
    free(path);
    return target;
}

json_t *rn_link_metrics(const char *run_dir, const char *stage)
{
    enum { MANIFEST_CAP = 64 << 20 };
    json_t *manifest = NULL;
    char *path = rn_link_target(run_dir, stage, "manifest.json");
    if (path)
        rn_json_read(path, MANIFEST_CAP, &manifest, NULL);
    json_t *numbers = json_incref(json_object_get(manifest, "metrics"));
    json_decref(manifest);
    free(path);
    return numbers;
}
