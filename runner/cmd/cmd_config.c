/* cmd_config.c - the resolved document, every value with its origin. */
#include "target.h"

#include <stdlib.h>

static int print_json(const struct rn_pipeline *p)
{
    json_t *stages = json_object();
    for (size_t i = 0; i < p->n_stages; i++)
        json_object_set_new(stages, p->stages[i].name,
                            json_deep_copy(rn_pipeline_resolved(p, &p->stages[i])));
    json_t *doc =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:O}", "runnel", 1, "name", p->name, "tag", p->tag,
                  "key8", p->key8, "stages", stages, "origins", rn_pipeline_origins(p));
    RN_ASSERT(doc);
    char *text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(17));
    puts(text);
    free(text);
    json_decref(doc);
    return RN_OK;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    RN_TRY(rn_target_words(cli, 0, err));
    RN_TRY(rn_target_pipeline(&p, cli, err));
    if (rn_cli_json(cli)) {
        print_json(p);
    } else {
        char *text = rn_pipeline_resolved_yaml(p);
        fputs(text, stdout);
        free(text);
    }
    rn_pipeline_free(p);
    return RN_OK;
}

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, {0}};
static const struct rn_example examples[] = {{"config pipelines/smoke.yaml base.horizon.steps=400",
                                              "what is run, and where each value comes from"},
                                             {0}};
const struct rn_command rn_command_config = {
    "config", RN_ARGS_PIPELINE,    "the resolved document, each value with its origin", opts,
    run,      .examples = examples};
