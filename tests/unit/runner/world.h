/* tests/unit/runner/world.h - a small project in a folder: a pipeline file, local shards, and kinds
 * that are done at once.
 *
 *     load (copies shards)  ->  words (learns from them)  ->  tokens  ->  base (trains)  ->  score
 *
 * Lines of a shard that begin with '#' reach nothing behind `load`: a change of such a line shows
 * whether equal outputs cut off what follows. */
#ifndef WORLD_H
#define WORLD_H

#include "engine.h"

extern const char world_yaml[]; /* the pipeline, as every world begins */

struct world {
    char root[64];              /* a fresh directory: project/, runs/ */
    char project[80], runs[80]; /* may be moved by a test */
    const char *const *yes;     /* stages; NULL-ended or NULL */
    enum rn_verify verify;
    struct rn_err err;
};

void world_init(struct world *);
void world_release(struct world *);
/* Below the project. */
void world_write(const struct world *, const char *name, const char *text);
/* Exchanges the first `from` of the pipeline file; there must be one. */
void world_edit(const struct world *, const char *from, const char *to);
void world_set_version(const char *kind, int version); /* of a kind's implementation */

int world_run(struct world *);
/* What `plan` says: "= load: up to date\n" and so on, a line a stage. Caller frees. */
char *world_plan(struct world *);
/* Stages that really ran since the last call: "words tokens". Caller frees. */
char *world_ran(struct world *);
/* Path of the newest entry of a kind in the store. Caller frees. */
char *world_entry(const struct world *, const char *kind);
/* Loads the pipeline; free with rn_pipeline_free. */
struct rn_pipeline *world_load(struct world *);
struct rn_run_how world_how(const struct world *);

#endif
