/* runner/cmd_check.c - is the file all right? Without -p every profile is checked, too. */
#include "args.h"

#include <stdlib.h>

static void report(const struct rn_cli *cli, const struct rn_pipeline *p)
{
    const char *profile = p->profile ? p->profile : "";
    if (rn_cli_json(cli)) {
        json_t *doc = json_pack("{s:s, s:s?, s:s, s:I}", "file", p->path, "profile", p->profile,
                                "tag", p->tag, "stages", (json_int_t)p->n_stages);
        char *text = rn_json_canonical(doc);
        puts(text);
        free(text);
        json_decref(doc);
        return;
    }
    printf("%s%s%s: ok, %zu stages, tag %s\n", p->path, *profile ? ", profile " : "", profile,
           p->n_stages, p->tag);
}

static int check(const struct rn_cli *cli, const char *profile, struct rn_pipeline **p,
                 struct rn_err *err)
{
    RN_TRY(rn_args_load(cli, 0, profile, p, err));
    report(cli, *p);
    return RN_OK;
}

static int check_profiles(const struct rn_cli *cli, const struct rn_pipeline *p, struct rn_err *err)
{
    int rc = RN_OK;
    for (size_t i = 0; i < p->n_profiles && rc == RN_OK; i++) {
        struct rn_pipeline *with;
        rc = check(cli, p->profiles[i], &with, err);
        rn_pipeline_free(with);
    }
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    const char *profile = rn_cli_opt(cli, "profile");
    int rc = check(cli, profile, &p, err);
    if (rc == RN_OK && !profile)
        rc = check_profiles(cli, p, err);
    rn_pipeline_free(p);
    return rc;
}

static const struct rn_opt opts[] = {RN_PROFILE_OPT, {0}};
const struct rn_command rn_command_check = {
    "check", RN_PIPELINE_ARGS, "check the file and its profiles, touch nothing", opts, run};
