/* runnel checkpoints - what a run's trainings could go on from: listed, verified, thinned, taken
 * out. */
#include "ckpt_rows.h"
#include "consent.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "table.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    RN_OPT_STAGE,
    {"verify", 0, "size|hash", "check files by size, or by digest (default)"},
    {"keep", 0, "N", "prune: rolling checkpoints to keep of each stage (default: 1)"},
    {"yes", 'y', NULL, "prune: yes, delete them"},
    {"out", 'o', "DIR", "export: where to, a directory that is not there"},
    RN_OPTS_PIPELINE,
    {0}};

/* What a verb works on. */
struct wanted {
    const struct rn_cli *cli;
    const char *dir; /* of the run */
    struct rn_ckpt_rows all;
};

/* --- the list --- */

static void cell_score(struct rn_str *s, const json_t *row, const char *key)
{
    rn_cell_number(s, json_object_get(row, "metrics"), key);
}

static const struct rn_column columns[] = {
    {"stage", "stage", rn_cell_text},   {"checkpoint", "name", rn_cell_text},
    {"step", "step", rn_cell_number},   {"epoch", "epoch", rn_cell_number},
    {"loss", "loss", rn_cell_number},   {"val_bpb", "val_bpb", cell_score},
    {"core", "core", cell_score},       {"size", "size_bytes", rn_cell_bytes},
    {"made", "time", rn_cell_age},      {"state", "state", rn_cell_text},
    {"names", "aliases", rn_cell_text}, {0}};

static void print_rows(const struct wanted *w, bool (*shown)(const struct rn_ckpt_row *))
{
    json_t *rows = json_array();
    for (size_t i = 0; i < w->all.n; i++)
        if (!shown || shown(&w->all.items[i]))
            json_array_append(rows, w->all.items[i].row);
    rn_table_print(columns, rows, rn_cli_json(w->cli));
    json_decref(rows);
    fflush(stdout);
}

static int list(struct wanted *w, struct rn_err *err)
{
    (void)err;
    print_rows(w, NULL);
    if (w->all.n == 0)
        fprintf(stderr, "no checkpoints in %s\n", w->dir);
    return RN_OK;
}

static int verify(struct wanted *w, struct rn_err *err)
{
    size_t bad = 0;
    print_rows(w, NULL);
    for (size_t i = 0; i < w->all.n; i++)
        bad += !w->all.items[i].sound;
    return bad ? rn_fail(err, RN_ECORRUPT, RN_PATH(w->dir), "%zu of %zu checkpoints are bad", bad,
                         w->all.n)
               : RN_OK;
}

/* --- thinning --- */

static bool is_spare(const struct rn_ckpt_row *s)
{
    return s->spare;
}

static int thin_all(const struct wanted *w, int64_t keep, struct rn_err *err)
{
    for (size_t i = 0; i < w->all.n; i++)
        if (i == 0 || strcmp(w->all.items[i].work, w->all.items[i - 1].work) != 0)
            RN_TRY(rn_ckpt_rows_thin(&w->all, i, rn_cli_runs(w->cli), keep, err));
    return RN_OK;
}

static int prune(struct wanted *w, struct rn_err *err)
{
    enum { KEEP = 1, KEEP_MAX = 1000000 };
    int64_t keep;
    double size_bytes;
    char size[32];
    RN_TRY(rn_cli_int(w->cli, "keep", KEEP, 0, KEEP_MAX, &keep, err));
    size_t n = rn_ckpt_rows_spare(&w->all, keep, &size_bytes);
    print_rows(w, is_spare);
    if (n == 0) {
        fprintf(stderr, "nothing to delete\n");
        return RN_OK;
    }
    RN_TRY(rn_consent_delete(rn_cli_opt(w->cli, "yes"), n, size_bytes, err));
    RN_TRY(thin_all(w, keep, err));
    fprintf(stderr, "deleted %zu, %s\n", n, rn_show_bytes(size, size_bytes));
    return RN_OK;
}

/* --- taking out --- */

static int copy_model(const struct rn_ckpt_row *s, const char *out, struct rn_err *err)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    int rc = rn_mkdirs(out, err);
    for (size_t i = 0; i < RN_COUNT(files) && rc == RN_OK; i++) {
        char *from = rn_xprintf("%s/%s/%s", s->work, rn_json_str(s->row, "name", ""), files[i]);
        char *to = rn_join(out, files[i]);
        rc = rn_copy_file(from, to, err);
        free(from);
        free(to);
    }
    return rc;
}

static int export(struct wanted *w, struct rn_err *err)
{
    const char *name = rn_target_word(w->cli, 1), *out = rn_cli_opt(w->cli, "out");
    const struct rn_ckpt_row *s;
    if (!name || !out)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "which, and where to? checkpoints RUN export NAME --out DIR");
    RN_TRY(rn_ckpt_rows_named(&w->all, name, &s, err));
    if (!s->sound)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->work), "%s is %s", name,
                       rn_json_str(s->row, "state", ""));
    if (rn_exists(out))
        return rn_fail(err, RN_EUSAGE, RN_PATH(out), "is there already");
    RN_TRY(copy_model(s, out, err));
    printf("%s\n", out);
    return RN_OK;
}

/* --- verbs --- */

static const struct verb {
    const char *name; /* NULL: none given */
    size_t words;     /* at most, itself included */
    bool always_hash;
    int (*run)(struct wanted *, struct rn_err *);
} verbs[] = {{NULL, 0, false, list},
             {"verify", 1, true, verify},
             {"prune", 1, false, prune},
             {"export", 2, true, export}};

static const struct verb *verb_of(const char *word)
{
    for (size_t i = 1; word && i < RN_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, word) == 0)
            return &verbs[i];
    return word ? NULL : &verbs[0];
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *word = rn_target_word(cli, 0), *how = rn_cli_opt(cli, "verify");
    const struct verb *verb = verb_of(word);
    struct wanted w = {.cli = cli};
    char *dir;
    if (!verb)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "verify, prune or export, not '%.100s'", word);
    RN_TRY(rn_target_words(cli, verb->words, err));
    RN_TRY(rn_target_run(&dir, cli, err));
    w.dir = dir;
    rn_ckpt_rows_find(&w.all, dir, rn_cli_opt(cli, "stage"),
                      verb->always_hash || !how || strcmp(how, "hash") == 0);
    int rc = verb->run(&w, err);
    rn_ckpt_rows_release(&w.all);
    free(dir);
    return rc;
}

static const struct rn_example examples[] = {
    {"checkpoints smoke-1a2b3c4d --stage base", "what a training could go on from"},
    {"checkpoints smoke-1a2b3c4d verify", "exit 5 if one of them is damaged"},
    {"checkpoints smoke-1a2b3c4d prune --keep 2 --yes", "but two rolling ones of each stage"},
    {"checkpoints smoke-1a2b3c4d export best --stage base --out best", "a model on its own"},
    {0}};
const struct rn_command rn_command_checkpoints = {
    "checkpoints",
    "RUN [verify|prune|export] [NAME] [key=value ...]",
    "checkpoints of a run, each verified",
    opts,
    run,
    "`prune` deletes rolling checkpoints but the newest of each stage; what latest, latest_backup, "
    "best or an epoch points to stays. It shows names and sizes first, asks at a terminal, and "
    "elsewhere needs --yes; while a training goes on it refuses (exit 6). `export` writes the "
    "model "
    "of a checkpoint as a directory that sample, chat, eval and `init` take; for Hugging Face's "
    "layout there is the stage kind export.",
    examples};
