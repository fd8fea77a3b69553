/* tests/unit/stages/training_rig.h - trainings under a runner of the test's own, in a folder of
 * their own, with a tokenizer and tokens that tests of this room share.
 *
 *     TestSuite(training, .init = rig_enter, .fini = rig_leave, .timeout = 300);
 *
 *     char *lines;
 *     rig_unbroken(BASE EVERY_4, &lines);
 *     rig.stop_at = 5;
 *     cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_ESTOPPED);
 *     rig.stop_at = -1;
 *     cr_assert_eq(rig_run(&rn_stage_base_train, BASE EVERY_4, "broken"), RN_OK);
 *     rig_ends_as_unbroken(lines); */
#ifndef TRAINING_RIG_H
#define TRAINING_RIG_H

#include "mem.h"
#include "model.h"
#include "stage.h"
#include "str.h"
#include "tokenizer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct rn_stage rn_stage_tokenize, rn_stage_base_train, rn_stage_sft, rn_stage_export;

enum { LINES_MAX = 200 };
struct rn_runner {
    struct rn_artifact tokenizer, strange, train, val, tokens, model;
    struct rn_artifact_file files[16];
    char *lines[LINES_MAX]; /* metrics without what the machine decides */
    int64_t n_lines;
    int64_t stop_at;   /* stop once this step was reported; -1: never */
    bool stop_in_core; /* stop when the first questions of CORE are asked */
    bool stopping;
    struct rn_artifact bundle; /* dir NULL: none */
};
extern struct rn_runner rig;
extern struct rn_arena rig_arena; /* lives as long as a test */
extern struct rn_str rig_said;    /* the log so far */
extern struct rn_err rig_err;     /* of the newest run */

void rig_enter(void);
void rig_leave(void);

char *rig_path(const char *name); /* in the test's folder */
/* Runs a stage with keys as a user writes them; `name` is its output and work directory. */
int rig_run(const struct rn_stage *, const char *keys, const char *name);
/* JSON lines of text, as files[i] of the rig and as an artifact. */
void rig_documents(struct rn_artifact *, int i, const char *name, int rows);

/* base-train without any interruption, in "whole". */
void rig_unbroken(const char *keys, char **lines);
/* "broken" ended with the metrics, model and best model of "whole". */
void rig_ends_as_unbroken(const char *lines);
/* The metrics so far, and none from here on; the caller frees. */
char *rig_lines(void);
char *rig_digest(const char *run, const char *output); /* of an output's weights */

#define BASE                                                                                       \
    "in: {tokenizer: tokenizer, tokens: tokens}\n"                                                 \
    "model: {arch: nanochat-2025, depth: 1, n_embd: 16, head_dim: 8, sequence_len: 16}\n"          \
    "batch: {tokens: 64}\nhorizon: {steps: 12}\n"
#define EVERY_4                                                                                    \
    "checkpoint: {every: 4 steps, keep: 2}\neval: {bpb: {every: 4 steps, tokens: 256}}\n"
#define RARELY "checkpoint: {every: 100 steps, keep: 2}\n"

#endif
