/* Parquet pages put together by hand: what each encoding means, and how each lie is refused. */
#include "delta.h"
#include "mem.h"
#include "parquet_column.h"
#include "rle.h"
#include "str.h"

#include <criterion/criterion.h>
#include <string.h>

/* --- a chunk of pages --- */

static void put_zigzag(struct rn_str *s, int64_t v)
{
    uint64_t u = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; u >= 0x80; u >>= 7)
        rn_str_putc(s, (char)(u | 0x80));
    rn_str_putc(s, (char)u);
}

static void put_int(struct rn_str *s, int step, int64_t v)
{
    rn_str_putc(s, (char)(step << 4 | 5));
    put_zigzag(s, v);
}

/* A v1 data page or a dictionary, not compressed. `levels`: the encoding of both kinds. */
static void put_page(struct rn_str *s, enum rn_pq_page_kind kind, int64_t values, int encoding,
                     int levels, const char *body, size_t n)
{
    put_int(s, 1, kind);
    put_int(s, 1, (int64_t)n);
    put_int(s, 1, (int64_t)n);
    rn_str_putc(s, (char)((kind == RN_PQ_DATA ? 2 : 4) << 4 | 12));
    put_int(s, 1, values);
    put_int(s, 1, encoding);
    if (kind == RN_PQ_DATA) {
        put_int(s, 1, levels);
        put_int(s, 1, levels);
    }
    rn_str_putc(s, 0);
    rn_str_putc(s, 0);
    rn_str_add(s, body, n);
}

static int decode(struct rn_pq_column *c, const struct rn_pq_leaf *leaf, const struct rn_str *pages,
                  int64_t values, int64_t rows, struct rn_parquet_values *v, struct rn_err *err)
{
    struct rn_pq_chunk chunk = {.size_bytes = (int64_t)pages->n, .values = values};
    struct rn_pq_chunk_bytes in = {.path = "x.parquet",
                                   .leaf = leaf,
                                   .chunk = &chunk,
                                   .rows = rows,
                                   .p = (const unsigned char *)pages->p};
    *err = (struct rn_err){0};
    return rn_pq_column_decode(c, &in, v, err);
}

#define BYTES(text) text, sizeof(text) - 1

/* --- one page, one encoding --- */

static const struct rn_pq_leaf ints = {.path = "i", .type = RN_PQ_INT32},
                               longs = {.path = "l", .type = RN_PQ_INT64},
                               flags = {.path = "b", .type = RN_PQ_BOOLEAN},
                               bytes = {.path = "s", .type = RN_PQ_BYTES},
                               texts = {.path = "t", .type = RN_PQ_BYTES, .text = true},
                               fixed = {.path = "f", .type = RN_PQ_FIXED, .type_length = 2};

static const struct {
    const struct rn_pq_leaf *leaf;
    int encoding, values;
    const char *body;
    size_t n;
    const char *want; /* values with commas between, or why they are refused */
} pages[] = {
    {&ints, RN_PQ_PLAIN, 2, BYTES("\x01\0\0\0\xff\xff\xff\xff"), "1,-1,"},
    {&ints, RN_PQ_PLAIN, 2, BYTES("\x01\0\0\0\xff\xff\xff"), "ends before its last value"},
    {&flags, RN_PQ_PLAIN, 3, BYTES("\x05"), "1,0,1,"},
    {&flags, RN_PQ_RLE, 10, BYTES("\x02\0\0\0\x14\x01"), "1,1,1,1,1,1,1,1,1,1,"},
    {&flags, RN_PQ_RLE, 8, BYTES("\x02\0\0\0\x03\x0f"), "1,1,1,1,0,0,0,0,"},
    {&flags, RN_PQ_RLE, 8, BYTES("\x09\0\0\0\x03\x0f"), "has runs longer than itself"},
    {&flags, RN_PQ_RLE, 8, BYTES("\x02\0\0\0\x0e\x01"), "ends before its last value"},
    {&flags, RN_PQ_RLE, 8, BYTES("\x02\0\0\0\x10\x02"), "wider than its bit width"},
    {&ints, RN_PQ_RLE, 8, BYTES("\x02\0\0\0\x10\x01"), "RLE is not read for values of its type"},
    {&bytes, RN_PQ_PLAIN, 2, BYTES("\x01\0\0\0a\0\0\0\0"), "a,,"},
    {&bytes, RN_PQ_PLAIN, 1, BYTES("\x02\0\0\0a"), "has a string longer than itself"},
    {&bytes, RN_PQ_PLAIN, 1, BYTES("\xff\xff\xff\xff"), "has a string longer than itself"},
    {&texts, RN_PQ_PLAIN, 1, BYTES("\x01\0\0\0\xff"), "is not valid UTF-8"},
    {&fixed, RN_PQ_PLAIN, 2, BYTES("abcd"), "ab,cd,"},
    {&fixed, RN_PQ_PLAIN, 2, BYTES("abc"), "ends before its last value"},
    /* blocks of 128 in 4 miniblocks of 32; values 7 5 3 1 2 3 4 5: the format's own example */
    {&ints, RN_PQ_DELTA_BINARY_PACKED, 8,
     BYTES("\x80\x01\x04\x08\x0e\x03\x02\0\0\0\xc0\x3f\0\0\0\0\0\0"), "7,5,3,1,2,3,4,5,"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 5, BYTES("\x80\x01\x04\x05\x02\x02\0\0\0\0"), "1,2,3,4,5,"},
    {&ints, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\x04\x02\xfe\xff\xff\xff\x0f\x02\0\0\0\0"),
     "2147483647,-2147483648,"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\x04\x03\x02\x02\0\0\0\0"),
     "another number of values"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\0\x02\x02\x02\0\0\0\0"),
     "blocks of an impossible size"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x0c\x04\x02\x02\x02\0\0\0\0"),
     "miniblocks of an impossible size"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\x04\x02\x02\x02\x41\0\0\0"),
     "bit width over 64"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\x04\x02\x02\x02\x40\0\0\0"),
     "ends inside a miniblock"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80\x01\x04\x02\x02\x02\0"),
     "ends inside a block"},
    {&longs, RN_PQ_DELTA_BINARY_PACKED, 2, BYTES("\x80"), "ends inside its header"},
    {&bytes, RN_PQ_DELTA_BINARY_PACKED, 1, BYTES("\x80\x01\x04\x01\x02"),
     "is not read for values of its type"},
    {&bytes, RN_PQ_DELTA_LENGTH_BYTE_ARRAY, 2, BYTES("\x80\x01\x04\x02\x02\x02\0\0\0\0abb"),
     "a,bb,"},
    {&bytes, RN_PQ_DELTA_LENGTH_BYTE_ARRAY, 2, BYTES("\x80\x01\x04\x02\x02\x02\0\0\0\0ab"),
     "ends before its last string"},
    {&bytes, RN_PQ_DELTA_LENGTH_BYTE_ARRAY, 1, BYTES("\x80\x01\x04\x01\x01"),
     "a string of an impossible length"},
    {&texts, RN_PQ_DELTA_LENGTH_BYTE_ARRAY, 1, BYTES("\x80\x01\x04\x01\x02\xff"),
     "is not valid UTF-8"},
    /* prefixes 0 2, suffixes 2 1 */
    {&bytes, RN_PQ_DELTA_BYTE_ARRAY, 2,
     BYTES("\x80\x01\x04\x02\0\x04\0\0\0\0\x80\x01\x04\x02\x04\x01\0\0\0\0abc"), "ab,abc,"},
    {&bytes, RN_PQ_DELTA_BYTE_ARRAY, 2,
     BYTES("\x80\x01\x04\x02\0\x06\0\0\0\0\x80\x01\x04\x02\x04\x01\0\0\0\0abc"),
     "a prefix longer than the string before it"},
    {&bytes, RN_PQ_DELTA_BYTE_ARRAY, 2,
     BYTES("\x80\x01\x04\x02\0\x04\0\0\0\0\x80\x01\x04\x02\x04\x01\0\0\0\0ab"),
     "ends before its last string"},
    {&fixed, RN_PQ_DELTA_BYTE_ARRAY, 2,
     BYTES("\x80\x01\x04\x02\0\x04\0\0\0\0\x80\x01\x04\x02\x04\x01\0\0\0\0abc"),
     "a value of another length than its column"},
    {&ints, RN_PQ_RLE_DICTIONARY, 2, BYTES("\x01\x04\0"), "a dictionary that is not there"},
    {&ints, RN_PQ_BYTE_STREAM_SPLIT, 2, BYTES(""), "BYTE_STREAM_SPLIT is not read"},
    {&ints, RN_PQ_BIT_PACKED, 2, BYTES(""), "BIT_PACKED is not read"},
    {&ints, 1, 2, BYTES(""), "encoding number 1 does not exist"},
    {&ints, 77, 2, BYTES(""), "encoding number 77 does not exist"},
};

static char *show(const struct rn_parquet_values *v)
{
    struct rn_str s = {0};
    rn_str_puts(&s, "");
    for (size_t i = 0; i < v->n; i++) {
        if (!v->present[i])
            rn_str_puts(&s, "null");
        else if (v->strings)
            rn_str_add(&s, v->strings[i].p, v->strings[i].n);
        else
            rn_str_printf(&s, "%lld", (long long)v->ints[i]);
        rn_str_putc(&s, ',');
    }
    return s.p;
}

static void expect_chunk(const struct rn_pq_leaf *leaf, const struct rn_str *chunk, int64_t values,
                         int64_t rows, const char *want)
{
    struct rn_pq_column c = {0};
    struct rn_parquet_values v;
    struct rn_err err;
    if (decode(&c, leaf, chunk, values, rows, &v, &err) == RN_OK) {
        char *got = show(&v);
        cr_expect_str_eq(got, want);
        free(got);
    } else {
        cr_expect_eq(err.code, RN_ECORRUPT);
        cr_expect(strstr(err.msg, want), "'%s' does not say '%s'", err.msg, want);
    }
    rn_pq_column_release(&c);
}

Test(parquet_pages, each_encoding_and_each_of_its_lies)
{
    for (size_t i = 0; i < RN_COUNT(pages); i++) {
        struct rn_str chunk = {0};
        put_page(&chunk, RN_PQ_DATA, pages[i].values, pages[i].encoding, RN_PQ_RLE, pages[i].body,
                 pages[i].n);
        expect_chunk(pages[i].leaf, &chunk, pages[i].values, pages[i].values, pages[i].want);
        rn_str_release(&chunk);
    }
}

/* --- dictionaries --- */

static void expect_dictionary(int64_t entries, const char *indices, size_t n, const char *want)
{
    struct rn_str chunk = {0};
    put_page(&chunk, RN_PQ_DICTIONARY, entries, RN_PQ_PLAIN, 0, BYTES("\x05\0\0\0\x07\0\0\0"));
    put_page(&chunk, RN_PQ_DATA, 3, RN_PQ_PLAIN_DICTIONARY, RN_PQ_RLE, indices, n);
    put_page(&chunk, RN_PQ_DATA, 1, RN_PQ_PLAIN, RN_PQ_RLE, BYTES("\x09\0\0\0"));
    expect_chunk(&ints, &chunk, 4, 4, want);
    rn_str_release(&chunk);
}

Test(parquet_pages, dictionaries_may_be_given_up_within_a_chunk)
{
    expect_dictionary(2, BYTES("\x01\x03\x05"), "7,5,7,9,");
    expect_dictionary(2, BYTES("\0\x06"), "5,5,5,9,"); /* no bits: all the first */
    expect_dictionary(1, BYTES("\x01\x03\x05"), "an index beyond its dictionary");
    expect_dictionary(2, BYTES("\x21\x03\x05"), "no valid bit width");
    expect_dictionary(2, BYTES("\x01\x04\x01"), "ends before its last value");
    expect_dictionary(3, BYTES("\x01\x03\x05"), "ends before its last value");
    expect_dictionary(65, BYTES("\x01\x03\x05"), "more entries than bytes for them");
}

/* --- levels --- */

static const struct rn_pq_leaf optional = {.path = "o", .type = RN_PQ_INT32, .max_def = 1},
                               items = {
                                   .path = "i", .type = RN_PQ_INT32, .max_def = 2, .max_rep = 1};

static void expect_levels(const struct rn_pq_leaf *leaf, int levels, int values, int rows,
                          const char *body, size_t n, const char *want)
{
    struct rn_str chunk = {0};
    put_page(&chunk, RN_PQ_DATA, values, RN_PQ_PLAIN, levels, body, n);
    expect_chunk(leaf, &chunk, values, rows, want);
    rn_str_release(&chunk);
}

Test(parquet_pages, levels_in_runs_and_in_bare_bits)
{
    expect_levels(&optional, RN_PQ_RLE, 3, 3, BYTES("\x02\0\0\0\x03\x05\x01\0\0\0\x02\0\0\0"),
                  "1,null,2,");
    expect_levels(&optional, RN_PQ_BIT_PACKED, 3, 3, BYTES("\xa0\x01\0\0\0\x02\0\0\0"),
                  "1,null,2,");
    expect_levels(&optional, RN_PQ_BIT_PACKED, 9, 9, BYTES("\xa0"), "levels longer than itself");
    expect_levels(&optional, RN_PQ_RLE, 3, 3, BYTES("\x09\0\0\0\x03\x05"),
                  "levels longer than itself");
    expect_levels(&optional, RN_PQ_PLAIN, 3, 3, BYTES("\x02\0\0\0\x03\x05"),
                  "neither RLE nor BIT_PACKED");
}

Test(parquet_pages, lists_have_levels_of_repetition)
{
    /* rows [1, null] and []: repetition 0 1 0, definition 2 1 0 */
    expect_levels(&items, RN_PQ_RLE, 3, 2,
                  BYTES("\x02\0\0\0\x03\x02\x03\0\0\0\x03\x06\0\x01\0\0\0"), "1,null,null,");
    expect_levels(&items, RN_PQ_RLE, 3, 3,
                  BYTES("\x02\0\0\0\x03\x02\x03\0\0\0\x03\x06\0\x01\0\0\0"),
                  "another number of rows");
    expect_levels(&items, RN_PQ_RLE, 3, 2,
                  BYTES("\x02\0\0\0\x03\x03\x03\0\0\0\x03\x06\0\x01\0\0\0"),
                  "does not begin with the beginning of a row");
    expect_levels(&items, RN_PQ_RLE, 3, 2,
                  BYTES("\x02\0\0\0\x03\x02\x03\0\0\0\x03\x07\0\x01\0\0\0"),
                  "a level beyond its schema");
}

Test(parquet_pages, what_a_row_group_holds_is_bounded)
{
    struct rn_str none = {0};
    rn_str_puts(&none, "");
    expect_chunk(&items, &none, (int64_t)1 << 30, 1, "1073741824 values in one row group; at most");
    expect_chunk(&ints, &none, 5, 5, "chunk ends before its last value");
    rn_str_release(&none);
}

/* --- DELTA_BINARY_PACKED of every width --- */

static void pack(unsigned char *to, unsigned width, const uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned b = 0; b < width; b++)
            to[(i * width + b) / 8] |= (unsigned char)((v[i] >> b & 1) << (i * width + b) % 8);
}

Test(parquet_pages, differences_of_every_width)
{
    for (unsigned width = 0; width <= 64; width++) {
        uint64_t delta[32], seed = 88172645463325252u, want = 0;
        unsigned char stream[6 + 4 + 256] = {0x80, 1, 4, 33, 0, 0, (unsigned char)width};
        int64_t got[33];
        for (size_t i = 0; i < 32; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            delta[i] = width == 0 ? 0 : seed >> (64 - width);
        }
        pack(stream + 10, width, delta, 32);
        struct rn_delta d = {.p = stream, .end = stream + 10 + 4 * width};
        cr_assert_null(rn_delta_take(&d, got, 33), "%u bits", width);
        cr_expect_eq(d.p, d.end);
        for (size_t i = 0; i < 32; i++) {
            want += delta[i];
            cr_assert_eq((uint64_t)got[i + 1], want, "%u bits, value %zu", width, i);
        }
    }
}
