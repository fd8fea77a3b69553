/* tests/fake/kinds.c - four stage kinds that do nothing, so that the tests of configuration do not
 * change when real kinds do. Linked in place of the real table (build/runnel-fake). */
#include "stage.h"

#include <string.h>

/* --- fetch: outputs from the config, lists with shorthands, sources --- */

struct url {
    const char *url, *member;
};
static const struct rn_key url_keys[] = {
    RN_KEY_STR(struct url, url, "url", RN_SOURCE, RN_REQUIRED, "where the bytes are"),
    RN_KEY_STR(struct url, member, "member", RN_SOURCE, "", "file inside an archive"), RN_KEYS_END};

struct file {
    struct rn_list urls;
    const char *name, *sha256;
    int64_t count, max_bytes, rows;
};
static const struct rn_key check_keys[] = {
    RN_KEY_COUNT(struct file, rows, "rows", RN_IDENTITY, "~", -1, 1e12, "exact number of rows"),
    RN_KEYS_END};
static const struct rn_key file_keys[] = {
    RN_KEY_LIST_SHORT(struct file, urls, "urls", RN_SOURCE, RN_REQUIRED, url_keys, struct url,
                      "url", "tried in order"),
    RN_KEY_STR(struct file, name, "name", RN_IDENTITY, "", "name of the file"),
    RN_KEY_STR(struct file, sha256, "sha256", RN_IDENTITY, "", "digest of the content"),
    RN_KEY_INT(struct file, count, "count", RN_IDENTITY, "1", 1, 1e6, "files", "number of files"),
    RN_KEY_BYTES(struct file, max_bytes, "max_bytes", RN_NEUTRAL, "1 GiB", 1, 1e15, "largest size"),
    RN_KEY_TABLE("check", check_keys, "what the content must be"),
    RN_KEYS_END};

struct fetch {
    struct rn_map files;
    double stall_s;
};
static const struct rn_key fetch_keys[] = {
    RN_KEY_MAP(struct fetch, files, "files", RN_IDENTITY, RN_REQUIRED, file_keys, struct file,
               "what to fetch"),
    RN_KEY_TIME(struct fetch, stall_s, "stall", RN_NEUTRAL, "30 s", 1, 86400, "give up after"),
    RN_KEYS_END};

static size_t fetch_outputs(const void *cfg, struct rn_arena *arena, struct rn_output **out)
{
    const struct fetch *f = cfg;
    *out = rn_arena_alloc(arena, (f->files.n + 1) * sizeof **out);
    for (size_t i = 0; i < f->files.n; i++)
        (*out)[i] = (struct rn_output){f->files.names[i], "files"};
    return f->files.n;
}

/* --- tokenize --- */

struct tokenize {
    struct rn_ref text;
    int64_t vocab_size;
    double max_chars;
    int pattern;
};
static const char *const kinds_files[] = {"files", NULL};
static const char *const patterns[] = {"nanochat", "gpt2", NULL};
static const struct rn_key tokenize_in[] = {
    RN_KEY_REF(struct tokenize, text, "text", kinds_files, RN_REQUIRED, "documents to learn from"),
    RN_KEYS_END};
static const struct rn_key tokenize_keys[] = {
    RN_KEY_TABLE("in", tokenize_in, "inputs"),
    RN_KEY_COUNT(struct tokenize, vocab_size, "vocab_size", RN_IDENTITY, "65536", 266, 1e7,
                 "tokens, specials included"),
    RN_KEY_REAL(struct tokenize, max_chars, "max_chars", RN_IDENTITY, "2e9", 1, 1e15, "characters",
                "how much text to read"),
    RN_KEY_WORD(struct tokenize, pattern, "pattern", RN_IDENTITY, "nanochat", patterns,
                "how text is split"),
    RN_KEYS_END};
static const struct rn_output tokenize_outputs[] = {{"tokens", "tokens"}, {0}};

/* --- train: gates, extend keys, lists of tables with references --- */

struct task {
    const char *task;
    struct rn_ref in;
    int64_t epochs;
};
static const struct rn_key task_keys[] = {
    RN_KEY_STR(struct task, task, "task", RN_IDENTITY, RN_REQUIRED, "name of the task"),
    RN_KEY_REF(struct task, in, "in", kinds_files, "~", "its data"),
    RN_KEY_INT(struct task, epochs, "epochs", RN_IDENTITY, "1", 1, 1000, "", "times over"),
    RN_KEYS_END};

struct train {
    struct rn_ref tokens, model;
    int64_t steps, tokens_per_param, depth, every, seed;
    bool deterministic;
    struct rn_list mixture, betas;
};
static const char *const kinds_tokens[] = {"tokens", NULL};
static const char *const kinds_model[] = {"model", NULL};
static const struct rn_key train_in[] = {
    RN_KEY_REF(struct train, tokens, "tokens", kinds_tokens, "~", "token shards"),
    RN_KEY_REF(struct train, model, "model", kinds_model, "~", "model to go on from"), RN_KEYS_END};
static const struct rn_key horizon_keys[] = {
    RN_KEY_STEPS(struct train, steps, "steps", RN_EXTEND, "~", 0, 1e9, "optimizer steps"),
    RN_KEY_INT(struct train, tokens_per_param, "tokens_per_param", RN_EXTEND, "~", 0, 1e6, "tokens",
               "horizon by the size of the model"),
    RN_KEYS_END};
static const struct rn_key model_keys[] = {RN_KEY_INT(struct train, depth, "depth", RN_IDENTITY,
                                                      "4", 1, 1000, "blocks", "number of blocks"),
                                           RN_KEYS_END};
static const struct rn_key checkpoint_keys[] = {
    RN_KEY_STEPS(struct train, every, "every", RN_NEUTRAL, "250 steps", 1, 1e9, "between saves"),
    RN_KEYS_END};
static const struct rn_key train_keys[] = {
    RN_KEY_TABLE("in", train_in, "inputs"),
    RN_KEY_TABLE("model", model_keys, "shape of the model"),
    RN_KEY_TABLE("horizon", horizon_keys, "how long to train"),
    RN_KEY_TABLE("checkpoint", checkpoint_keys, "when to save"),
    RN_KEY_LIST(struct train, mixture, "mixture", RN_IDENTITY, "~", task_keys, struct task,
                "tasks to train on"),
    RN_KEY_LIST_OF(struct train, betas, "betas", RN_IDENTITY, "[0.9, 0.95]", RN_T_REAL, "of Adam"),
    RN_KEY_INT(struct train, seed, "seed", RN_IDENTITY, "42", 0, 9e15, "", "of all randomness"),
    RN_KEY_BOOL(struct train, deterministic, "deterministic", RN_IDENTITY, "true", "equal bits"),
    RN_KEYS_END};
static const struct rn_output train_outputs[] = {{"model", "model"}, {0}};
static const struct rn_metric train_metrics[] = {
    {"loss", "nats", -1, ""}, {"val_bpb", "bits/byte", -1, ""}, {0}};

static int train_check(const void *cfg, struct rn_err *err)
{
    const struct train *t = cfg;
    if (t->steps && t->tokens_per_param)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'horizon.tokens_per_param' and 'horizon.steps' exclude each other");
    return RN_OK;
}

/* --- eval: metrics behind references --- */

struct eval {
    struct rn_list models;
};
static const struct rn_key eval_in[] = {
    RN_KEY_REFS(struct eval, models, "models", kinds_model, RN_REQUIRED, "models to measure"),
    RN_KEYS_END};
static const struct rn_key eval_keys[] = {RN_KEY_TABLE("in", eval_in, "inputs"), RN_KEYS_END};
static const struct rn_output eval_outputs[] = {{"scores", "scores"}, {0}};
static const struct rn_metric eval_metrics[] = {
    {"core", "", 1, ""}, {"tiny_world", "", 1, ""}, {0}};

static const struct rn_stage fetch = {.kind = "fetch",
                                      .doc = "fetch files",
                                      .keys = fetch_keys,
                                      .cfg_bytes = sizeof(struct fetch),
                                      .list_outputs = fetch_outputs};
static const struct rn_stage tokenize = {.kind = "tokenize",
                                         .doc = "make tokens",
                                         .keys = tokenize_keys,
                                         .cfg_bytes = sizeof(struct tokenize),
                                         .outputs = tokenize_outputs};
static const struct rn_stage train = {.kind = "base-train",
                                      .doc = "train",
                                      .keys = train_keys,
                                      .cfg_bytes = sizeof(struct train),
                                      .outputs = train_outputs,
                                      .metrics = train_metrics,
                                      .trains = true,
                                      .check = train_check};
static const struct rn_stage eval = {.kind = "eval",
                                     .doc = "measure",
                                     .keys = eval_keys,
                                     .cfg_bytes = sizeof(struct eval),
                                     .outputs = eval_outputs,
                                     .metrics = eval_metrics};
const struct rn_stage *const rn_stages[] = {&fetch, &tokenize, &train, &eval, NULL};
