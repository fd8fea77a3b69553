#include "cuda.h"

/* A view shares memory: the program never makes a call of it. */
const struct rn_cuda_kernel rn_cuda_view = {NULL, NULL, NULL};
