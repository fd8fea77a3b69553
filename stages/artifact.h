/* stages/artifact.h - an artifact's files as the rooms below want them.
 *
 *     const char **paths = rn_artifact_paths(artifact);
 *     RN_TRY(rn_tokens_open(&tokens, paths, artifact->n_files, "train", digest, err));
 *     free(paths);
 */
#ifndef RN_ARTIFACT_H
#define RN_ARTIFACT_H

#include "stage.h"

/* n_files borrowed paths in the artifact's order; the caller frees the array. */
const char **rn_artifact_paths(const struct rn_artifact *);

#endif
