/* runnel compare - several runs side by side in one HTML file: what differs first, curves over each
 * other. */
#include "file.h"
#include "mem.h"
#include "page.h"
#include "target.h"

#include <stdlib.h>

static const struct rn_opt opts[] = {{"out", 'o', "FILE", "where to (default: compare.html)"}, {0}};

static int write_page(char **dirs, size_t n, const char *path, struct rn_err *err)
{
    struct rn_str page = {0};
    int rc = rn_page_write(&page, (const char *const *)dirs, n, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, page.p, page.n, err);
    if (rc == RN_OK)
        printf("%s\n", path);
    rn_str_release(&page);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *given = rn_cli_opt(cli, "out");
    size_t n = (size_t)rn_cli_n(cli), found = 0;
    if (n < 2)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "two runs or more are compared");
    char **dirs = rn_xalloc(n * sizeof *dirs);
    int rc = RN_OK;
    while (found < n && rc == RN_OK) {
        rc = rn_target_run_named(&dirs[found], rn_cli_runs(cli), rn_cli_arg(cli, found), err);
        found += rc == RN_OK;
    }
    if (rc == RN_OK)
        rc = write_page(dirs, n, given ? given : "compare.html", err);
    for (size_t i = 0; i < found; i++)
        free(dirs[i]);
    free(dirs);
    return rc;
}

static const struct rn_example examples[] = {
    {"compare smoke-1a2b3c4d smoke-5e6f7081", "what differs, and the curves over each other"}, {0}};
const struct rn_command rn_command_compare = {"compare", "RUN RUN...", "several runs side by side",
                                              opts,      run,          .examples = examples};
