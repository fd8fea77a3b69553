#include "cpu.h"

/* A view shares memory: the program never makes a call of it. */
const struct rn_kernel RN_CPU(view) = {0};
