/* Overrides and cells of a matrix over a pipeline of real kinds: the first line of the input is a
 * cell's number, each further line an override. Whatever they say, the end is a pipeline or
 * problems, and what they make of the file loads again, with the same key. */
#include "matrix.h"
#include "pipeline.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { OVERRIDES_MAX = 16 };

static const char file[] =
    "runnel: 1\n"
    "name: sweep\n"
    "vars: {seed: 1, depth: 2, list: [a, b]}\n"
    "matrix:\n"
    "  vars.seed: [1, 2]\n"
    "  base.model: [{depth: 1}, {depth: \"${vars.depth}\"}]\n"
    "  include: [{vars.depth: 3, base.batch.tokens: 4096}]\n"
    "stages:\n"
    "  data:\n"
    "    kind: fetch\n"
    "    files:\n"
    "      shards: {count: 4, name: \"s_{i:05d}.parquet\", urls: [\"a/{file}\", {url: b}]}\n"
    "      talks: {urls: [talks.jsonl], check: {format: jsonl, record: conversation}}\n"
    "  tokenizer: {kind: train-tokenizer, in: {text: \"data.shards[0:2]\"}}\n"
    "  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards, val: data.shards}}\n"
    "  base:\n"
    "    kind: base-train\n"
    "    in: {tokenizer: tokenizer, tokens: tokens}\n"
    "    model: {arch: nanochat-2025, depth: 4, sequence_len: 64}\n"
    "    optimizer: {groups: {matrix: {lr: 0.02, betas: [0.9, 0.95]}}}\n"
    "    horizon: {steps: 20}\n"
    "    batch: {tokens: 2048}\n"
    "    gate: [\"val_bpb < 3\"]\n"
    "  sft: {kind: sft, in: {model: base, tokenizer: tokenizer}, "
    "mixture: [{task: conversations, in: data.talks}]}\n"
    "  eval: {kind: eval, in: {models: [base, sft], tokenizer: tokenizer}, tasks: [core]}\n"
    "profiles:\n"
    "  small: {vars: {depth: 1}, stages: {data: {files: {shards: {count: 1}}}}}\n";

struct bytes {
    const char *text;
    size_t n;
};

static int read_bytes(void *ctx, const char *path, char **text, size_t *n, struct rn_err *err)
{
    const struct bytes *b = ctx;
    (void)path, (void)err;
    *n = b->n;
    *text = rn_xalloc(b->n + 1);
    memcpy(*text, b->text, b->n);
    return RN_OK;
}

static struct rn_document *document(const char *text)
{
    struct bytes bytes = {text, strlen(text)};
    return rn_document_open("sweep.yaml", &(struct rn_document_source){read_bytes, &bytes});
}

/* What the pipeline was resolved to is a file of its own. */
static void check_resolved(const struct rn_pipeline *p)
{
    struct rn_pipeline_how how = {0};
    char *yaml = rn_pipeline_resolved_yaml(p);
    struct rn_document *doc = document(yaml);
    struct rn_pipeline *again = rn_pipeline_compose(doc, &how, &doc->problems);
    RN_ASSERT(again && strcmp(again->key8, p->key8) == 0);
    rn_pipeline_free(again);
    rn_document_free(doc);
    free(yaml);
}

static void compose(const char *profile, size_t cell, const char *const *overrides)
{
    struct rn_document *doc = document(file);
    struct rn_problems problems = {0};
    struct rn_matrix matrix;
    rn_matrix_read(&matrix, doc);
    RN_ASSERT(matrix.n == 5 && doc->problems.n == 0);
    struct rn_pipeline_how how = {
        .profile = profile, .overrides = overrides, .cell = &matrix.cells[cell % matrix.n]};
    struct rn_pipeline *p = rn_pipeline_compose(doc, &how, &problems);
    RN_ASSERT((p == NULL) == (problems.n > 0));
    if (p)
        check_resolved(p);
    rn_pipeline_free(p);
    rn_problems_release(&problems);
    rn_document_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *overrides[OVERRIDES_MAX + 1] = {0};
    char *text = rn_xalloc(n + 1), *line = text;
    size_t cell = n ? bytes[0] : 0, n_overrides = 0;
    memcpy(text, bytes, n);
    while ((line = strchr(line, '\n')) && n_overrides < OVERRIDES_MAX) {
        *line++ = '\0';
        overrides[n_overrides++] = line;
    }
    if (line && (line = strchr(line, '\n')))
        *line = '\0';
    compose(NULL, cell, overrides);
    compose("small", cell, overrides);
    free(text);
    return 0;
}
