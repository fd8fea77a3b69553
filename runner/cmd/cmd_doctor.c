/* runnel doctor - looks at machine and settings; one line a finding, one fix a problem. */
#include "cache.h"
#include "command.h"
#include "doctor.h"
#include "json.h"

#include <stdlib.h>

static const char *const words[] = {"ok", "note", "problem"};

static void print_text(void *ctx, const struct rn_symptom *s)
{
    (void)ctx;
    printf("%-8s %-13s %s\n", words[s->health], s->check, s->text);
    if (s->health == RN_HEALTH_PROBLEM)
        printf("%-8s %-13s fix: %s\n", "", "", s->fix);
}

static void print_json(void *ctx, const struct rn_symptom *s)
{
    (void)ctx;
    json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "check", s->check, "health", words[s->health],
                            "text", s->text, "fix", s->fix);
    char *line = rn_json_canonical(doc);
    printf("%s\n", line ? line : "{}");
    free(line);
    json_decref(doc);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_cache cache;
    rn_cache_init(&cache, NULL);
    struct rn_doctor d = {.root = "",
                          .runs = rn_cli_runs(cli),
                          .cache = cache.dir,
                          .found = rn_cli_json(cli) ? print_json : print_text};
    rn_doctor_examine(&d);
    rn_cache_release(&cache);
    if (d.n_problems == 0)
        return RN_OK;
    fflush(stdout);
    return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "%zu problem%s", d.n_problems,
                   d.n_problems == 1 ? "" : "s");
}

static const struct rn_example examples[] = {
    {"doctor", "before the first run on a machine; paste it into a report"},
    {"doctor --json", "the same for programs"},
    {0}};

const struct rn_command rn_command_doctor = {"doctor",
                                             "",
                                             "look at the machine and the settings",
                                             NULL,
                                             run,
                                             .details = "Exit code 0: no problem; 1: at least one. "
                                                        "A note changes nothing.",
                                             .examples = examples};
