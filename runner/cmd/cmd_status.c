/* runnel status - how far a run is, from its journal. Reads only, takes no lock. */
#include "file.h"
#include "journal.h"
#include "lock.h"
#include "metrics.h"
#include "str.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, {0}};

/* What the journal knows about one stage. */
struct state {
    const char *stage, *word;
    char symbol;
    const json_t *last; /* its newest record, or NULL */
    int64_t step;       /* of its newest metric, -1: none */
};

static const struct {
    const char *event, *word;
    char symbol;
} words[] = {{"done", "done", '='},     {"kept", "kept", '='},
             {"failed", "failed", '-'}, {"interrupted", "interrupted", '!'},
             {"gate", "gate", '-'},     {"started", "interrupted", '!'}};

static int64_t last_step(const char *dir, const char *stage)
{
    char *path = rn_xprintf("%s/metrics/%s.jsonl", dir, stage);
    json_t *lines = rn_metrics_read(path);
    size_t n = json_array_size(lines);
    int64_t step = n ? rn_json_int(json_array_get(lines, n - 1), "step", -1) : -1;
    json_decref(lines);
    free(path);
    return step;
}

static struct state state_of(const char *dir, const json_t *records, const char *stage,
                             bool running)
{
    struct state s = {.stage = stage, .word = "never run", .symbol = ' ', .step = -1};
    s.last = rn_journal_last(records, stage, "done|kept|failed|interrupted|gate|started");
    const char *event = rn_json_str(s.last, "event", "");
    for (size_t i = 0; i < RN_COUNT(words); i++)
        if (strcmp(words[i].event, event) == 0) {
            s.word = words[i].word;
            s.symbol = words[i].symbol;
        }
    if (running && strcmp(event, "started") == 0) {
        s.word = "running";
        s.symbol = '>';
    }
    if (s.last)
        s.step = last_step(dir, stage);
    return s;
}

static void print_state(const struct state *s, int width)
{
    char when[32] = "", took[32];
    struct tm tm;
    time_t t = (time_t)rn_json_real(s->last, "time", 0);
    if (s->last && localtime_r(&t, &tm))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    printf("%c %-*s  %-11s  %s", s->symbol, width, s->stage, s->word, when);
    double wall_s = rn_json_real(s->last, "wall_s", 0);
    if (wall_s > 0)
        printf("  %s", rn_show_time(took, wall_s));
    if (s->step > 0)
        printf("  step %lld", (long long)s->step);
    if (rn_json_str(s->last, "message", NULL))
        printf("  %s", rn_json_str(s->last, "message", ""));
    printf("\n");
}

static void print_state_json(const char *dir, const struct state *s)
{
    json_t *doc = json_pack(
        "{s:s, s:s, s:s, s:I, s:f, s:f, s:s}", "tag", rn_basename(dir), "stage", s->stage, "state",
        s->word, "step", (json_int_t)s->step, "time", rn_json_real(s->last, "time", 0), "wall_s",
        rn_json_real(s->last, "wall_s", 0), "key", rn_json_str(s->last, "out", ""));
    char *line = rn_json_canonical(doc);
    printf("%s\n", line);
    free(line);
    json_decref(doc);
}

static void print_run(const struct rn_cli *cli, const char *dir, const json_t *records)
{
    char *lock = rn_join(dir, ".lock"), owner[192];
    bool running = rn_lock_held(lock, owner, sizeof owner);
    json_t *stages = rn_journal_stages(records);
    int width = 4;
    for (size_t i = 0; i < json_array_size(stages); i++) {
        int n = (int)strlen(json_string_value(json_array_get(stages, i)));
        width = n > width ? n : width;
    }
    if (!rn_cli_json(cli))
        printf("%s%s%s\n", dir, running ? "  in use by " : "", running ? owner : "");
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        struct state s = state_of(dir, records, stage, running);
        if (rn_cli_json(cli))
            print_state_json(dir, &s);
        else
            print_state(&s, width);
    }
    json_decref(stages);
    free(lock);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    RN_TRY(rn_target_run(&dir, cli, err));
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path);
    print_run(cli, dir, records);
    json_decref(records);
    free(path);
    free(dir);
    return RN_OK;
}

const struct rn_command rn_command_status = {"status", "RUN [key=value ...]", "how far a run is",
                                             opts, run};
