#include "world.h"

#include "file.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_CAP = 1 << 20 };

const char world_yaml[] = "runnel: 1\n"
                          "name: world\n"
                          "stages:\n"
                          "  load: {kind: load, count: 3, retries: 4}\n"
                          "  words: {kind: words, in: {text: load}, vocab: 10}\n"
                          "  tokens: {kind: tokens, in: {text: load, words: words}}\n"
                          "  base:\n"
                          "    kind: fold\n"
                          "    in: {tokens: tokens}\n"
                          "    seed: 7\n"
                          "    steps: 12\n"
                          "    every: 5\n"
                          "  score: {kind: score, in: {model: base}}\n";

/* Children write it too: the only witness of who ran. */
static char ran_path[128];

struct cfg {
    int64_t count, retries, vocab, seed, steps, every;
    struct rn_ref text, words, tokens, model;
};

static int begin(const struct rn_job *job, struct rn_err *err)
{
    char *line = rn_xprintf("%s ", job->stage);
    int fd = open(ran_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    bool written = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    close(fd);
    free(line);
    return written ? RN_OK : rn_fail_errno(err, RN_PATH(ran_path), "cannot write");
}

static int write_output(const struct rn_job *job, const char *output, const char *name,
                        const char *text, struct rn_err *err)
{
    char *dir = rn_join(job->out_dir, output), *path = rn_join(dir, name);
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, text, strlen(text), err);
    free(path);
    free(dir);
    return rc;
}

/* What a stage makes of its inputs: a digest of their lines, comments aside. */
static int fold_text(const struct rn_artifact *a, const char *more, char hex[RN_HEX],
                     struct rn_err *err)
{
    struct rn_str kept = {0};
    rn_str_puts(&kept, more);
    for (size_t i = 0; i < a->n_files; i++) {
        char *text;
        RN_TRY(rn_file_read(a->files[i].path, TEXT_CAP, &text, NULL, err));
        for (char *line = text, *next; *line; line = next) {
            next = line + strcspn(line, "\n");
            next += *next == '\n';
            if (*line != '#')
                rn_str_add(&kept, line, (size_t)(next - line));
        }
        free(text);
    }
    rn_sha256_hex(kept.p, kept.n, hex);
    rn_str_release(&kept);
    return RN_OK;
}

/* --- load --- */

static char *shard(const struct rn_job *job, int64_t i)
{
    return rn_xprintf("%s/part_%lld.txt", job->pipeline_dir, (long long)i);
}

static int load_fingerprint(const struct rn_job *job, const void *config, json_t *into,
                            struct rn_err *err)
{
    const struct cfg *c = config;
    for (int64_t i = 0; i < c->count; i++) {
        char hex[RN_HEX] = "absent", *path = shard(job, i);
        char *key = rn_xprintf("local %s", rn_basename(path));
        if (rn_exists(path))
            RN_TRY(rn_memo_sha256(job->memo, path, hex, NULL, err));
        json_object_set_new(into, key, json_string(hex));
        free(key);
        free(path);
    }
    return RN_OK;
}

static int load_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct cfg *c = config;
    RN_TRY(begin(job, err));
    for (int64_t i = 0; i < c->count; i++) {
        char *path = shard(job, i), *text;
        RN_TRY(rn_file_read(path, TEXT_CAP, &text, NULL, err));
        RN_TRY(write_output(job, "text", rn_basename(path), text, err));
        free(text);
        free(path);
    }
    return RN_OK;
}

static const struct rn_key load_keys[] = {
    RN_KEY_INT(struct cfg, count, "count", RN_IDENTITY, RN_REQUIRED, 1, 100, "files", "shards"),
    RN_KEY_INT(struct cfg, retries, "retries", RN_NEUTRAL, "4", 0, 100, "", "tries"), RN_KEYS_END};
static const struct rn_output load_outputs[] = {{"text", "files"}, {0}};
static struct rn_stage load = {.kind = "load",
                               .doc = "copies shards",
                               .version = 1,
                               .keys = load_keys,
                               .cfg_bytes = sizeof(struct cfg),
                               .outputs = load_outputs,
                               .fingerprint = load_fingerprint,
                               .run = load_run};

/* --- words, tokens, score: functions of their inputs --- */

static const char *const kinds_files[] = {"files", NULL};
static const char *const kinds_words[] = {"words", NULL};
static const char *const kinds_tokens[] = {"tokens", NULL};
static const char *const kinds_model[] = {"model", NULL};

static int words_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct cfg *c = config;
    char hex[RN_HEX], more[32];
    RN_TRY(begin(job, err));
    snprintf(more, sizeof more, "%lld", (long long)c->vocab);
    RN_TRY(fold_text(rn_job_artifact(job, &c->text), more, hex, err));
    return write_output(job, "words", "words.txt", hex, err);
}

static const struct rn_key words_in[] = {
    RN_KEY_REF(struct cfg, text, "text", kinds_files, RN_REQUIRED, "shards"), RN_KEYS_END};
static const struct rn_key words_keys[] = {
    RN_KEY_TABLE("in", words_in, "inputs"),
    RN_KEY_INT(struct cfg, vocab, "vocab", RN_IDENTITY, "10", 1, 100, "", "words"), RN_KEYS_END};
static const struct rn_output words_outputs[] = {{"words", "words"}, {0}};
static struct rn_stage words = {.kind = "words",
                                .doc = "learns words",
                                .version = 1,
                                .keys = words_keys,
                                .cfg_bytes = sizeof(struct cfg),
                                .outputs = words_outputs,
                                .run = words_run};

static int tokens_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct cfg *c = config;
    char hex[RN_HEX];
    RN_TRY(begin(job, err));
    RN_TRY(fold_text(rn_job_artifact(job, &c->text), rn_job_artifact(job, &c->words)->digest, hex,
                     err));
    return write_output(job, "tokens", "train.bin", hex, err);
}

static const struct rn_key tokens_in[] = {
    RN_KEY_REF(struct cfg, text, "text", kinds_files, RN_REQUIRED, "shards"),
    RN_KEY_REF(struct cfg, words, "words", kinds_words, RN_REQUIRED, "words"), RN_KEYS_END};
static const struct rn_key tokens_keys[] = {RN_KEY_TABLE("in", tokens_in, "inputs"), RN_KEYS_END};
static const struct rn_output tokens_outputs[] = {{"tokens", "tokens"}, {0}};
static struct rn_stage tokens = {.kind = "tokens",
                                 .doc = "makes tokens",
                                 .version = 1,
                                 .keys = tokens_keys,
                                 .cfg_bytes = sizeof(struct cfg),
                                 .outputs = tokens_outputs,
                                 .run = tokens_run};

static int score_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct cfg *c = config;
    RN_TRY(begin(job, err));
    return write_output(job, "scores", "scores.txt", rn_job_artifact(job, &c->model)->digest, err);
}

static const struct rn_key score_in[] = {
    RN_KEY_REF(struct cfg, model, "model", kinds_model, RN_REQUIRED, "what to measure"),
    RN_KEYS_END};
static const struct rn_key score_keys[] = {RN_KEY_TABLE("in", score_in, "inputs"), RN_KEYS_END};
static const struct rn_output score_outputs[] = {{"scores", "scores"}, {0}};
static struct rn_stage score = {.kind = "score",
                                .doc = "measures",
                                .version = 1,
                                .keys = score_keys,
                                .cfg_bytes = sizeof(struct cfg),
                                .outputs = score_outputs,
                                .run = score_run};

/* --- fold: a training with a checkpoint at its end --- */

static int64_t newest(const struct rn_job *job, const struct cfg *c)
{
    int64_t step = c->steps;
    for (; step > 0; step--) {
        char *path = rn_xprintf("%s/step_%06lld", job->work_dir, (long long)step);
        bool there = *job->work_dir && rn_exists(path);
        free(path);
        if (there)
            return step;
    }
    return -1;
}

static int fold_estimate(const struct rn_job *job, const void *config, struct rn_estimate *e,
                         struct rn_err *err)
{
    (void)err;
    const struct cfg *c = config;
    e->steps = c->steps;
    e->resume_step = newest(job, c);
    return RN_OK;
}

static int fold_run(struct rn_job *job, const void *config, struct rn_err *err)
{
    const struct cfg *c = config;
    RN_TRY(begin(job, err));
    char *text = rn_xprintf("%s %lld %lld", rn_job_artifact(job, &c->tokens)->digest,
                            (long long)c->seed, (long long)c->steps);
    char *dir = rn_xprintf("%s/step_%06lld", job->work_dir, (long long)c->steps);
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = write_output(job, "model", "model.safetensors", text, err);
    free(dir);
    free(text);
    return rc;
}

static const struct rn_key fold_in[] = {
    RN_KEY_REF(struct cfg, tokens, "tokens", kinds_tokens, RN_REQUIRED, "tokens"), RN_KEYS_END};
static const struct rn_key fold_keys[] = {
    RN_KEY_TABLE("in", fold_in, "inputs"),
    RN_KEY_INT(struct cfg, seed, "seed", RN_IDENTITY, "7", 0, 1e6, "", "seed"),
    RN_KEY_STEPS(struct cfg, steps, "steps", RN_EXTEND, "12", 1, 1e6, "steps"),
    RN_KEY_STEPS(struct cfg, every, "every", RN_NEUTRAL, "5", 1, 1e6, "between saves"),
    RN_KEYS_END};
static const struct rn_output fold_outputs[] = {{"model", "model"}, {0}};
static struct rn_stage fold = {.kind = "fold",
                               .doc = "trains",
                               .version = 1,
                               .trains = true,
                               .keys = fold_keys,
                               .cfg_bytes = sizeof(struct cfg),
                               .outputs = fold_outputs,
                               .estimate = fold_estimate,
                               .run = fold_run};

static struct rn_stage *const kinds[] = {&load, &words, &tokens, &fold, &score, NULL};

void world_set_version(const char *kind, int version)
{
    for (size_t i = 0; kinds[i]; i++)
        if (strcmp(kinds[i]->kind, kind) == 0)
            kinds[i]->version = version;
}

/* --- the project --- */

void world_write(const struct world *w, const char *name, const char *text)
{
    char *path = rn_join(w->project, name);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(path);
}

void world_init(struct world *w)
{
    bool shm = access("/dev/shm", W_OK) == 0;
    *w = (struct world){.verify = RN_VERIFY_STAT};
    snprintf(w->root, sizeof w->root, "%s/runnel-world-XXXXXX", shm ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(w->root));
    snprintf(w->project, sizeof w->project, "%s/project", w->root);
    snprintf(w->runs, sizeof w->runs, "%s/runs", w->root);
    snprintf(ran_path, sizeof ran_path, "%s/ran.txt", w->root);
    cr_assert_eq(rn_mkdirs(w->project, NULL), RN_OK);
    for (size_t i = 0; kinds[i]; i++)
        kinds[i]->version = 1;
    world_write(w, "world.yaml", world_yaml);
    world_write(w, "part_0.txt", "# zero\nthe pet of Mira\n");
    world_write(w, "part_1.txt", "# one\nis a cat\n");
    world_write(w, "part_2.txt", "# two\nand not a dog\n");
}

void world_release(struct world *w)
{
    rn_remove_tree(w->root, NULL);
}

void world_edit(const struct world *w, const char *from, const char *to)
{
    char *path = rn_join(w->project, "world.yaml"), *text;
    cr_assert_eq(rn_file_read(path, TEXT_CAP, &text, NULL, NULL), RN_OK);
    char *at = strstr(text, from);
    cr_assert(at, "the file does not hold '%s'", from);
    char *changed = rn_xprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    world_write(w, "world.yaml", changed);
    free(changed);
    free(text);
    free(path);
}

struct rn_pipeline *world_load(struct world *w)
{
    struct rn_pipeline *p;
    struct rn_pipeline_how how = {.kinds = (const struct rn_stage *const *)kinds};
    char *path = rn_join(w->project, "world.yaml");
    w->err = (struct rn_err){0};
    cr_assert_eq(rn_pipeline_load(&p, path, &how, &w->err), RN_OK, "%s", w->err.msg);
    free(path);
    return p;
}

struct rn_run_how world_how(const struct world *w)
{
    return (struct rn_run_how){.runs = w->runs,
                               .device = "cpu",
                               .threads = 1,
                               .verify = w->verify,
                               .yes = w->yes,
                               .resolved_yaml = "name: world\n"};
}

int world_run(struct world *w)
{
    struct rn_ui ui;
    struct rn_pipeline *p = world_load(w);
    struct rn_run_how how = world_how(w);
    rn_ui_init(&ui, false, 8);
    ui.mode = RN_UI_SILENT;
    int rc = rn_run(p, &how, &ui, &w->err);
    rn_ui_release(&ui);
    rn_pipeline_free(p);
    return rc;
}

char *world_plan(struct world *w)
{
    static const char symbols[] = {[RN_ACT_KEEP] = '=',
                                   [RN_ACT_RUN] = '+',
                                   [RN_ACT_RESUME] = '>',
                                   [RN_ACT_BLOCKED] = '-',
                                   [RN_ACT_SKIP] = ' '};
    struct rn_plan plan;
    struct rn_str text = {0};
    struct rn_pipeline *p = world_load(w);
    struct rn_run_how how = world_how(w);
    cr_assert_eq(rn_plan_init(&plan, p, &how, &w->err), RN_OK, "%s", w->err.msg);
    rn_str_puts(&text, "");
    for (size_t i = 0; i < p->n_stages; i++) {
        cr_assert_eq(rn_plan_decide(&plan, i, &w->err), RN_OK, "%s", w->err.msg);
        const struct rn_planned *n = &plan.nodes[i];
        rn_str_printf(&text, "%c %s: %s\n", n->consent ? '!' : symbols[n->action],
                      p->stages[i].name, n->reason);
    }
    rn_plan_release(&plan);
    rn_pipeline_free(p);
    return text.p;
}

char *world_ran(struct world *w)
{
    (void)w;
    char *text = NULL;
    if (!rn_exists(ran_path) || rn_file_read(ran_path, TEXT_CAP, &text, NULL, NULL) != RN_OK)
        text = rn_xdup("");
    unlink(ran_path);
    size_t n = strlen(text);
    if (n)
        text[n - 1] = '\0';
    return text;
}

char *world_entry(const struct world *w, const char *kind)
{
    char *store = rn_join(w->runs, ".store"), *found = NULL;
    char *prefix = rn_xprintf("%s-", kind);
    DIR *d = opendir(store);
    for (struct dirent *e; d && (e = readdir(d));)
        if (rn_starts_with(e->d_name, prefix) && !strchr(e->d_name, '.') && !found)
            found = rn_join(store, e->d_name);
    if (d)
        closedir(d);
    free(prefix);
    free(store);
    cr_assert(found, "no entry of %s", kind);
    return found;
}
