#include "cudnn_graph.h"

#include <stdio.h>

#ifndef RUNNEL_CUDNN_LIBRARY
#define RUNNEL_CUDNN_LIBRARY "libcudnn.so.9"
#endif

static struct rn_cudnn functions;
static struct rn_library cudnn =
    RN_LIBRARY(RN_CUDNN_FUNCTIONS, functions, RUNNEL_CUDNN_LIBRARY, NULL);

const struct rn_cudnn *rn_cudnn_load(const char **missing)
{
    return rn_library_open(&cudnn, missing) ? &functions : NULL;
}

static bool fine(struct rn_graph *g, cudnnStatus_t s, const char *what)
{
    if (s != CUDNN_STATUS_SUCCESS && !g->failed[0]) {
        char why[160] = "";
        g->api->cudnnGetLastErrorString(why, sizeof why);
        snprintf(g->failed, sizeof g->failed, "%s: %s %s", what, g->api->cudnnGetErrorString(s),
                 why);
    }
    return !g->failed[0];
}

/* --- descriptors --- */

static cudnnBackendDescriptor_t make(struct rn_graph *g, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    if (g->failed[0])
        return NULL;
    if (g->n_all == RN_GRAPH_DESCRIPTORS) {
        snprintf(g->failed, sizeof g->failed, "a graph of too many parts");
        return NULL;
    }
    if (fine(g, g->api->cudnnBackendCreateDescriptor(type, &d), "a part of a graph"))
        g->all[g->n_all++] = d;
    return d;
}

static void set(struct rn_graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t n, const void *values)
{
    if (!g->failed[0])
        fine(g, g->api->cudnnBackendSetAttribute(d, name, type, n, values), "an attribute");
}

static void set_node(struct rn_graph *g, cudnnBackendDescriptor_t d,
                     cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t value)
{
    if (value)
        set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static bool finish(struct rn_graph *g, cudnnBackendDescriptor_t d, const char *what)
{
    return !g->failed[0] && fine(g, g->api->cudnnBackendFinalize(d), what);
}

static void add_op(struct rn_graph *g, cudnnBackendDescriptor_t op, const char *what)
{
    if (g->n_ops == RN_GRAPH_OPS && !g->failed[0])
        snprintf(g->failed, sizeof g->failed, "a graph of too many ops");
    if (finish(g, op, what))
        g->ops[g->n_ops++] = op;
}

rn_node rn_graph_tensor(struct rn_graph *g, const struct rn_graph_tensor *t)
{
    enum { INNER_IDS = 1000 };
    cudnnBackendDescriptor_t d = make(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    int64_t id = t->id ? t->id : INNER_IDS + g->next_id++, align = t->of_host ? 4 : 16;
    bool inner = t->id == 0;
    set(g, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &t->type);
    set(g, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, t->dim);
    set(g, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, t->stride);
    set(g, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
    set(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
    set(g, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &inner);
    set(g, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &t->of_host);
    finish(g, d, "a tensor");
    return d;
}

/* --- ops; all compute in fp32 --- */

static const cudnnDataType_t fp32 = CUDNN_DATA_FLOAT;

static cudnnDataType_t precision_of(cudnnPointwiseMode_t mode)
{
    return mode == CUDNN_POINTWISE_CMP_GE || mode == CUDNN_POINTWISE_CMP_GT ? CUDNN_DATA_BOOLEAN
                                                                            : CUDNN_DATA_FLOAT;
}

rn_node rn_graph_pointwise(struct rn_graph *g, cudnnPointwiseMode_t mode, rn_node x, rn_node b,
                           rn_node t, rn_node out, int64_t axis)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    cudnnDataType_t precision = precision_of(mode);
    set(g, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    set(g, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &precision);
    if (axis >= 0)
        set(g, how, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &axis);
    finish(g, how, "a pointwise op");
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_node(g, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
    set_node(g, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    set_node(g, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    set_node(g, op, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, t);
    set_node(g, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, out);
    add_op(g, op, "a pointwise op");
    return out;
}

rn_node rn_graph_matmul(struct rn_graph *g, rn_node a, rn_node b, rn_node out)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    set(g, how, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &fp32);
    finish(g, how, "a product");
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    set_node(g, op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
    set_node(g, op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
    set_node(g, op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, out);
    set_node(g, op, CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
    add_op(g, op, "a product");
    return out;
}

rn_node rn_graph_reduce(struct rn_graph *g, cudnnReduceTensorOp_t reduce, rn_node x, rn_node out)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    set(g, how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &fp32);
    set(g, how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &reduce);
    finish(g, how, "a sum");
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    set_node(g, op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    set_node(g, op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, out);
    set_node(g, op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, how);
    add_op(g, op, "a sum");
    return out;
}

rn_node rn_graph_reshape(struct rn_graph *g, rn_node x, rn_node out)
{
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    set_node(g, op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x);
    set_node(g, op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, out);
    add_op(g, op, "a reshape");
    return out;
}

/* --- plans --- */

/* The whole graph, for a handle where there is one. */
static cudnnBackendDescriptor_t whole_graph(struct rn_graph *g, const struct rn_graph_where *where)
{
    cudnnBackendDescriptor_t d = make(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(g, d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, g->n_ops, g->ops);
    if (where->handle)
        set(g, d, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &where->handle);
    finish(g, d, "the graph");
    return d;
}

enum { SUGGESTIONS = 8 };

static int64_t suggestions(struct rn_graph *g, const struct rn_graph_where *where,
                           cudnnBackendDescriptor_t configs[SUGGESTIONS])
{
    cudnnBackendDescriptor_t whole = whole_graph(g, where);
    cudnnBackendDescriptor_t search = make(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    int64_t n = 0;
    set_node(g, search, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, whole);
    set(g, search, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (!where->handle)
        set_node(g, search, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, where->described);
    finish(g, search, "the search for an engine");
    for (int i = 0; i < SUGGESTIONS; i++)
        configs[i] = make(g, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (!g->failed[0])
        fine(g,
             g->api->cudnnBackendGetAttribute(search, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, SUGGESTIONS, &n,
                                              configs),
             "the search for an engine");
    if (n == 0 && !g->failed[0])
        snprintf(g->failed, sizeof g->failed, "no engine for the graph");
    return n < SUGGESTIONS ? n : SUGGESTIONS;
}

/* Not of the graph's own descriptors: it outlives them. One that cannot be built is no failure. */
static bool build(struct rn_graph *g, const struct rn_graph_where *where,
                  cudnnBackendDescriptor_t config, int64_t most_bytes, struct rn_graph_plan *out)
{
    const struct rn_cudnn *api = g->api;
    cudnnBackendDescriptor_t p = NULL;
    int64_t n, need = 0;
    if (api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &p) !=
        CUDNN_STATUS_SUCCESS)
        return false;
    set_node(g, p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    if (where->handle)
        set(g, p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &where->handle);
    else
        set_node(g, p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, where->described);
    bool built =
        !g->failed[0] && api->cudnnBackendFinalize(p) == CUDNN_STATUS_SUCCESS &&
        api->cudnnBackendGetAttribute(p, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
                                      1, &n, &need) == CUDNN_STATUS_SUCCESS &&
        need <= most_bytes;
    if (built)
        *out = (struct rn_graph_plan){p, need};
    else
        api->cudnnBackendDestroyDescriptor(p);
    return built;
}

bool rn_graph_plan(struct rn_graph *g, const struct rn_graph_where *where, int64_t most_bytes,
                   struct rn_graph_plan *out)
{
    cudnnBackendDescriptor_t configs[SUGGESTIONS];
    int64_t n = suggestions(g, where, configs);
    for (int64_t i = 0; i < n && !g->failed[0]; i++)
        if (build(g, where, configs[i], most_bytes, out))
            return true;
    if (!g->failed[0]) {
        char why[160] = "";
        g->api->cudnnGetLastErrorString(why, sizeof why);
        snprintf(g->failed, sizeof g->failed, "none of %d engines can be built: %s", (int)n, why);
    }
    return false;
}

void rn_graph_release(struct rn_graph *g)
{
    while (g->n_all > 0)
        g->api->cudnnBackendDestroyDescriptor(g->all[--g->n_all]);
}
