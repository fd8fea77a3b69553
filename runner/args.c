#include "args.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* Overrides behind FILE, NULL-ended, on the heap; NULL after an error. */
static const char **overrides(const struct rn_cli *cli, size_t from, struct rn_err *err)
{
    size_t n = rn_cli_n(cli) - from;
    const char **list = rn_xalloc((n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = rn_cli_arg(cli, from + i);
        if (strchr(list[i], '='))
            continue;
        rn_fail(err, RN_EUSAGE, RN_NOWHERE, "unexpected argument '%.100s'", list[i]);
        rn_hint(err, "behind FILE stand overrides: key.path=value");
        free(list);
        return NULL;
    }
    return list;
}

int rn_args_load(const struct rn_cli *cli, size_t first, const char *profile,
                 struct rn_pipeline **out, struct rn_err *err)
{
    const char *file = rn_cli_arg(cli, first);
    *out = NULL;
    if (!file)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "which pipeline file?");
    const char **list = overrides(cli, first + 1, err);
    if (!list)
        return RN_EUSAGE;
    struct rn_pipeline_how how = {.profile = profile, .overrides = list};
    int rc = rn_pipeline_load(out, file, &how, err);
    free(list);
    return rc;
}

int rn_args_pipeline(const struct rn_cli *cli, struct rn_pipeline **out, struct rn_err *err)
{
    return rn_args_load(cli, 0, rn_cli_opt(cli, "profile"), out, err);
}
