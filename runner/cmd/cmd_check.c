/* cmd_check.c - is the file all right? Without -p every profile is checked, too. */
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static void report_json(const struct rn_pipeline *p, size_t n_cells)
{
    const char *path = rn_utf8_valid(p->path, strlen(p->path)) ? p->path : "";
    json_t *doc =
        json_pack("{s:s, s:s?, s:s, s:I, s:I}", "file", path, "profile", p->profile, "tag", p->tag,
                  "stages", (json_int_t)p->n_stages, "cells", (json_int_t)n_cells);
    RN_ASSERT(doc);
    char *text = rn_json_canonical(doc);
    puts(text);
    free(text);
    json_decref(doc);
}

/* All cells have the tag's form; the first stands for them. */
static void report(const struct rn_cli *cli, const struct rn_cells *cells)
{
    struct rn_pipeline *p = rn_cells_compose(cells, 0);
    const char *profile = p->profile ? p->profile : "";
    if (rn_cli_json(cli)) {
        report_json(p, cells->n);
    } else {
        printf("%s%s%s: ok, ", p->path, *profile ? ", profile " : "", profile);
        if (cells->n > 1)
            printf("%zu cells, ", cells->n);
        printf("%zu stage%s, tag %s\n", p->n_stages, p->n_stages == 1 ? "" : "s", p->tag);
    }
    rn_pipeline_free(p);
    fflush(stdout); /* before the problems of the next profile */
}

static int check(const struct rn_cli *cli, const char *profile, struct rn_cells **cells,
                 struct rn_err *err)
{
    RN_TRY(rn_target_cells_of(cells, cli, profile, err));
    report(cli, *cells);
    return RN_OK;
}

/* All profiles, also behind one with problems; the last one's last problem is left to main(). */
static int check_profiles(const struct rn_cli *cli, const struct rn_cells *file, struct rn_err *err)
{
    const struct rn_node *profiles = rn_node_get(file->document->root, "profiles");
    for (size_t i = 0; profiles && i < profiles->n; i++) {
        struct rn_cells *with;
        struct rn_err one = {0};
        if (check(cli, profiles->entries[i].key, &with, &one) != RN_OK) {
            if (err->code != RN_OK)
                rn_err_print(err, stderr);
            *err = (struct rn_err){0};
            rn_fail_as(err, &one);
        }
        rn_cells_free(with);
    }
    return (int)err->code;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_cells *cells;
    const char *profile = rn_cli_opt(cli, "profile");
    RN_TRY(rn_target_words(cli, 0, err));
    int rc = check(cli, profile, &cells, err);
    if (rc == RN_OK && !profile)
        rc = check_profiles(cli, cells, err);
    rn_cells_free(cells);
    return rc;
}

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, {0}};
static const struct rn_example examples[] = {
    {"check pipelines/smoke.yaml", "all mistakes of a file in one pass"}, {0}};
const struct rn_command rn_command_check = {
    "check", RN_ARGS_PIPELINE,    "check the file and its profiles, touch nothing", opts,
    run,     .examples = examples};
