/* runnel adopt - takes a stage's old outputs for what it would make now. */
#include "adopt.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, RN_OPT_VERIFY, {0}};

static const struct rn_example examples[] = {
    {"adopt smoke.yaml base", "the change since its last run is known not to matter"}, {0}};

static void tell(const struct rn_cli *cli, const char *stage, const struct rn_adopted *a)
{
    if (rn_cli_json(cli)) {
        json_t *doc = json_pack("{s:s, s:b, s:s, s:s}", "stage", stage, "adopted",
                                !a->nothing_to_do, "from", a->from, "reason", a->reason);
        char *line = rn_json_canonical(doc);
        printf("%s\n", line);
        free(line);
        json_decref(doc);
    } else if (a->nothing_to_do) {
        printf("= %s is up to date: there is nothing to adopt\n", stage);
    } else {
        printf("= %s adopted from %s: %s\n", stage, a->from, a->reason);
    }
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    const char *stage;
    struct rn_adopted adopted = {0};
    struct rn_run_how how;
    RN_TRY(rn_target_stage(&p, &stage, cli, err));
    int rc = rn_target_how(&how, cli, err);
    if (rc == RN_OK) {
        rc = rn_adopt(p, &how, stage, &adopted, err);
        rn_target_how_release(&how);
    }
    if (rc == RN_OK)
        tell(cli, stage, &adopted);
    rn_pipeline_free(p);
    return rc;
}

const struct rn_command rn_command_adopt = {
    "adopt", "FILE STAGE [key=value ...]", "accept a stage's old outputs under its new key", opts,
    run,     .examples = examples};
