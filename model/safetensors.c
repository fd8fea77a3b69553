#include "safetensors.h"

#include "bf16_bits.h"
#include "bytes.h"
#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_CAP = 100 << 20, TENSORS_CAP = 1 << 20, CHUNK = 1 << 16 };

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static float from_f32(const unsigned char *p)
{
    return from_bits(rn_le32_at(p));
}

static float from_bf16(const unsigned char *p)
{
    return from_bits(rn_le16_at(p) << 16);
}

static float from_f16(const unsigned char *p)
{
    uint32_t h = rn_le16_at(p), sign = (h & 0x8000u) << 16, exp = h >> 10 & 31, frac = h & 1023;
    if (exp == 0) { /* zero and subnormals: frac * 2^-24 */
        float x = (float)frac * 0x1p-24F;
        return sign ? -x : x;
    }
    uint32_t wide = exp == 31 ? 255 : exp + 112;
    return from_bits(sign | wide << 23 | frac << 13);
}

static int64_t from_i32(const unsigned char *p)
{
    return (int32_t)rn_le32_at(p);
}

static int64_t from_i64(const unsigned char *p)
{
    return (int64_t)rn_le64_at(p);
}

static int64_t from_u8(const unsigned char *p)
{
    return *p;
}

/* What is known of each type, in the order of enum rn_tensor_type. */
static const struct type {
    const char *name;
    size_t size_bytes;
    float (*real)(const unsigned char *);
    int64_t (*whole)(const unsigned char *);
} types[RN_TENSOR_TYPES] = {
    {"F32", 4, from_f32, NULL}, {"BF16", 2, from_bf16, NULL}, {"F16", 2, from_f16, NULL},
    {"I32", 4, NULL, from_i32}, {"I64", 8, NULL, from_i64},   {"U8", 1, NULL, from_u8},
};

struct rn_safetensors {
    char *path;
    int fd;
    json_t *header;               /* owns the names */
    struct rn_tensor_info *infos; /* by offset */
    size_t n;
    struct rn_tensor_info **by_name;
};

static int corrupt(const struct rn_safetensors *st, struct rn_err *err, const char *name,
                   const char *what)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "tensor '%.80s': %s", name, what);
}

/* --- reading the header --- */

static int read_at(const struct rn_safetensors *st, void *out, size_t n, size_t offset,
                   struct rn_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(st->fd, (char *)out + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rn_fail_errno(err, RN_PATH(st->path), "cannot read");
        if (got == 0)
            return rn_fail(err, RN_EIO, RN_PATH(st->path), "ends at byte %zu, expected %zu more",
                           offset + done, n - done);
        done += (size_t)got;
    }
    return RN_OK;
}

static bool parse_type(const char *name, enum rn_tensor_type *out)
{
    for (int i = 0; i < RN_TENSOR_TYPES; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *out = (enum rn_tensor_type)i;
            return true;
        }
    }
    return false;
}

/* Fills shape and size_bytes; NULL, or what is wrong. */
static const char *parse_shape(struct rn_tensor_info *t, const json_t *shape)
{
    if (!json_is_array(shape) || json_array_size(shape) > RN_MAX_DIMS)
        return "shape is not a list of up to 4 sizes";
    uint64_t bytes = types[t->type].size_bytes;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        const json_t *d = json_array_get(shape, i);
        json_int_t size = json_is_integer(d) ? json_integer_value(d) : -1;
        if (size < 0)
            return "a dimension is not a whole number";
        if (size > 0 && bytes > (uint64_t)INT64_MAX / (uint64_t)size)
            return "the shape overflows";
        bytes *= (uint64_t)size;
        t->shape.d[t->shape.n++] = size;
    }
    t->size_bytes = (size_t)bytes;
    return NULL;
}

static const char *parse_offsets(struct rn_tensor_info *t, const json_t *offsets, size_t data,
                                 size_t file_bytes)
{
    json_int_t begin = -1, end = -1;
    if (json_is_array(offsets) && json_array_size(offsets) == 2) {
        const json_t *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
        begin = json_is_integer(b) ? json_integer_value(b) : -1;
        end = json_is_integer(e) ? json_integer_value(e) : -1;
    }
    if (begin < 0 || end < begin)
        return "data_offsets are not [begin, end]";
    if ((uint64_t)(end - begin) != t->size_bytes)
        return "data_offsets do not span its shape";
    if ((uint64_t)end > file_bytes - data)
        return "data ends beyond the file";
    t->offset = data + (size_t)begin;
    return NULL;
}

static int parse_tensor(struct rn_safetensors *st, const char *name, const json_t *row, size_t data,
                        size_t file_bytes, struct rn_err *err)
{
    struct rn_tensor_info t = {.name = name};
    if (!parse_type(rn_json_str(row, "dtype", ""), &t.type))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "tensor '%.80s': unknown dtype '%.16s'",
                       name, rn_json_str(row, "dtype", ""));
    const char *bad = parse_shape(&t, json_object_get(row, "shape"));
    if (!bad)
        bad = parse_offsets(&t, json_object_get(row, "data_offsets"), data, file_bytes);
    if (bad)
        return corrupt(st, err, name, bad);
    st->infos[st->n++] = t;
    return RN_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct rn_tensor_info *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

static int by_name(const void *a, const void *b)
{
    const struct rn_tensor_info *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Tensors must fill the data from end to end: a hole or an overlap is how files hide things. */
static int check_layout(struct rn_safetensors *st, size_t data, size_t file_bytes,
                        struct rn_err *err)
{
    qsort(st->infos, st->n, sizeof *st->infos, by_offset);
    size_t at = data;
    for (size_t i = 0; i < st->n; i++) {
        if (st->infos[i].offset != at)
            return corrupt(st, err, st->infos[i].name,
                           st->infos[i].offset < at ? "overlaps another"
                                                    : "leaves a hole before it");
        at += st->infos[i].size_bytes;
    }
    if (at != file_bytes)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "%zu bytes follow the last tensor",
                       file_bytes - at);
    st->by_name = rn_xalloc((st->n + 1) * sizeof(struct rn_tensor_info *));
    for (size_t i = 0; i < st->n; i++)
        st->by_name[i] = &st->infos[i];
    qsort(st->by_name, st->n, sizeof *st->by_name, by_name);
    return RN_OK;
}

static int parse_header(struct rn_safetensors *st, size_t data, size_t file_bytes,
                        struct rn_err *err)
{
    size_t rows = json_object_size(st->header);
    if (rows > TENSORS_CAP)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "%zu tensors, expected at most %d",
                       rows, TENSORS_CAP);
    st->infos = rn_xalloc((rows + 1) * sizeof *st->infos);
    const char *name;
    json_t *row;
    json_object_foreach(st->header, name, row)
    {
        if (strcmp(name, "__metadata__") != 0)
            RN_TRY(parse_tensor(st, name, row, data, file_bytes, err));
    }
    return check_layout(st, data, file_bytes, err);
}

static int read_header(struct rn_safetensors *st, struct rn_err *err)
{
    struct stat info;
    if (fstat(st->fd, &info) != 0)
        return rn_fail_errno(err, RN_PATH(st->path), "cannot stat");
    size_t file_bytes = (size_t)info.st_size;
    uint64_t n = 0;
    if (!S_ISREG(info.st_mode) || file_bytes < sizeof n)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "not a safetensors file");
    RN_TRY(read_at(st, &n, sizeof n, 0, err));
    if (n > HEADER_CAP || n > file_bytes - sizeof n)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path),
                       "header of %" PRIu64 " bytes in a file of %zu, expected at most %d", n,
                       file_bytes, HEADER_CAP);
    char *text;
    RN_TRY(rn_try_alloc((void **)&text, (size_t)n + 1, 1, "a safetensors header", err));
    int rc = read_at(st, text, (size_t)n, sizeof n, err);
    if (rc == RN_OK)
        rc = rn_json_parse(text, (size_t)n, RN_PATH(st->path), &st->header, err);
    free(text);
    if (rc != RN_OK)
        return rc;
    if (!json_is_object(st->header))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path), "the header is not a JSON object");
    return parse_header(st, sizeof n + (size_t)n, file_bytes, err);
}

int rn_safetensors_open(struct rn_safetensors **out, const char *path, struct rn_err *err)
{
    struct rn_safetensors *st = rn_new(struct rn_safetensors);
    st->path = rn_xdup(path);
    st->fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = st->fd < 0 ? rn_fail_errno(err, RN_PATH(path), "cannot open") : read_header(st, err);
    if (rc != RN_OK) {
        rn_safetensors_close(st);
        return rc;
    }
    *out = st;
    return RN_OK;
}

void rn_safetensors_close(struct rn_safetensors *st)
{
    if (!st)
        return;
    if (st->fd >= 0)
        close(st->fd);
    json_decref(st->header);
    free(st->infos);
    free(st->by_name);
    free(st->path);
    free(st);
}

const char *rn_safetensors_path(const struct rn_safetensors *st)
{
    return st->path;
}

size_t rn_safetensors_count(const struct rn_safetensors *st)
{
    return st->n;
}

const struct rn_tensor_info *rn_safetensors_at(const struct rn_safetensors *st, size_t i)
{
    RN_ASSERT(i < st->n);
    return &st->infos[i];
}

const struct rn_tensor_info *rn_safetensors_find(const struct rn_safetensors *st, const char *name)
{
    struct rn_tensor_info key = {.name = name}, *p = &key;
    struct rn_tensor_info **hit = bsearch(&p, st->by_name, st->n, sizeof *st->by_name, by_name);
    return hit ? *hit : NULL;
}

bool rn_tensor_is(const struct rn_tensor_info *t, struct rn_shape s)
{
    return rn_shape_same(&t->shape, &s);
}

const char *rn_safetensors_meta(const struct rn_safetensors *st, const char *key)
{
    return rn_json_str(json_object_get(st->header, "__metadata__"), key, NULL);
}

/* --- reading data --- */

struct convert {
    const struct type *type;
    void *out;
    bool to_float;
};

/* Converts n elements at p to out[at..]; false: a value does not fit. */
static bool convert(const struct convert *c, const unsigned char *p, size_t at, size_t n)
{
    const size_t step = c->type->size_bytes;
    float *reals = c->out;
    int32_t *ints = c->out;
    for (size_t i = 0; i < n; i++, p += step) {
        if (c->type->real) {
            reals[at + i] = c->type->real(p);
            continue;
        }
        int64_t x = c->type->whole(p), limit = c->to_float ? 1 << 24 : INT32_MAX;
        if (x > limit || x < -limit)
            return false;
        if (c->to_float)
            reals[at + i] = (float)x;
        else
            ints[at + i] = (int32_t)x;
    }
    return true;
}

static int read_converted(const struct rn_safetensors *st, const struct rn_tensor_info *t,
                          const struct convert *c, struct rn_err *err)
{
    unsigned char buf[CHUNK];
    const size_t step = c->type->size_bytes;
    for (size_t done = 0; done < t->size_bytes;) {
        size_t n = t->size_bytes - done < CHUNK ? t->size_bytes - done : CHUNK;
        RN_TRY(read_at(st, buf, n, t->offset + done, err));
        if (!convert(c, buf, done / step, n / step))
            return corrupt(st, err, t->name, "a number is out of range");
        done += n;
    }
    return RN_OK;
}

int rn_safetensors_read_f32(const struct rn_safetensors *st, const struct rn_tensor_info *t,
                            float *out, struct rn_err *err)
{
    if (t->type == RN_TENSOR_F32)
        return read_at(st, out, t->size_bytes, t->offset, err);
    return read_converted(st, t, &(struct convert){&types[t->type], out, true}, err);
}

int rn_safetensors_read_i32(const struct rn_safetensors *st, const struct rn_tensor_info *t,
                            int32_t *out, struct rn_err *err)
{
    if (!types[t->type].whole)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(st->path),
                       "tensor '%.80s' is %s, expected integers", t->name, types[t->type].name);
    return read_converted(st, t, &(struct convert){&types[t->type], out, false}, err);
}

/* --- writing --- */

enum rn_tensor_type rn_tensor_type_of(enum rn_dtype type)
{
    static const enum rn_tensor_type types_of[] = {
        [RN_F32] = RN_TENSOR_F32, [RN_I32] = RN_TENSOR_I32, [RN_BF16] = RN_TENSOR_BF16};
    return types_of[type];
}

static int out_by_name(const void *a, const void *b)
{
    const struct rn_tensor_out *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static size_t out_bytes(const struct rn_tensor_out *t)
{
    return (size_t)rn_elems(t->shape) * types[t->type].size_bytes;
}

static json_t *out_row(const struct rn_tensor_out *t, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->shape.n; i++)
        json_array_append_new(shape, json_integer(t->shape.d[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[t->type].name, "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + out_bytes(t)));
}

static char *out_header(const struct rn_tensor_out *const *sorted, size_t n, const json_t *meta)
{
    json_t *header = json_object(), *strings = json_pack("{s:s}", "format", "pt");
    if (meta)
        json_object_update(strings, (json_t *)meta);
    json_object_set_new(header, "__metadata__", strings);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        json_object_set_new(header, sorted[i]->name, out_row(sorted[i], at));
        at += out_bytes(sorted[i]);
    }
    char *text = rn_json_canonical(header);
    json_decref(header);
    return text;
}

static void write_header(struct rn_writer *w, const char *text)
{
    size_t n = strlen(text);
    uint64_t padded = (n + 7) / 8 * 8;
    rn_writer_add(w, &padded, sizeof padded);
    rn_writer_add(w, text, n);
    rn_writer_add(w, "       ", padded - n);
}

/* Exponent bits all set: an infinity or no number. */
static int check_finite(const struct rn_tensor_out *t, const void *data, struct rn_err *err)
{
    const unsigned char *p = data;
    uint32_t bad = 0;
    size_t n = t->type == RN_TENSOR_I32 ? 0 : (size_t)rn_elems(t->shape);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = rn_le32_at(p + 4 * i);
        bad |= (bits & 0x7f800000U) == 0x7f800000U;
    }
    return bad ? rn_fail(err, RN_EDEVICE, RN_NOWHERE, "'%.80s' has values that are not finite",
                         t->name)
               : RN_OK;
}

/* What a tensor is given as, floats or int32, has four bytes a number. */
static size_t given_bytes(const struct rn_tensor_out *t)
{
    return (size_t)rn_elems(t->shape) * sizeof(float);
}

static void add_rounded(struct rn_writer *w, const float *numbers, size_t n)
{
    enum { MANY = 4096 };
    uint16_t half[MANY];
    for (size_t at = 0; at < n; at += MANY) {
        size_t now = n - at < MANY ? n - at : MANY;
        for (size_t i = 0; i < now; i++)
            half[i] = rn_to_bf16(numbers[at + i]);
        rn_writer_add(w, half, now * sizeof *half);
    }
}

static int write_tensor(struct rn_writer *w, const struct rn_tensor_out *t, void *buf,
                        struct rn_err *err)
{
    if (!t->data)
        RN_TRY(t->fill(t->ctx, t->i, buf, err));
    const void *data = t->data ? t->data : buf;
    RN_TRY(check_finite(t, data, err));
    if (t->type == RN_TENSOR_BF16)
        add_rounded(w, data, (size_t)rn_elems(t->shape));
    else
        rn_writer_add(w, data, out_bytes(t));
    return RN_OK;
}

static int write_tensors(struct rn_writer *w, const struct rn_tensor_out *const *sorted, size_t n,
                         struct rn_err *err)
{
    size_t largest = 0;
    for (size_t i = 0; i < n; i++)
        if (!sorted[i]->data && given_bytes(sorted[i]) > largest)
            largest = given_bytes(sorted[i]);
    void *buf;
    RN_TRY(rn_try_alloc(&buf, largest + 1, 1, "a tensor to write", err));
    int rc = RN_OK;
    for (size_t i = 0; rc == RN_OK && i < n; i++)
        rc = write_tensor(w, sorted[i], buf, err);
    free(buf);
    return rc;
}

int rn_safetensors_write(const char *path, const struct rn_tensor_out *tensors, size_t n,
                         const json_t *meta, char hex[RN_HEX], struct rn_err *err)
{
    const struct rn_tensor_out **sorted = rn_xalloc((n + 1) * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &tensors[i];
    qsort(sorted, n, sizeof *sorted, out_by_name);
    struct rn_writer w;
    int rc = rn_writer_open(&w, path, err);
    if (rc == RN_OK) {
        char *header = out_header(sorted, n, meta);
        write_header(&w, header);
        free(header);
        rc = write_tensors(&w, sorted, n, err);
        if (rc == RN_OK)
            rc = rn_writer_commit(&w, hex, err);
        else
            rn_writer_abort(&w);
    }
    free(sorted);
    return rc;
}
