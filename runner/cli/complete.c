#include "complete.h"

#include "help.h"
#include "journal.h"
#include "path.h"
#include "pipeline.h"
#include "runs.h"
#include "spec.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the words before the last one say. */
struct line {
    const struct rn_command *command;
    const struct rn_opt *pending; /* its value is being typed */
    const char *first;            /* argument: FILE or RUN */
    const char *profile, *runs;
    size_t n_args;
    bool ended; /* by "--" */
    bool lost;  /* no such command */
    const char *typed;
    char before[64]; /* "--profile=" in front of what is completed */
    FILE *out;
};

static void take_value(struct line *l, const struct rn_opt *opt, const char *value)
{
    if (strcmp(opt->name, "profile") == 0)
        l->profile = value;
    else if (strcmp(opt->name, "runs") == 0)
        l->runs = value;
}

static void take_option(struct line *l, const char *word)
{
    const char *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct rn_opt *opt = rn_help_option(l->command, name, length);
    if (opt && opt->arg && equals)
        take_value(l, opt, equals + 1);
    else if (opt && opt->arg)
        l->pending = opt;
}

static void take_word(struct line *l, const char *word)
{
    if (l->pending) {
        take_value(l, l->pending, word);
        l->pending = NULL;
    } else if (!l->ended && strcmp(word, "--") == 0)
        l->ended = true;
    else if (!l->ended && word[0] == '-' && word[1])
        take_option(l, word);
    else if (!l->command) {
        l->command = rn_help_find(word);
        l->lost = !l->command;
    } else if (l->n_args++ == 0)
        l->first = word;
}

/* --- candidates --- */

static void offer(const struct line *l, const char *word, const char *doc)
{
    if (rn_starts_with(word, l->typed) && !strpbrk(word, "\n\t"))
        fprintf(l->out, "%s%s\t%s\n", l->before, word, doc);
}

static struct rn_pipeline *load_pipeline(const struct line *l, const char *profile)
{
    struct stat st;
    struct rn_err ignored = {0};
    struct rn_pipeline *p = NULL;
    const struct rn_pipeline_how how = {.profile = profile};
    if (l->first && stat(l->first, &st) == 0 && S_ISREG(st.st_mode) &&
        rn_pipeline_load(&p, l->first, &how, &ignored) == RN_OK)
        return p;
    return NULL;
}

static const char *runs_folder(const struct line *l)
{
    const char *env = getenv("RUNNEL_RUNS");
    return l->runs ? l->runs : env && *env ? env : "runs";
}

/* Stages that the journal of a run names. */
static void offer_journal(const struct line *l)
{
    char *dir = NULL;
    struct rn_err ignored = {0};
    if (!l->first || rn_runs_find(runs_folder(l), l->first, &dir, &ignored) != RN_OK)
        return;
    char *path = rn_join(dir, "journal.jsonl");
    json_t *records = rn_journal_read(path), *stages = rn_journal_stages(records);
    for (size_t i = 0; i < json_array_size(stages); i++)
        offer(l, json_string_value(json_array_get(stages, i)), "stage");
    json_decref(stages);
    json_decref(records);
    free(path);
    free(dir);
}

static void offer_stages(const struct line *l)
{
    struct rn_pipeline *p = load_pipeline(l, l->profile);
    if (!p)
        offer_journal(l);
    for (size_t i = 0; p && i < p->n_stages; i++)
        offer(l, p->stages[i].name, p->stages[i].stage->kind);
    rn_pipeline_free(p);
}

static void offer_profiles(const struct line *l)
{
    struct rn_pipeline *p = load_pipeline(l, NULL);
    for (size_t i = 0; p && i < p->n_profiles; i++)
        offer(l, p->profiles[i], "profile");
    rn_pipeline_free(p);
}

static void offer_files(const struct line *l)
{
    fputs("\tfiles\n", l->out);
}

static void offer_directories(const struct line *l)
{
    fputs("\tdirectories\n", l->out);
}

static void offer_runs(const struct line *l)
{
    char **tags = rn_runs_tags(runs_folder(l));
    for (size_t i = 0; tags && tags[i]; i++)
        offer(l, tags[i], "run");
    rn_runs_free_tags(tags);
    offer_files(l);
}

static void offer_value(const struct line *l, const char *spec)
{
    static void (*const offers[])(const struct line *) = {[RN_COMPLETE_files] = offer_files,
                                                          [RN_COMPLETE_directories] =
                                                              offer_directories,
                                                          [RN_COMPLETE_stages] = offer_stages,
                                                          [RN_COMPLETE_profiles] = offer_profiles,
                                                          [RN_COMPLETE_runs] = offer_runs};
    char part[RN_SPEC_BYTES];
    for (size_t i = 0; rn_spec_part(spec, i, part); i++) {
        const struct rn_value *v = rn_value_find(part);
        if (v && offers[v->completion])
            offers[v->completion](l);
        else if (!v && rn_spec_is_word(part))
            offer(l, part, "");
    }
}

static void offer_options(const struct line *l, const struct rn_opt *opts)
{
    for (; opts && opts->name; opts++) {
        char word[64];
        snprintf(word, sizeof word, "--%s", opts->name);
        offer(l, word, opts->doc);
    }
}

static void offer_commands(const struct line *l)
{
    for (const struct rn_command *const *c = rn_commands; *c; c++)
        offer(l, (*c)->name, (*c)->doc);
}

static void offer_argument(const struct line *l)
{
    struct rn_slot slots[RN_SLOTS];
    size_t n = rn_slots_read(l->command->args, slots);
    const struct rn_slot *slot = rn_slot_of(slots, n, l->n_args);
    if (slot)
        offer_value(l, slot->spec);
}

/* "--profile=sm": what stands behind '=' is completed, and offered with the option before it. */
static bool offer_behind_equals(struct line *l)
{
    const char *equals = strchr(l->typed, '=');
    if (!rn_starts_with(l->typed, "--") || !equals)
        return false;
    size_t length = (size_t)(equals - l->typed);
    const struct rn_opt *opt = rn_help_option(l->command, l->typed + 2, length - 2);
    snprintf(l->before, sizeof l->before, "%.*s", (int)length + 1, l->typed);
    l->typed = equals + 1;
    if (opt && opt->arg)
        offer_value(l, opt->arg);
    return true;
}

void rn_complete(const char *const *words, size_t n, FILE *out)
{
    struct line l = {.typed = n > 0 ? words[n - 1] : "", .out = out};
    for (size_t i = 0; i + 1 < n; i++)
        take_word(&l, words[i]);
    if (l.lost)
        return;
    if (l.pending)
        offer_value(&l, l.pending->arg);
    else if (!l.ended && *l.typed == '-' && !offer_behind_equals(&l)) {
        offer_options(&l, l.command ? l.command->opts : NULL);
        offer_options(&l, rn_opts_everywhere);
    } else if (*l.typed != '-' && l.command)
        offer_argument(&l);
    else if (*l.typed != '-')
        offer_commands(&l);
}
