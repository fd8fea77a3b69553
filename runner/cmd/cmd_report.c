/* runnel report - a run as one HTML file, or as what else one shows. Writes that file alone. */
#include "cards.h"
#include "file.h"
#include "mem.h"
#include "page.h"
#include "panels.h"
#include "path.h"
#include "target.h"

#include <stdlib.h>

static const struct rn_opt opts[] = {
    {"out", 'o', "FILE", "where to (default: report.html in the run's folder)"},
    {"md", 0, "FILE", "write a report card as Markdown, in nanochat's sections"},
    {"card", 0, "FILE", "write a model card: a README.md with front matter"},
    {"png", 0, "FILE", "draw loss against steps and time, MFU and throughput (cairo)"},
    RN_OPTS_PIPELINE,
    {0}};

static int write_file(const char *path, struct rn_str *text, struct rn_err *err)
{
    int rc = rn_file_write(path, text->p, text->n, err);
    rn_str_release(text);
    return rc;
}

static int write_page(const char *dir, const char *path, struct rn_err *err)
{
    struct rn_str page = {0};
    int rc = rn_page_write(&page, &dir, 1, err);
    if (rc == RN_OK)
        return write_file(path, &page, err);
    rn_str_release(&page);
    return rc;
}

/* --- the forms: one row an option --- */

static int write_report_card(const struct rn_account *a, const char *path, struct rn_err *err)
{
    struct rn_str card = {0};
    rn_report_card(&card, a);
    return write_file(path, &card, err);
}

static int write_model_card(const struct rn_account *a, const char *path, struct rn_err *err)
{
    struct rn_str card = {0};
    rn_model_card(&card, a);
    return write_file(path, &card, err);
}

static const struct form {
    const char *option;
    int (*write)(const struct rn_account *, const char *path, struct rn_err *);
    int (*need)(const char *path, struct rn_err *); /* before anything is written; or NULL */
} forms[] = {{"md", write_report_card, NULL},
             {"card", write_model_card, NULL},
             {"png", rn_panels_write, rn_panels_need}};

static int tell(const char *path, int rc)
{
    if (rc == RN_OK)
        printf("%s\n", path);
    return rc;
}

static int need_forms(const struct rn_cli *cli, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(forms); i++)
        if (forms[i].need && rn_cli_opt(cli, forms[i].option))
            RN_TRY(forms[i].need(rn_cli_opt(cli, forms[i].option), err));
    return RN_OK;
}

static int write_forms(const struct rn_cli *cli, const char *dir, struct rn_err *err)
{
    struct rn_account a;
    int rc = rn_account_read(&a, dir, err);
    for (size_t i = 0; i < RN_COUNT(forms) && rc == RN_OK; i++) {
        const char *path = rn_cli_opt(cli, forms[i].option);
        rc = path ? tell(path, forms[i].write(&a, path, err)) : RN_OK;
    }
    rn_account_release(&a);
    return rc;
}

static bool wants_forms(const struct rn_cli *cli)
{
    for (size_t i = 0; i < RN_COUNT(forms); i++)
        if (rn_cli_opt(cli, forms[i].option))
            return true;
    return false;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    RN_TRY(need_forms(cli, err));
    RN_TRY(rn_target_run(&dir, cli, err));
    const char *given = rn_cli_opt(cli, "out");
    bool others = wants_forms(cli);
    int rc = others ? write_forms(cli, dir, err) : RN_OK;
    if (rc == RN_OK && (given || !others)) {
        char *path = given ? rn_xdup(given) : rn_join(dir, "report.html");
        rc = tell(path, write_page(dir, path, err));
        free(path);
    }
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"report smoke-1a2b3c4d", "stages, curves, results, data and configuration in one file"},
    {"report smoke-1a2b3c4d --md report.md --card README.md", "the same to show others"},
    {"report smoke-1a2b3c4d --png run.png", "four curves as a picture"},
    {0}};
const struct rn_command rn_command_report = {
    "report",
    "RUN [key=value ...]",
    "a run as one HTML file",
    opts,
    run,
    "Without --md, --card and --png, or with --out beside them, the HTML page is written: it needs "
    "no "
    "network and is readable without JavaScript. The Markdown forms claim nothing that the run did "
    "not record.",
    examples};
