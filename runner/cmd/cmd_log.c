/* runnel log - what the stages of a run said. Reads only, takes no lock. */
#include "journal.h"
#include "locks.h"
#include "path.h"
#include "progress.h"
#include "str.h"
#include "table.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct rn_opt opts[] = {
    {"follow", 'f', NULL, "go on until the run ends"}, RN_OPTS_PIPELINE, {0}};
static const struct rn_example examples[] = {
    {"log smoke-1a2b3c4d base", "what the stage base said"},
    {"log pipelines/smoke.yaml -f", "every stage of the current run, as it speaks"},
    {0}};

enum { LOOK_EVERY_MS = 200, CHUNK = 64 << 10 };

/* One log file, read up to `seen_bytes`. */
struct source {
    const char *stage;
    char *path;
    long seen_bytes;
};

struct talk {
    struct source *sources;
    size_t n;
    int width; /* of the stage column; 0: one stage alone */
    bool json;
};

/* "2026-11-21T11:20:03Z info    text": apart for programs, as it stands for people. */
static void print_json(const char *stage, const char *line)
{
    char stamp[40] = "", level[16] = "";
    int at = 0;
    if (sscanf(line, "%39s %15s %n", stamp, level, &at) < 2)
        at = 0;
    json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "stage", stage, "time", stamp, "level", level,
                            "text", line + at);
    if (doc)
        rn_table_object(doc);
    json_decref(doc);
}

static void print_line(const struct talk *t, const char *stage, char *line)
{
    rn_ui_clean(line);
    if (t->json)
        print_json(stage, line);
    else if (t->width)
        printf("%-*s  %s\n", t->width, stage, line);
    else
        printf("%s\n", line);
}

/* Whole lines only: what is being written comes with the next look. */
static void print_new(const struct talk *t, struct source *s)
{
    char *text = rn_xalloc(CHUNK + 1);
    FILE *f = fopen(s->path, "rb");
    while (f && fseek(f, s->seen_bytes, SEEK_SET) == 0) {
        size_t n = fread(text, 1, CHUNK, f);
        text[n] = '\0';
        char *line = text, *end;
        for (; (end = memchr(line, '\n', n - (size_t)(line - text))); line = end + 1) {
            *end = '\0';
            print_line(t, s->stage, line);
        }
        if (line == text && n == CHUNK)
            line = text + n; /* a line longer than any we write: passed over */
        s->seen_bytes += line - text;
        if (line == text)
            break;
    }
    if (f)
        fclose(f);
    free(text);
}

static void follow(struct talk *t, const char *dir, bool on)
{
    for (bool going = true; going;) {
        going = on && rn_lock_held_run(dir, NULL,
                                       0); /* asked first: what is said last is still printed */
        for (size_t i = 0; i < t->n; i++)
            print_new(t, &t->sources[i]);
        if (fflush(stdout) != 0)
            return; /* nobody reads any more */
        if (going)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
    }
}

static void add_source(struct talk *t, const char *dir, const char *stage)
{
    struct source *s = &t->sources[t->n++];
    s->stage = stage;
    s->path = rn_xprintf("%s/log/%s.log", dir, stage);
}

static int talk_of(const struct rn_cli *cli, const char *dir, const json_t *stages,
                   struct rn_err *err)
{
    const char *only = rn_target_word(cli, 0);
    struct talk t = {.json = rn_cli_json(cli)};
    t.sources = rn_xalloc((json_array_size(stages) + 1) * sizeof *t.sources);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const char *stage = json_string_value(json_array_get(stages, i));
        if (!only || strcmp(only, stage) == 0)
            add_source(&t, dir, stage);
        if (!only && (int)strlen(stage) > t.width)
            t.width = (int)strlen(stage);
    }
    int rc = RN_OK;
    if (t.n)
        follow(&t, dir, rn_cli_opt(cli, "follow"));
    else if (only)
        rc = rn_fail(err, RN_EUSAGE, RN_NOWHERE, "the run has no stage '%s'", only);
    for (size_t i = 0; i < t.n; i++)
        free(t.sources[i].path);
    free(t.sources);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    char *dir;
    RN_TRY(rn_target_words(cli, 1, err));
    RN_TRY(rn_target_run(&dir, cli, err));
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path), *stages = rn_journal_stages(records);
    int rc = talk_of(cli, dir, stages, err);
    json_decref(stages);
    json_decref(records);
    free(path);
    free(dir);
    return rc;
}

const struct rn_command rn_command_log = {
    "log", "RUN [STAGE] [key=value ...]", "what the stages of a run said", opts,
    run,   .examples = examples};
