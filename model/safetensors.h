/* safetensors.h - named tensors in one file, as Hugging Face lays them out.
 *
 *     struct rn_safetensors *st;
 *     RN_TRY(rn_safetensors_open(&st, "model.safetensors", err));     checks the whole header
 *     const struct rn_tensor_info *t = rn_safetensors_find(st, "wte.weight");
 *     if (t)
 *         rc = rn_safetensors_read_f32(st, t, floats, err);
 *     rn_safetensors_close(st);
 *
 *     OFFSET  SIZE  WHAT
 *     0       8     N, little endian
 *     8       N     JSON {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {..}},
 *                   padded with spaces so that data starts at a multiple of 8
 *     8 + N   ..    the tensors, row-major, little endian, without holes or overlap
 *
 * Reading is hostile-safe: a file that breaks a rule is RN_ECORRUPT with the rule and the tensor.
 * A reader is immutable after open and may be used from several threads. */
#ifndef RN_SAFETENSORS_H
#define RN_SAFETENSORS_H

#include "hash.h"
#include "json.h"
#include "shape.h"

enum rn_tensor_type {
    RN_TENSOR_F32,
    RN_TENSOR_BF16,
    RN_TENSOR_F16,
    RN_TENSOR_I32,
    RN_TENSOR_I64,
    RN_TENSOR_U8,
    RN_TENSOR_TYPES
};

enum rn_tensor_type rn_tensor_type_of(enum rn_dtype);

struct rn_tensor_info {
    const char *name; /* borrowed from the reader */
    enum rn_tensor_type type;
    struct rn_shape shape; /* n 0: a scalar */
    size_t offset;         /* into the file */
    size_t size_bytes;
};

struct rn_safetensors;
int rn_safetensors_open(struct rn_safetensors **, const char *path, struct rn_err *);
void rn_safetensors_close(struct rn_safetensors *); /* takes NULL */
const char *rn_safetensors_path(const struct rn_safetensors *);
size_t rn_safetensors_count(const struct rn_safetensors *);
/* In the order of the file's data. */
const struct rn_tensor_info *rn_safetensors_at(const struct rn_safetensors *, size_t i);
const struct rn_tensor_info *rn_safetensors_find(const struct rn_safetensors *, const char *name);
/* True if the tensor has exactly this shape. */
bool rn_tensor_is(const struct rn_tensor_info *, struct rn_shape);
/* A string of __metadata__, or NULL. Borrowed. */
const char *rn_safetensors_meta(const struct rn_safetensors *, const char *key);

/* out holds one element for each of the tensor. Any float type becomes float; integers too, where
 * a float holds them exactly. A file that got shorter meanwhile: RN_EIO. */
int rn_safetensors_read_f32(const struct rn_safetensors *, const struct rn_tensor_info *,
                            float *out, struct rn_err *);
/* I32, and I64 or U8 where every value fits. */
int rn_safetensors_read_i32(const struct rn_safetensors *, const struct rn_tensor_info *,
                            int32_t *out, struct rn_err *);

/* --- writing --- */

/* What to write: either `data`, or `fill`, which is called once with room for the whole tensor. */
struct rn_tensor_out {
    const char *name;
    /* RN_TENSOR_F32, RN_TENSOR_I32, or RN_TENSOR_BF16: given as floats, which are rounded. */
    enum rn_tensor_type type;
    struct rn_shape shape;
    const void *data;
    int (*fill)(void *ctx, size_t i, void *out, struct rn_err *);
    void *ctx;
    size_t i; /* handed to fill */
};
/* Atomic (base/file.h). Sorted by name, so that equal tensors give equal bytes; __metadata__ is
 * {"format": "pt"} and the strings of `meta` (may be NULL). hex: the file's sha256, or NULL. A
 * float that is not finite gets into no file: RN_EDEVICE names the tensor. */
int rn_safetensors_write(const char *path, const struct rn_tensor_out *, size_t n,
                         const json_t *meta, char hex[RN_HEX], struct rn_err *);

#endif
