#include "artifact.h"

const char **rn_artifact_paths(const struct rn_artifact *a)
{
    const char **paths = rn_xrealloc(NULL, a->n_files + 1, sizeof *paths);
    for (size_t i = 0; i < a->n_files; i++)
        paths[i] = a->files[i].path;
    paths[a->n_files] = NULL;
    return paths;
}
