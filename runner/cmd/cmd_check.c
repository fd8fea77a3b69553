/* runner/cmd/cmd_check.c - is the file all right? Without -p every profile is checked, too. */
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static void report_json(const struct rn_pipeline *p)
{
    const char *path = rn_utf8_valid(p->path, strlen(p->path)) ? p->path : "";
    json_t *doc = json_pack("{s:s, s:s?, s:s, s:I}", "file", path, "profile", p->profile, "tag",
                            p->tag, "stages", (json_int_t)p->n_stages);
    RN_ASSERT(doc);
    char *text = rn_json_canonical(doc);
    puts(text);
    free(text);
    json_decref(doc);
}

static void report(const struct rn_cli *cli, const struct rn_pipeline *p)
{
    const char *profile = p->profile ? p->profile : "";
    if (rn_cli_json(cli))
        report_json(p);
    else
        printf("%s%s%s: ok, %zu stage%s, tag %s\n", p->path, *profile ? ", profile " : "", profile,
               p->n_stages, p->n_stages == 1 ? "" : "s", p->tag);
    fflush(stdout); /* before the problems of the next profile */
}

static int check(const struct rn_cli *cli, const char *profile, struct rn_pipeline **p,
                 struct rn_err *err)
{
    RN_TRY(rn_target_profile(p, cli, profile, err));
    report(cli, *p);
    return RN_OK;
}

/* All profiles, also behind one with problems; the last one's last problem is left to main(). */
static int check_profiles(const struct rn_cli *cli, const struct rn_pipeline *p, struct rn_err *err)
{
    for (size_t i = 0; i < p->n_profiles; i++) {
        struct rn_pipeline *with;
        struct rn_err one = {0};
        if (check(cli, p->profiles[i], &with, &one) != RN_OK) {
            if (err->code != RN_OK)
                rn_err_print(err, stderr);
            *err = (struct rn_err){0};
            rn_problem_raise(&one, err);
        }
        rn_pipeline_free(with);
    }
    return (int)err->code;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_pipeline *p;
    const char *profile = rn_cli_opt(cli, "profile");
    RN_TRY(rn_target_words(cli, 0, err));
    int rc = check(cli, profile, &p, err);
    if (rc == RN_OK && !profile)
        rc = check_profiles(cli, p, err);
    rn_pipeline_free(p);
    return rc;
}

static const struct rn_opt opts[] = {RN_OPT_PROFILE, {0}};
const struct rn_command rn_command_check = {
    "check", RN_ARGS_PIPELINE, "check the file and its profiles, touch nothing", opts, run};
