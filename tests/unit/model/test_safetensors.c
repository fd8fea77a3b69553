/* What a tensor file may say, and what it may not. */
#include "safetensors.h"

#include "file.h"
#include "mem.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *temp_path(const char *name)
{
    return rn_xprintf("/tmp/rn-test-%d-%s", (int)getpid(), name);
}

/* Writes header text and data bytes as they are. */
static char *write_raw(const char *header, const void *data, size_t n)
{
    char *path = temp_path("raw.safetensors");
    uint64_t size = strlen(header);
    struct rn_writer w;
    cr_assert_eq(rn_writer_open(&w, path, NULL), RN_OK);
    rn_writer_add(&w, &size, sizeof size);
    rn_writer_add(&w, header, size);
    rn_writer_add(&w, data, n);
    cr_assert_eq(rn_writer_commit(&w, NULL, NULL), RN_OK);
    return path;
}

static void expect_corrupt(const char *header, size_t n_data, const char *what)
{
    const char zeros[64] = {0};
    char *path = write_raw(header, zeros, n_data);
    struct rn_safetensors *st = NULL;
    struct rn_err err = {0};
    cr_expect_eq(rn_safetensors_open(&st, path, &err), RN_ECORRUPT, "%s", header);
    cr_expect(strstr(err.msg, what), "'%s' for %s", err.msg, header);
    unlink(path);
    free(path);
}

Test(safetensors, what_was_written_reads_back_sorted_by_name)
{
    const float b[] = {1, -2, 3.5F, 0, 5, 6};
    const int32_t a[] = {7, -8};
    const struct rn_tensor_out rows[] = {
        {.name = "b", .type = RN_TENSOR_F32, .shape = RN_SHAPE(2, 3), .data = b},
        {.name = "a", .type = RN_TENSOR_I32, .shape = RN_SHAPE(2), .data = a},
    };
    char *path = temp_path("ok.safetensors"), hex[RN_HEX], again[RN_HEX];
    cr_assert_eq(rn_safetensors_write(path, rows, 2, NULL, hex, NULL), RN_OK);
    rn_sha256_file(path, again, NULL, NULL);
    cr_expect_str_eq(hex, again);
    struct rn_safetensors *st;
    cr_assert_eq(rn_safetensors_open(&st, path, NULL), RN_OK);
    cr_expect_eq(rn_safetensors_count(st), 2);
    cr_expect_str_eq(rn_safetensors_at(st, 0)->name, "a");
    cr_expect_str_eq(rn_safetensors_meta(st, "format"), "pt");
    cr_expect_eq(rn_safetensors_at(st, 0)->offset % 8, 0);
    float fb[6];
    int32_t ia[2];
    const struct rn_tensor_info *tb = rn_safetensors_find(st, "b");
    cr_assert_eq(rn_safetensors_read_f32(st, tb, fb, NULL), RN_OK);
    cr_assert_eq(rn_safetensors_read_i32(st, rn_safetensors_find(st, "a"), ia, NULL), RN_OK);
    cr_expect_arr_eq(fb, b, sizeof b);
    cr_expect_arr_eq(ia, a, sizeof a);
    cr_expect(rn_tensor_is(tb, RN_SHAPE(2, 3)) && !rn_tensor_is(tb, RN_SHAPE(3, 2)));
    cr_expect_null(rn_safetensors_find(st, "c"));
    cr_expect_eq(rn_safetensors_read_i32(st, tb, ia, NULL), RN_ECORRUPT);
    rn_safetensors_close(st);
    unlink(path);
    free(path);
}

Test(safetensors, small_float_types_and_integers_become_floats)
{
    const unsigned char data[] = {
        0x80, 0x3f, 0x20, 0xc0,                         /* bf16 1, -2.5 */
        0x00, 0x3c, 0x01, 0x00, 0x00, 0xfc,             /* f16 1, 2^-24, -inf */
        0,    200,                                      /* u8 */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* i64 -2 */
    };
    char *path = write_raw("{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                           "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[4,10]},"
                           "\"c\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[10,12]},"
                           "\"d\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[12,20]}}",
                           data, sizeof data);
    struct rn_safetensors *st;
    struct rn_err err = {0};
    cr_assert_eq(rn_safetensors_open(&st, path, &err), RN_OK, "%s", err.msg);
    const char *names[] = {"a", "b", "c", "d"};
    const float expected[][3] = {{1, -2.5F}, {1, 0x1p-24F, -INFINITY}, {0, 200}, {-2}};
    const size_t counts[] = {2, 3, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        float got[3];
        cr_assert_eq(rn_safetensors_read_f32(st, rn_safetensors_find(st, names[i]), got, &err),
                     RN_OK);
        for (size_t k = 0; k < counts[i]; k++)
            cr_expect_eq(got[k], expected[i][k], "%s[%zu] = %g", names[i], k, (double)got[k]);
    }
    rn_safetensors_close(st);
    unlink(path);
    free(path);
}

#define ROW(name, shape, offsets)                                                                  \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

Test(safetensors, headers_that_lie_are_refused_with_the_reason)
{
    expect_corrupt("{" ROW("a", "[2]", "[0,4]") "}", 8, "do not span");
    expect_corrupt("{" ROW("a", "[2]", "[0,8]") "}", 4, "beyond the file");
    expect_corrupt("{" ROW("a", "[2]", "[8,0]") "}", 8, "[begin, end]");
    expect_corrupt("{" ROW("a", "[2]", "[-8,0]") "}", 8, "[begin, end]");
    expect_corrupt("{" ROW("a", "[2]", "0") "}", 8, "[begin, end]");
    expect_corrupt("{" ROW("a", "[-2]", "[0,8]") "}", 8, "whole number");
    expect_corrupt("{" ROW("a", "[2.5]", "[0,8]") "}", 8, "whole number");
    expect_corrupt("{" ROW("a", "[1,1,1,1,2]", "[0,8]") "}", 8, "up to 4");
    expect_corrupt("{" ROW("a", "[4611686018427387904,4]", "[0,0]") "}", 0, "overflows");
    expect_corrupt("{" ROW("a", "[1]", "[0,4]") "," ROW("b", "[1]", "[8,12]") "}", 12, "hole");
    expect_corrupt("{" ROW("a", "[2]", "[0,8]") "," ROW("b", "[1]", "[4,8]") "}", 8, "overlaps");
    expect_corrupt("{" ROW("a", "[1]", "[0,4]") "}", 12, "follow the last");
    expect_corrupt("{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
    expect_corrupt("{\"a\":3}", 0, "dtype");
    expect_corrupt("[1]", 0, "not a JSON object");
    expect_corrupt("{" ROW("a", "[1]", "[0,4]") "," ROW("a", "[1]", "[0,4]") "}", 4, "duplicate");
    expect_corrupt("{", 0, "JSON");
}

static void expect_corrupt_bytes(const void *bytes, size_t n)
{
    char *path = temp_path("bytes.safetensors");
    cr_assert_eq(rn_file_write(path, bytes, n, NULL), RN_OK);
    struct rn_safetensors *st = NULL;
    cr_expect_eq(rn_safetensors_open(&st, path, NULL), RN_ECORRUPT);
    unlink(path);
    free(path);
}

Test(safetensors, files_that_are_no_tensor_files_are_refused)
{
    expect_corrupt_bytes("", 0);
    expect_corrupt_bytes("1234", 4);
    expect_corrupt_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    expect_corrupt_bytes("<html><body>403 Forbidden</body></html>", 39);
}

Test(safetensors, integers_that_do_not_fit_are_refused)
{
    const int64_t big[] = {1LL << 40};
    char *path =
        write_raw("{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", big, 8);
    struct rn_safetensors *st;
    cr_assert_eq(rn_safetensors_open(&st, path, NULL), RN_OK);
    int32_t i;
    float f;
    cr_expect_eq(rn_safetensors_read_i32(st, rn_safetensors_at(st, 0), &i, NULL), RN_ECORRUPT);
    cr_expect_eq(rn_safetensors_read_f32(st, rn_safetensors_at(st, 0), &f, NULL), RN_ECORRUPT);
    rn_safetensors_close(st);
    unlink(path);
    free(path);
}

static int fill_fails(void *ctx, size_t i, void *out, struct rn_err *err)
{
    (void)ctx, (void)i, (void)out;
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "gone");
}

Test(safetensors, a_writer_that_fails_leaves_nothing)
{
    const struct rn_tensor_out row = {.name = "a", .shape = RN_SHAPE(4), .fill = fill_fails};
    char *path = temp_path("none.safetensors");
    cr_expect_eq(rn_safetensors_write(path, &row, 1, NULL, NULL, NULL), RN_EDEVICE);
    cr_expect(!rn_exists(path));
    free(path);
}

/* Opens what may be damaged and reads all that the header promises. */
static void read_everything(const char *path)
{
    struct rn_safetensors *st;
    if (rn_safetensors_open(&st, path, NULL) != RN_OK)
        return;
    for (size_t i = 0; i < rn_safetensors_count(st); i++) {
        const struct rn_tensor_info *t = rn_safetensors_at(st, i);
        cr_assert_leq(t->size_bytes, 4096); /* the whole file is no longer */
        float *out = rn_xalloc(t->size_bytes * sizeof *out + 1);
        (void)rn_safetensors_read_f32(st, t, out, NULL);
        free(out);
    }
    rn_safetensors_close(st);
}

Test(safetensors, damaged_bytes_are_refused_or_read_within_bounds)
{
    const float data[6] = {1, 2, 3, 4, 5, 6};
    const struct rn_tensor_out rows[] = {
        {.name = "first.weight", .shape = RN_SHAPE(2, 2), .data = data},
        {.name = "second", .shape = RN_SHAPE(2), .data = data},
    };
    char *path = temp_path("fuzz.safetensors"), *bytes;
    size_t n;
    cr_assert_eq(rn_safetensors_write(path, rows, 2, NULL, NULL, NULL), RN_OK);
    cr_assert_eq(rn_file_read(path, 1 << 20, &bytes, &n, NULL), RN_OK);
    uint64_t stream = rn_stream(1, "damage");
    for (uint64_t i = 0; i < 500; i++) {
        size_t at = rn_rand_below(stream, 3 * i, (uint32_t)n);
        char old = bytes[at];
        bytes[at] = "0123456789{}[],\":-e\0\xff"[rn_rand_below(stream, 3 * i + 1, 22)];
        size_t keep = i % 5 ? n : rn_rand_below(stream, 3 * i + 2, (uint32_t)n);
        FILE *f = fopen(path, "wb");
        cr_assert(f && fwrite(bytes, 1, keep, f) == keep && fclose(f) == 0);
        read_everything(path);
        bytes[at] = old;
    }
    free(bytes);
    unlink(path);
    free(path);
}
