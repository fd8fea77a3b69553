/* A stand-in for cuDNN: descriptors that are looked at closely, and graphs that are computed as
 * they are written, op after op, in fp32. So whatever a graph says wrongly (a stride, a bound of a
 * window, heads that share keys) comes out wrong.
 *
 * RN_EMU_CUDNN=91900 is the version that is played; without it there is none that is used. Fails by
 * name: cudnnCreate, cudnnPlan, cudnnBackendExecute (emu_stream.h). */
#include "emu_stream.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_bf16.h>
#include <cudnn.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

struct cudnnContext {
    cudaStream_t stream;
};

namespace
{

std::string last_error;

cudnnStatus_t wrong(const char *why)
{
    last_error = why;
    return CUDNN_STATUS_BAD_PARAM;
}

/* --- what descriptors hold --- */

struct attribute {
    cudnnBackendAttributeType_t type;
    std::vector<char> bytes;
};

struct tensor {
    cudnnDataType_t type;
    int64_t dim[4], stride[4], id;
    bool inner, of_host;
};

struct op {
    cudnnBackendDescriptorType_t kind;
    int how; /* pointwise mode, or way to reduce */
    int64_t axis;
    std::vector<tensor> in; /* x, b, t */
    tensor out;
};

using graph = std::vector<op>;

struct descriptor {
    cudnnBackendDescriptorType_t type;
    bool whole;
    std::map<int, attribute> has;
    std::shared_ptr<graph> ops; /* of a graph, and of what is made of it */

    /* The number or pointer behind a name; `otherwise` if there is none. */
    template <typename T> T get(int name, T otherwise) const
    {
        auto a = has.find(name);
        if (a != has.end())
            memcpy(&otherwise, a->second.bytes.data(), sizeof otherwise);
        return otherwise;
    }
    descriptor *part(int name) const
    {
        return get<descriptor *>(name, nullptr);
    }
};

descriptor *of(cudnnBackendDescriptor_t d)
{
    return (descriptor *)d;
}

size_t size_of(cudnnBackendAttributeType_t type)
{
    switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    case CUDNN_TYPE_BOOLEAN:
        return 1;
    default:
        return 4;
    }
}

/* --- what is whole --- */

tensor tensor_of(const descriptor *d)
{
    tensor t = {};
    t.type = d->get(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
    memcpy(t.dim, d->has.at(CUDNN_ATTR_TENSOR_DIMENSIONS).bytes.data(), sizeof t.dim);
    memcpy(t.stride, d->has.at(CUDNN_ATTR_TENSOR_STRIDES).bytes.data(), sizeof t.stride);
    t.id = d->get<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    t.inner = d->get(CUDNN_ATTR_TENSOR_IS_VIRTUAL, false);
    t.of_host = d->get(CUDNN_ATTR_TENSOR_IS_BY_VALUE, false);
    return t;
}

cudnnStatus_t finish_tensor(descriptor *d)
{
    for (auto name : {CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_ATTR_TENSOR_STRIDES})
        if (!d->has.count(name) || d->has[name].bytes.size() != 4 * sizeof(int64_t))
            return wrong("a tensor without its four sides");
    for (auto name : {CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_ATTR_TENSOR_UNIQUE_ID,
                      CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT})
        if (!d->has.count(name))
            return wrong("a tensor without type, id or alignment");
    tensor t = tensor_of(d);
    for (int i = 0; i < 4; i++)
        if (t.dim[i] < 1 || t.stride[i] < 1)
            return wrong("a tensor of no size");
    return t.of_host && t.inner ? wrong("a number that nobody gives") : CUDNN_STATUS_SUCCESS;
}

struct kind { /* where an op keeps its tensors, and what says how */
    cudnnBackendDescriptorType_t type;
    int in[3], out, how, what;
    int n_in;
};
enum { NONE = -1 }; /* no name of an attribute: those are not negative */
const kind kinds[] = {
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
     {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
      CUDNN_ATTR_OPERATION_POINTWISE_TDESC},
     CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
     CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
     CUDNN_ATTR_POINTWISE_MODE,
     3},
    {CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR,
     {CUDNN_ATTR_OPERATION_MATMUL_ADESC, CUDNN_ATTR_OPERATION_MATMUL_BDESC, NONE},
     CUDNN_ATTR_OPERATION_MATMUL_CDESC,
     CUDNN_ATTR_OPERATION_MATMUL_DESC,
     CUDNN_ATTR_MATMUL_COMP_TYPE,
     2},
    {CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR,
     {CUDNN_ATTR_OPERATION_REDUCTION_XDESC, NONE, NONE},
     CUDNN_ATTR_OPERATION_REDUCTION_YDESC,
     CUDNN_ATTR_OPERATION_REDUCTION_DESC,
     CUDNN_ATTR_REDUCTION_OPERATOR,
     1},
    {CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR,
     {CUDNN_ATTR_OPERATION_RESHAPE_XDESC, NONE, NONE},
     CUDNN_ATTR_OPERATION_RESHAPE_YDESC,
     NONE,
     NONE,
     1},
};

const kind *kind_of(const descriptor *d)
{
    for (auto &k : kinds)
        if (k.type == d->type)
            return &k;
    return nullptr;
}

/* The op of a descriptor; NULL descriptors among its tensors are left out at the end only. */
bool read_op(const descriptor *d, op *o)
{
    const kind *k = kind_of(d);
    descriptor *out = k ? d->part(k->out) : nullptr;
    if (!out || !out->whole)
        return false;
    *o = op{d->type, -1, -1, {}, tensor_of(out)};
    if (k->how != NONE) {
        descriptor *how = d->part(k->how);
        if (!how || !how->whole || !how->has.count(k->what))
            return false;
        o->how = how->get<int>(k->what, -1);
        o->axis = how->get<int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1);
    }
    for (int i = 0; i < k->n_in; i++) {
        descriptor *in = d->part(k->in[i]);
        if (in && !in->whole)
            return false;
        if (in)
            o->in.push_back(tensor_of(in));
    }
    return !o->in.empty();
}

/* Whatever is read is given from outside, or was made before; nothing is made twice. */
cudnnStatus_t finish_graph(descriptor *d)
{
    auto a = d->has.find(CUDNN_ATTR_OPERATIONGRAPH_OPS);
    if (a == d->has.end() || !d->has.count(CUDNN_ATTR_OPERATIONGRAPH_HANDLE))
        return wrong("a graph without ops or handle");
    d->ops = std::make_shared<graph>();
    std::set<int64_t> made;
    for (size_t at = 0; at < a->second.bytes.size(); at += sizeof(void *)) {
        descriptor *part;
        op o;
        memcpy(&part, &a->second.bytes[at], sizeof part);
        if (!part->whole || !read_op(part, &o))
            return wrong("an op that is not whole");
        for (auto &t : o.in)
            if (t.inner && !made.count(t.id))
                return wrong("an op reads what nobody has made");
        if (!made.insert(o.out.id).second)
            return wrong("a tensor is made twice");
        d->ops->push_back(o);
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t inherit(descriptor *d, cudnnBackendAttributeName_t from, const char *why)
{
    descriptor *other = d->part(from);
    if (!other || !other->ops)
        return wrong(why);
    d->ops = other->ops;
    return CUDNN_STATUS_SUCCESS;
}

/* --- computing --- */

using numbers = std::vector<float>; /* (d0,d1,d2,d3), row after row */

size_t count(const tensor &t)
{
    return (size_t)(t.dim[0] * t.dim[1] * t.dim[2] * t.dim[3]);
}

/* The coordinates of the nth element. */
struct at {
    int64_t i[4];
    at(const tensor &t, size_t n)
    {
        for (int k = 3; k >= 0; k--) {
            i[k] = (int64_t)n % t.dim[k];
            n /= (size_t)t.dim[k];
        }
    }
    size_t address(const tensor &t) const
    {
        return (size_t)(i[0] * t.stride[0] + i[1] * t.stride[1] + i[2] * t.stride[2] +
                        i[3] * t.stride[3]);
    }
    /* Of the element of `t` that goes with it: a side of fewer is shared by neighbours. */
    size_t within(const tensor &t, const tensor &mine) const
    {
        size_t n = 0;
        for (int k = 0; k < 4; k++)
            n = n * (size_t)t.dim[k] + (size_t)(i[k] * t.dim[k] / mine.dim[k]);
        return n;
    }
};

float rounded(cudnnDataType_t type, float x)
{
    return type == CUDNN_DATA_BFLOAT16 ? __bfloat162float(__float2bfloat16(x)) : x;
}

numbers load(const tensor &t, const void *p)
{
    numbers x(count(t));
    for (size_t n = 0; n < x.size(); n++) {
        size_t k = at(t, n).address(t);
        x[n] = t.type == CUDNN_DATA_BFLOAT16 ? __bfloat162float(((const __nv_bfloat16 *)p)[k])
                                             : ((const float *)p)[k];
    }
    return x;
}

void store(const tensor &t, void *p, const numbers &x)
{
    for (size_t n = 0; n < x.size(); n++) {
        size_t k = at(t, n).address(t);
        if (t.type == CUDNN_DATA_BFLOAT16)
            ((__nv_bfloat16 *)p)[k] = __float2bfloat16(x[n]);
        else
            ((float *)p)[k] = x[n];
    }
}

float pointwise(int mode, float x, float b, float t)
{
    switch (mode) {
    case CUDNN_POINTWISE_ADD:
        return x + b;
    case CUDNN_POINTWISE_SUB:
        return x - b;
    case CUDNN_POINTWISE_MUL:
        return x * b;
    case CUDNN_POINTWISE_DIV:
        return x / b;
    case CUDNN_POINTWISE_EXP:
        return expf(x);
    case CUDNN_POINTWISE_LOG:
        return logf(x);
    case CUDNN_POINTWISE_CMP_GE:
        return x >= b;
    case CUDNN_POINTWISE_CMP_GT:
        return x > b;
    case CUDNN_POINTWISE_BINARY_SELECT:
        return t != 0 ? x : b;
    default: /* CUDNN_POINTWISE_IDENTITY */
        return x;
    }
}

numbers run_pointwise(const op &o, const std::vector<numbers> &in)
{
    numbers y(count(o.out));
    for (size_t n = 0; n < y.size(); n++) {
        at here(o.out, n);
        float v[3] = {};
        for (size_t k = 0; k < in.size(); k++)
            v[k] = in[k][here.within(o.in[k], o.out)];
        y[n] = o.how == CUDNN_POINTWISE_GEN_INDEX ? (float)here.i[o.axis]
                                                  : pointwise(o.how, v[0], v[1], v[2]);
    }
    return y;
}

numbers run_matmul(const op &o, const std::vector<numbers> &in)
{
    const tensor &a = o.in[0], &b = o.in[1];
    numbers y(count(o.out));
    for (size_t n = 0; n < y.size(); n++) {
        at here(o.out, n);
        int64_t ha = here.i[1] * a.dim[1] / o.out.dim[1], hb = here.i[1] * b.dim[1] / o.out.dim[1];
        const float *row =
            &in[0][(size_t)(((here.i[0] * a.dim[1] + ha) * a.dim[2] + here.i[2]) * a.dim[3])];
        const float *column =
            &in[1][(size_t)((here.i[0] * b.dim[1] + hb) * b.dim[2] * b.dim[3] + here.i[3])];
        double sum = 0;
        for (int64_t k = 0; k < a.dim[3]; k++)
            sum += (double)row[k] * column[k * b.dim[3]];
        y[n] = (float)sum;
    }
    return y;
}

numbers run_reduction(const op &o, const std::vector<numbers> &in)
{
    bool most = o.how == CUDNN_REDUCE_TENSOR_MAX;
    std::vector<double> y(count(o.out), most ? -INFINITY : 0);
    for (size_t n = 0; n < in[0].size(); n++) {
        double &to = y[at(o.in[0], n).within(o.out, o.in[0])];
        to = most ? fmax(to, in[0][n]) : to + in[0][n];
    }
    return numbers(y.begin(), y.end());
}

/* The same memory, read by other sides. */
numbers run_reshape(const op &o, const std::vector<numbers> &in)
{
    numbers memory(count(o.out)), y(count(o.out));
    for (size_t n = 0; n < in[0].size(); n++)
        memory[at(o.in[0], n).address(o.in[0])] = in[0][n];
    for (size_t n = 0; n < y.size(); n++)
        y[n] = memory[at(o.out, n).address(o.out)];
    return y;
}

numbers run_op(const op &o, const std::vector<numbers> &in)
{
    switch (o.kind) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return run_pointwise(o, in);
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
        return run_matmul(o, in);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        return run_reduction(o, in);
    default:
        return run_reshape(o, in);
    }
}

/* What is made of what lies outside, in the order of the graph. Memory that the graph both writes
 * and reads is added to, as the engines do: its user clears it. */
void run(const graph &ops, const std::map<int64_t, void *> &given, std::map<int64_t, numbers> made)
{
    std::set<int64_t> read;
    for (auto &o : ops)
        for (auto &t : o.in)
            read.insert(t.id);
    for (auto &o : ops) {
        std::vector<numbers> in;
        for (auto &t : o.in)
            in.push_back(made.count(t.id) ? made[t.id] : load(t, given.at(t.id)));
        numbers y = run_op(o, in);
        bool sums = !o.out.inner && o.kind == CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR &&
                    read.count(o.out.id);
        if (sums) {
            numbers before = load(o.out, given.at(o.out.id));
            for (size_t n = 0; n < y.size(); n++)
                y[n] += before[n];
        }
        for (float &x : y)
            x = rounded(o.out.type, x);
        if (!o.out.inner)
            store(o.out, given.at(o.out.id), y);
        made[o.out.id] = y;
    }
}

/* Addresses by id: all that the graph asks for, and no more. */
cudnnStatus_t pack_of(const descriptor *d, const graph &ops, std::map<int64_t, void *> *given)
{
    auto ids = d->has.find(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    auto at = d->has.find(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    if (ids == d->has.end() || at == d->has.end() ||
        ids->second.bytes.size() != at->second.bytes.size())
        return wrong("ids and addresses do not go together");
    for (size_t k = 0; k < ids->second.bytes.size(); k += 8) {
        int64_t id;
        void *p;
        memcpy(&id, &ids->second.bytes[k], sizeof id);
        memcpy(&p, &at->second.bytes[k], sizeof p);
        if (!p || !given->emplace(id, p).second)
            return wrong("no address, or two of them");
    }
    std::set<int64_t> asked;
    for (auto &o : ops) {
        for (auto &t : o.in)
            if (!t.inner)
                asked.insert(t.id);
        if (!o.out.inner)
            asked.insert(o.out.id);
    }
    for (int64_t id : asked)
        if (!given->count(id))
            return wrong("a tensor without an address");
    return asked.size() == given->size() ? CUDNN_STATUS_SUCCESS
                                         : wrong("an address that no tensor has");
}

} /* namespace */

/* --- what the library offers --- */

size_t cudnnGetVersion(void)
{
    const char *version = getenv("RN_EMU_CUDNN");
    return version ? strtoul(version, NULL, 10) : 0;
}

const char *cudnnGetErrorString(cudnnStatus_t s)
{
    return s == CUDNN_STATUS_SUCCESS     ? "no error"
           : s == CUDNN_STATUS_BAD_PARAM ? "what is asked for is wrong"
                                         : "an error that was asked for";
}

void cudnnGetLastErrorString(char *text, size_t n)
{
    snprintf(text, n, "%s", last_error.c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    if (emu::fails("cudnnCreate"))
        return CUDNN_STATUS_NOT_INITIALIZED;
    *handle = new cudnnContext{};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    delete handle;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *d)
{
    *d = new descriptor{type, false, {}, nullptr};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d)
{
    delete of(d);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t n,
                                       const void *values)
{
    const char *bytes = (const char *)values;
    if (of(d)->whole || n < 1)
        return wrong("an attribute of what is whole, or of nothing");
    of(d)->has[name] = {type, std::vector<char>(bytes, bytes + (size_t)n * size_of(type))};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t, int64_t most, int64_t *n,
                                       void *values)
{
    if (!of(d)->whole || most < 1)
        return wrong("a question to what is not whole");
    *n = 1;
    if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
        *(int64_t *)values = 256;
    else if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS)
        of(*(cudnnBackendDescriptor_t *)values)->ops = of(d)->ops;
    else
        return wrong("a question that nobody answers");
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t finish(descriptor *d)
{
    op o;
    switch (d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return finish_tensor(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return finish_graph(d);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return inherit(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, "a search without a graph");
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        if (emu::fails("cudnnPlan"))
            return CUDNN_STATUS_NOT_SUPPORTED;
        return inherit(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, "a plan without an engine");
    default:
        return kind_of(d) && !read_op(d, &o) ? wrong("an op that lacks a part")
                                             : CUDNN_STATUS_SUCCESS;
    }
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d)
{
    cudnnStatus_t s = of(d)->whole ? wrong("finished twice") : finish(of(d));
    of(d)->whole = s == CUDNN_STATUS_SUCCESS;
    return s;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack)
{
    std::shared_ptr<graph> ops = of(plan)->ops;
    std::map<int64_t, void *> given;
    std::map<int64_t, numbers> host; /* read now: it is gone when the stream runs */
    if (emu::fails("cudnnBackendExecute"))
        return CUDNN_STATUS_EXECUTION_FAILED;
    if (!of(plan)->whole || !of(pack)->whole)
        return wrong("a plan or a pack that is not whole");
    cudnnStatus_t s = pack_of(of(pack), *ops, &given);
    if (s != CUDNN_STATUS_SUCCESS)
        return s;
    for (auto &o : *ops)
        for (auto &t : o.in)
            if (t.of_host)
                host[t.id] = load(t, given.at(t.id));
    emu::submit(handle->stream, [=] { run(*ops, given, host); });
    return CUDNN_STATUS_SUCCESS;
}
