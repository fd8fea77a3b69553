#include "stage.h"

#define STAGE(name) extern const struct rn_stage rn_stage_##name;
#include "stages.def"
#undef STAGE

const struct rn_stage *const rn_stages[] = {
#define STAGE(name) &rn_stage_##name,
#include "stages.def"
#undef STAGE
    NULL};
