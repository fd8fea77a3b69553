/* Files that are no rows: whole ones pass, each way to be damaged has its reason. */
#include "file.h"
#include "formats.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

TestSuite(formats_binary, .timeout = 300);

static const char *put(const void *bytes, size_t n)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/runnel-format-%d", (int)getpid());
    cr_assert_eq(rn_file_write(path, bytes, n, NULL), RN_OK);
    return path;
}

static int check(const char *format, const void *bytes, size_t n, struct rn_err *err)
{
    const struct rn_format *f = rn_data_formats;
    struct rn_expect any = {.rows = -1, .min_size = -1, .max_size = -1};
    while (strcmp(f->name, format) != 0)
        f++;
    *err = (struct rn_err){0};
    const char *path = put(bytes, n);
    int rc = f->check(path, &any, err);
    unlink(path);
    return rc;
}

static void refused(const char *format, const void *bytes, size_t n, const char *why)
{
    struct rn_err err;
    cr_expect_eq(check(format, bytes, n, &err), RN_ECORRUPT, "%s: %s", format, why);
    cr_expect(strstr(err.msg, why), "%s: %s", why, err.msg);
}

Test(formats_binary, gzip)
{
    struct rn_err err;
    char packed[256];
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)"some text that is packed";
    z.avail_in = 24;
    z.next_out = (unsigned char *)packed;
    z.avail_out = sizeof packed;
    deflate(&z, Z_FINISH);
    size_t n = sizeof packed - z.avail_out;
    deflateEnd(&z);
    cr_assert_eq(check("gzip", packed, n, &err), RN_OK, "%s", err.msg);
    for (size_t cut = 2; cut < n; cut++)
        refused("gzip", packed, cut, "not a whole gzip file");
    packed[n - 6] ^= 1;
    refused("gzip", packed, n, "not a whole gzip file");
    refused("gzip", "plain", 5, "not gzip");
    refused("gzip", "", 0, "not gzip");
}

static int check_tensors(const char *header, size_t data_bytes, struct rn_err *err)
{
    char file[1024] = {0};
    size_t n = strlen(header);
    file[0] = (char)n;
    file[1] = (char)(n >> 8);
    memcpy(file + 8, header, n);
    return check("safetensors", file, 8 + n + data_bytes, err);
}

Test(formats_binary, safetensors)
{
    static const char good[] =
        "{\"__metadata__\":{\"a\":\"b\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
        "[0,24]},\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]}}";
    static const struct {
        const char *header;
        size_t bytes;
        const char *why;
    } bad[] = {
        {"[]", 0, "no JSON object"},
        {"{\"w\":{}", 0, "no JSON object"},
        {"{\"w\":7}", 0, "no data_offsets"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "does not have"},
        {"{\"w\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "does not have"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "does not have"},
        {"{\"w\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[-4,0]}}", 4, "does not have"},
        {"{\"w\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0,
         "does not have"},
        {"{\"w\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[1,5]}}", 5, "gap"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
         6, "overlap"},
        {good, 25, "25 bytes of tensors"},
        {good, 27, "27 bytes of tensors"},
    };
    struct rn_err err;
    cr_assert_eq(check_tensors(good, 26, &err), RN_OK, "%s", err.msg);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect_eq(check_tensors(bad[i].header, bad[i].bytes, &err), RN_ECORRUPT, "%s",
                     bad[i].header);
        cr_expect(strstr(err.msg, bad[i].why), "%s: %s", bad[i].header, err.msg);
    }
    refused("safetensors", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10, "length of its header");
    refused("safetensors", "\x09\0\0\0\0\0\0\0{}", 10, "length of its header");
    refused("safetensors", "abc", 3, "not safetensors");
}

Test(formats_binary, tiktoken)
{
    struct rn_err err;
    cr_expect_eq(check("tiktoken", "<html>\n", 7, &err), RN_ECORRUPT);
    cr_expect_eq(check("tiktoken", "YQ== 0\nYg== 2\n", 14, &err), RN_ECORRUPT);
}
