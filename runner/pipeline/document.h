/* document.h - a pipeline file and what it includes: read once, composed as often as wanted.
 *
 *     struct rn_document *d = rn_document_open("smoke.yaml", NULL);
 *     struct rn_pipeline *p = rn_pipeline_compose(d, &how, &problems);
 *     rn_pipeline_free(p);
 *     rn_document_free(d);
 *
 * `include: [FILE, ..]` lays files under the one that names them: mappings merge by key, later
 * files win over earlier ones and the naming file over all, lists and scalars are replaced, null
 * removes what an earlier file has. A path is relative to the file it is written in, without ${..}.
 * Only the first file must say `runnel: 1`. Every node keeps the place it was written at. */
#ifndef RN_DOCUMENT_H
#define RN_DOCUMENT_H

#include "yaml_tree.h"

/* How bytes are got: rn_file_read for files; whoever has them elsewhere brings a table. */
struct rn_document_source {
    int (*read)(void *ctx, const char *path, char **text, size_t *n, struct rn_err *);
    void *ctx;
};

struct rn_document {
    struct rn_arena arena;
    struct rn_problems
        problems; /* of reading; those of a file that is readable in spite of them, too */
    struct rn_tree tree;
    const char *path, *dir, *text; /* the first file, its directory, its bytes; text NULL: none */
    struct rn_node *root;          /* a mapping without `include`; NULL: the problems say why */
};

/* Never NULL; what went wrong is in problems. source NULL: files. */
struct rn_document *rn_document_open(const char *path, const struct rn_document_source *);
void rn_document_free(struct rn_document *); /* takes NULL */

#endif
