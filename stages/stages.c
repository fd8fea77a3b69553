#include "stage.h"

#define STAGE(name) extern const struct rn_stage rn_stage_##name;
#include "stages.def"
#undef STAGE

const struct rn_stage *const rn_stages[] = {
#define STAGE(name) &rn_stage_##name,
#include "stages.def"
#undef STAGE
    NULL};

const char **rn_artifact_paths(const struct rn_artifact *a)
{
    const char **paths = rn_xalloc((a->n_files + 1) * sizeof *paths);
    for (size_t i = 0; i < a->n_files; i++)
        paths[i] = a->files[i].path;
    return paths;
}
