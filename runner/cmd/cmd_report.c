/* runnel report - a run as one HTML file. Reads only, but for that file. */
#include "file.h"
#include "mem.h"
#include "page.h"
#include "target.h"

#include <stdlib.h>

static const struct rn_opt opts[] = {
    {"out", 'o', "FILE", "where to (default: report.html in the run's folder)"},
    RN_OPTS_PIPELINE,
    {0}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    struct rn_str page = {0};
    RN_TRY(rn_target_run(&dir, cli, err));
    const char *given = rn_cli_opt(cli, "out");
    char *path = given ? rn_xdup(given) : rn_join(dir, "report.html");
    int rc = rn_page_write(&page, (const char *const *)&dir, 1, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, page.p, page.n, err);
    if (rc == RN_OK)
        printf("%s\n", path);
    rn_str_release(&page);
    free(path);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"report smoke-1a2b3c4d", "stages, curves, results, data and configuration in one file"}, {0}};
const struct rn_command rn_command_report = {
    "report", "RUN [key=value ...]", "a run as one HTML file", opts, run, .examples = examples};
