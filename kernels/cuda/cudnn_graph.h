/* cudnn_graph.h - graphs of cuDNN by its C backend API, opened where it is.
 *
 *     const struct rn_cudnn *api = rn_cudnn_load(&missing);     NULL: not on this machine
 *     struct rn_graph g = {.api = api};
 *     rn_node x = rn_graph_tensor(&g, &(struct rn_graph_tensor){..});
 *     rn_node y = rn_graph_pointwise(&g, CUDNN_POINTWISE_EXP, x, NULL, NULL, out, -1);
 *     if (rn_graph_plan(&g, &where, most_bytes, &plan)) ...
 *     rn_graph_release(&g);                                     the plan stays valid
 *
 * A failure sticks: later calls do nothing, rn_graph_plan says false, and g.failed why. */
#ifndef RN_CUDNN_GRAPH_H
#define RN_CUDNN_GRAPH_H

#include "library.h"

#include <cudnn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The functions that are used, of libcudnn.so.9. */
#define RN_CUDNN_FUNCTIONS(F)                                                                      \
    F(cudnnGetVersion)                                                                             \
    F(cudnnGetErrorString)                                                                         \
    F(cudnnGetLastErrorString)                                                                     \
    F(cudnnCreate)                                                                                 \
    F(cudnnDestroy)                                                                                \
    F(cudnnSetStream)                                                                              \
    F(cudnnBackendCreateDescriptor)                                                                \
    F(cudnnBackendDestroyDescriptor)                                                               \
    F(cudnnBackendSetAttribute)                                                                    \
    F(cudnnBackendGetAttribute)                                                                    \
    F(cudnnBackendFinalize)                                                                        \
    F(cudnnBackendExecute)

struct rn_cudnn {
    RN_CUDNN_FUNCTIONS(RN_LIBRARY_POINTER)
};

/* Loaded once and never unloaded. *missing: what the loader says. */
const struct rn_cudnn *rn_cudnn_load(const char **missing);

typedef cudnnBackendDescriptor_t rn_node; /* a tensor of a graph */

enum { RN_GRAPH_DESCRIPTORS = 256, RN_GRAPH_OPS = 32 };

struct rn_graph {
    const struct rn_cudnn *api;
    cudnnBackendDescriptor_t all[RN_GRAPH_DESCRIPTORS], ops[RN_GRAPH_OPS];
    int n_all, n_ops;
    int64_t next_id; /* of tensors that nobody names */
    char failed[256];
};

struct rn_graph_tensor {
    cudnnDataType_t type;
    int64_t dim[4], stride[4];
    int64_t id;   /* 0: it exists between ops only */
    bool of_host; /* a number, given when the plan runs */
};
rn_node rn_graph_tensor(struct rn_graph *, const struct rn_graph_tensor *);
/* Each returns `out`. b and t may be NULL; axis -1: none. */
rn_node rn_graph_pointwise(struct rn_graph *, cudnnPointwiseMode_t, rn_node x, rn_node b, rn_node t,
                           rn_node out, int64_t axis);
rn_node rn_graph_matmul(struct rn_graph *, rn_node a, rn_node b, rn_node out);
rn_node rn_graph_reduce(struct rn_graph *, cudnnReduceTensorOp_t, rn_node x, rn_node out);
rn_node rn_graph_reshape(struct rn_graph *, rn_node x, rn_node out);

/* Where a graph will run: on the handle's GPU, or (for tests) on one that is only described. */
struct rn_graph_where {
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t described; /* used if handle is NULL */
};
struct rn_graph_plan {
    cudnnBackendDescriptor_t plan; /* destroy with api->cudnnBackendDestroyDescriptor */
    int64_t workspace_bytes;
};
/* The first of the library's suggestions that can be built and needs at most most_bytes. */
bool rn_graph_plan(struct rn_graph *, const struct rn_graph_where *, int64_t most_bytes,
                   struct rn_graph_plan *);
void rn_graph_release(struct rn_graph *);

#endif
