/* runnel verify-run - does the first steps of a run's trainings again and compares. */
#include "path.h"
#include "receipt.h"
#include "signals.h"
#include "str.h"
#include "target.h"
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rn_opt opts[] = {{"steps", 0, "N", "how many steps to do again (default: 20)"},
                                     RN_OPT_THREADS,
                                     RN_OPTS_PIPELINE,
                                     {0}};

static void show_progress(void *ctx, int64_t step, int64_t steps)
{
    fprintf(stderr, "\r%s: step %" PRId64 "/%" PRId64 " ", (const char *)ctx, step, steps);
}

static void print_text(const char *stage, const struct rn_verified *v)
{
    printf("= %s  %" PRId64 " step%s again: data order equal, losses ", stage, v->steps,
           v->steps == 1 ? "" : "s");
    if (v->same_bits)
        printf("equal bit for bit\n");
    else
        printf("within %.2g relative (allowed: %.2g, %s)\n", v->difference, v->tolerance, v->why);
}

static void print_json(const char *stage, const struct rn_verified *v)
{
    json_t *doc = json_pack("{s:s, s:I, s:b, s:b, s:f, s:f}", "stage", stage, "steps",
                            (json_int_t)v->steps, "same_machine", v->same_machine, "same_bits",
                            v->same_bits, "difference", v->difference, "tolerance", v->tolerance);
    char *line = rn_json_canonical(doc);
    printf("%s\n", line);
    free(line);
    json_decref(doc);
}

static int verify_stage(const struct rn_cli *cli, struct rn_verify_run *v, struct rn_err *err)
{
    struct rn_verified seen;
    if (isatty(STDERR_FILENO)) {
        v->progress = show_progress;
        v->ctx = (void *)v->stage;
    }
    int rc = rn_verify_run(v, &seen, err);
    if (v->progress)
        fputs("\r\033[K", stderr);
    if (rc == RN_OK && rn_cli_json(cli))
        print_json(v->stage, &seen);
    else if (rc == RN_OK)
        print_text(v->stage, &seen);
    return rc;
}

/* The stage that was named, or every one with a receipt. */
static int verify_stages(const struct rn_cli *cli, struct rn_verify_run *v, struct rn_err *err)
{
    json_t *receipt, *entry;
    const char *stage;
    if (v->stage)
        return verify_stage(cli, v, err);
    RN_TRY(rn_receipt_read(v->run_dir, &receipt, err));
    json_t *stages = json_object_get(receipt, "stages");
    int rc = json_object_size(stages) ? RN_OK
                                      : rn_fail(err, RN_EUSAGE, RN_PATH(v->run_dir),
                                                "no training of this run has a receipt");
    json_object_foreach(stages, stage, entry)
    {
        v->stage = stage;
        if (rc == RN_OK)
            rc = verify_stage(cli, v, err);
    }
    json_decref(receipt);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    struct rn_verify_run v = {.stage = rn_target_word(cli, 0)};
    RN_TRY(rn_cli_int(cli, "steps", 20, 1, 1000000, &v.steps, err));
    RN_TRY(rn_target_threads(&v.threads, cli, err));
    RN_TRY(rn_target_words(cli, 1, err));
    RN_TRY(rn_target_run(&dir, cli, err));
    char *runs = rn_dirname(dir);
    v.run_dir = dir;
    v.runs = runs;
    rn_signals_install();
    int rc = verify_stages(cli, &v, err);
    free(runs);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"verify-run smoke-1a2b3c4d", "20 steps of every training of the run"},
    {"verify-run smoke-1a2b3c4d base --steps 100", "more of one"},
    {0}};

const struct rn_command rn_command_verify_run = {
    "verify-run",
    "RUN [STAGE] [key=value ...]",
    "do the first steps of a training again and compare",
    opts,
    run,
    .details = "The run's resolved configuration and the inputs in the store are taken, nothing is "
               "written into\nthe run. On the machine of the receipt losses are equal bit for bit, "
               "on another within the\ntolerance that is printed; the order of the data is equal "
               "anywhere. Exit code 5: it differs.",
    .examples = examples};
