/* keydiff.h - what sets two key documents apart, the most telling difference first.
 *
 *     struct rn_keydiff d;
 *     rn_keydiff_make(&d, old_doc, keys.doc);
 *     rn_keydiff_tell(&d, pipeline, "base", text, sizeof text);
 *     rn_keydiff_release(&d);
 *
 *     runnel upgraded: sft 3 -> 4
 *     model.depth 4 -> 6 (smoke.yaml:51) and 2 more
 *     input tokens 3f2ab1c0 -> 91bc0277 (smoke.yaml:47)
 *     local shards/part_1.txt 8b1a9953 -> 1f40fc92 */
#ifndef RN_KEYDIFF_H
#define RN_KEYDIFF_H

#include "pipeline.h"

enum rn_change_kind {
    RN_CHANGE_VERSION, /* of the kind's implementation */
    RN_CHANGE_VALUE,   /* of a key of the pipeline file */
    RN_CHANGE_INPUT,   /* digest of an input */
    RN_CHANGE_CONTENT, /* what else the stage reads: local files, pins of downloads */
};
struct rn_change {
    enum rn_change_kind kind;
    const char *path;      /* "model.depth", "in.tokens", "local shards/part_1.txt" */
    const char *old, *now; /* as shown: "4", "unset", first digits of a digest */
};
struct rn_keydiff {
    struct rn_arena arena;
    struct rn_change *changes;
    size_t n, cap;
};

/* Documents of rn_keys; both borrowed. Nothing differs: n is 0. */
void rn_keydiff_make(struct rn_keydiff *, const json_t *old, const json_t *now);
void rn_keydiff_release(struct rn_keydiff *); /* safe on zeroes */

/* Where the pipeline file says so: "smoke.yaml:51", "command line", "default"; NULL where no key of
 * the file is behind the change. p may be NULL. */
const char *rn_change_origin(const struct rn_change *, const struct rn_pipeline *p,
                             const char *stage);
/* One line about the first change and how many more there are; "" if there are none. */
void rn_keydiff_tell(const struct rn_keydiff *, const struct rn_pipeline *p, const char *stage,
                     char *text, size_t text_bytes);
/* One line about one change. */
void rn_change_tell(const struct rn_change *, const struct rn_pipeline *p, const char *stage,
                    char *text, size_t text_bytes);

#endif
