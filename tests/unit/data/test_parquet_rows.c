/* Parquet rows: one table in six manners of writing gives the same JSON; what others wrote reads as
 * they read it; broken nesting gives one line, never a crash. */
#include "../scratch.h"
#include "file.h"
#include "jsonl.h"
#include "mem.h"
#include "parquet.h"
#include "parquet_rows.h"
#include "shared.h"

#include <fcntl.h>

TestSuite(parquet_rows, .init = scratch_up, .fini = scratch_down);

static const char *golden(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/parquet/%s", RUNNEL_SOURCE_DIR, name);
    return path;
}

/* All rows as one array; NULL and the error if they do not read. */
static json_t *read_rows(const char *path, const char *const *columns, struct rn_err *err)
{
    struct rn_parquet_rows *r;
    json_t *all = json_array(), *row;
    *err = (struct rn_err){0};
    int rc = rn_parquet_rows_open(&r, path, columns, err);
    while (rc == RN_OK && (rc = rn_parquet_rows_next(r, &row, err)) == RN_OK && row)
        json_array_append_new(all, row);
    rn_parquet_rows_free(r);
    if (rc == RN_OK)
        return all;
    cr_expect_eq(rc, RN_ECORRUPT, "%s: %s", path, err->msg);
    json_decref(all);
    return NULL;
}

static json_t *read_jsonl(const char *path)
{
    struct rn_err err = {0};
    struct rn_jsonl *j;
    json_t *all = json_array(), *row;
    cr_assert_eq(rn_jsonl_open(&j, path, &err), RN_OK, "%s", err.msg);
    while (rn_jsonl_next(j, &row, &err) == RN_OK && row)
        json_array_append_new(all, row);
    cr_assert_eq(err.code, RN_OK, "%s", err.msg);
    rn_jsonl_free(j);
    return all;
}

static void expect_rows(const char *path, const char *const *columns, const char *want)
{
    struct rn_err err;
    json_t *rows = read_rows(path, columns, &err), *expected = json_loads(want, 0, NULL);
    cr_assert_not_null(expected, "%s", want);
    cr_assert_not_null(rows, "%s: %s", path, err.msg);
    char *got = json_dumps(rows, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect(json_equal(rows, expected), "%s: %s", path, got);
    free(got);
    json_decref(rows);
    json_decref(expected);
}

static void expect_refusal(const char *path, const char *const *columns, const char *why)
{
    struct rn_err err;
    json_t *rows = read_rows(path, columns, &err);
    cr_expect_null(rows, "%s", path);
    cr_expect(strstr(err.msg, why), "%s: '%s' does not say '%s'", path, err.msg, why);
    cr_expect(!strchr(err.msg, '\n'));
    json_decref(rows);
}

/* --- one table, six manners --- */

static const char *const manners[] = {
    "dict-snappy-v1",                  /* dictionaries, page checksums */
    "switch-none-v1",                  /* dictionaries given up within a chunk, many pages */
    "plain-lz4-v1",   "plain-gzip-v2", /* runs of booleans */
    "delta-none-v1",                   /* DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY */
    "delta-zstd-v2",                   /* DELTA_BINARY_PACKED, DELTA_BYTE_ARRAY */
};

Test(parquet_rows, every_manner_of_writing_gives_the_same_rows)
{
    json_t *want = read_jsonl(golden("rows.jsonl"));
    cr_assert_eq(json_array_size(want), 60);
    for (size_t i = 0; i < RN_COUNT(manners); i++) {
        struct rn_err err;
        char name[64];
        snprintf(name, sizeof name, "%s.parquet", manners[i]);
        json_t *rows = read_rows(golden(name), NULL, &err);
        cr_assert_not_null(rows, "%s: %s", name, err.msg);
        cr_expect(json_equal(rows, want), "%s", name);
        json_decref(rows);
    }
    json_decref(want);
}

/* --- projection --- */

static json_t *first_row(const char *const *columns)
{
    struct rn_err err;
    json_t *rows = read_rows(golden("delta-zstd-v2.parquet"), columns, &err);
    cr_assert_not_null(rows, "%s", err.msg);
    cr_assert_eq(json_array_size(rows), 60);
    json_t *row = json_incref(json_array_get(rows, 1));
    json_decref(rows);
    return row;
}

static void expect_row(const char *const *columns, const char *want)
{
    json_t *row = first_row(columns);
    char *got = json_dumps(row, JSON_COMPACT);
    cr_expect_str_eq(got, want);
    free(got);
    json_decref(row);
}

Test(parquet_rows, only_what_is_asked_for)
{
    expect_row((const char *const[]){"id", NULL}, "{\"id\":-38999997}");
    expect_row((const char *const[]){"answer.label.gold", "small", NULL},
               "{\"small\":-13,\"answer\":{\"label\":{\"gold\":1}}}");
    expect_row((const char *const[]){"messages.list.element.role", NULL},
               "{\"messages\":[{\"role\":\"user\"}]}");
    expect_row((const char *const[]){"messages", NULL},
               "{\"messages\":[{\"role\":\"user\",\"content\":\"user says 7, naïve 日本\"}]}");
}

Test(parquet_rows, missing_columns_are_named)
{
    const char *path = golden("delta-zstd-v2.parquet");
    expect_refusal(path, (const char *const[]){"id", "message", NULL},
                   "no parquet column 'message'; it has: id, small");
    expect_refusal(path, (const char *const[]){"messages.list.element.rol", NULL},
                   "no parquet column 'messages.list.element.rol'");
}

Test(parquet_rows, what_the_footer_says_of_columns)
{
    struct rn_err err = {0};
    struct rn_parquet *p;
    struct rn_parquet_facts c;
    cr_assert_eq(rn_parquet_open(&p, golden("dict-snappy-v1.parquet"), &err), RN_OK);
    rn_parquet_describe(p, 0, &c);
    cr_expect_str_eq(c.path, "id");
    cr_expect_str_eq(rn_parquet_type_name(&c), "int64");
    cr_expect_eq(c.values, 60);
    cr_expect_str_eq(c.codecs, "snappy");
    cr_expect(!c.nested);
    rn_parquet_describe(p, 9, &c);
    cr_expect_str_eq(c.path, "messages.list.element.content");
    cr_expect_str_eq(rn_parquet_type_name(&c), "text");
    cr_expect(c.nested && c.optional);
    cr_expect_gt(c.values, 60);
    rn_parquet_free(p);
}

/* --- hostile bytes --- */

static char *load(const char *name, size_t *n)
{
    struct rn_err err = {0};
    char *bytes;
    cr_assert_eq(rn_file_read(golden(name), 1 << 20, &bytes, n, &err), RN_OK, "%s", err.msg);
    return bytes;
}

Test(parquet_rows, no_truncated_file_reads, .timeout = 300)
{
    size_t n;
    char *bytes = load("plain-gzip-v2.parquet", &n);
    for (size_t i = 0; i < n; i++) {
        struct rn_err err;
        json_t *rows = read_rows(scratch_write("prefix.parquet", bytes, i), NULL, &err);
        cr_assert_null(rows, "%zu bytes", i);
        cr_assert(err.msg[0]);
    }
    free(bytes);
}

/* A changed byte may go unseen (in a value, a name) or be refused; it must not crash or hang. */
static void change_every_byte(const char *name, size_t refused_min)
{
    size_t n, refused = 0;
    char *bytes = load(name, &n);
    const char *path = scratch_write("changed.parquet", bytes, n);
    int fd = open(path, O_WRONLY);
    for (size_t i = 0; i < n; i++) {
        static const char changes[] = {(char)0xff, 0x01, (char)0x80};
        char changed = (char)(bytes[i] ^ changes[i % sizeof changes]);
        struct rn_err err;
        cr_assert_eq(pwrite(fd, &changed, 1, (off_t)i), 1);
        json_t *rows = read_rows(path, NULL, &err);
        refused += !rows;
        json_decref(rows);
        cr_assert_eq(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    cr_expect_gt(refused, refused_min, "%zu of %zu", refused, n);
    close(fd);
    free(bytes);
}

Test(parquet_rows, changed_bytes_never_crash, .timeout = 300)
{
    change_every_byte("delta-zstd-v2.parquet", 1000);
    change_every_byte("dict-snappy-v1.parquet", 4000); /* checksums */
}

/* --- apache/parquet-testing: old lists, odd pages, what must be refused --- */

static const struct {
    const char *name, *column, *rows;
} others[] = {
    {"data/old_list_structure", "a", "[{\"a\":[[1,2],[3,4]]}]"},
    {"data/list_columns", "int64_list",
     "[{\"int64_list\":[1,2,3]},{\"int64_list\":[null,1]},{\"int64_list\":[4]}]"},
    {"data/null_list", NULL, "[{\"emptylist\":[]}]"},
    {"data/repeated_primitive_no_list", "Int32_list",
     "[{\"Int32_list\":[0,1,2,3]},{\"Int32_list\":[]},{\"Int32_list\":[4]},"
     "{\"Int32_list\":[5,6,7,8]}]"},
    {"data/nested_lists.snappy", "b", "[{\"b\":1},{\"b\":1},{\"b\":1}]"},
    {"data/single_nan", NULL, "[{\"mycol\":null}]"},
    {"data/page_v2_empty_compressed", NULL,
     "[{\"integer_column\":null},{\"integer_column\":null},{\"integer_column\":null},"
     "{\"integer_column\":null},{\"integer_column\":null},{\"integer_column\":null},"
     "{\"integer_column\":null},{\"integer_column\":null},{\"integer_column\":null},"
     "{\"integer_column\":null}]"},
    {"data/datapage_v2_empty_datapage.snappy", NULL, "[{\"value\":null}]"},
};

static const char *testing_file(const char *name, const char *ending)
{
    char path[256];
    snprintf(path, sizeof path, "data/parquet_testing/%s%s", name, ending);
    return shared_file(path);
}

Test(parquet_rows, what_others_wrote)
{
    for (size_t i = 0; i < RN_COUNT(others); i++) {
        const char *path = testing_file(others[i].name, ".parquet");
        const char *const columns[] = {others[i].column, NULL};
        if (path)
            expect_rows(path, columns, others[i].rows);
    }
}

/* Files that must read, with their rows; `but` is the one column that is of type INT96. */
static const struct {
    const char *name;
    size_t rows;
    const char *but;
} readable[] = {
    {"data/alltypes_plain", 8, "timestamp_col"},
    {"data/alltypes_plain.snappy", 2, "timestamp_col"},
    {"data/alltypes_dictionary", 2, "timestamp_col"},
    {"data/alltypes_tiny_pages", 7300, "timestamp_col"},
    {"data/alltypes_tiny_pages_plain", 7300, "timestamp_col"},
    {"data/binary", 12},
    {"data/column_chunk_key_value_metadata", 0},
    {"data/concatenated_gzip_members", 513},
    {"data/data_index_bloom_encoding_stats", 14},
    {"data/data_index_bloom_encoding_with_length", 14},
    {"data/datapage_v1-uncompressed-checksum", 5120},
    {"data/datapage_v1-snappy-compressed-checksum", 5120},
    {"data/plain-dict-uncompressed-checksum", 1000},
    {"data/rle-dict-snappy-checksum", 1000},
    {"data/datapage_v2.snappy", 5},
    {"data/delta_binary_packed", 200},
    {"data/delta_byte_array", 1000},
    {"data/delta_length_byte_array", 1000},
    {"data/delta_encoding_required_column", 100},
    {"data/delta_encoding_optional_column", 100},
    {"data/dict-page-offset-zero", 39},
    {"data/int32_with_null_pages", 1000},
    {"data/nulls.snappy", 8},
    {"data/overflow_i16_page_cnt", 40000},
    {"data/repeated_no_annotation", 6},
    {"data/rle_boolean_encoding", 68},
    {"data/sort_columns", 6},
    {"data/unknown-logical-type", 3},
    {"data/nation.dict-malformed", 25},
    {"data/lz4_raw_compressed", 4},
    {"data/lz4_raw_compressed_larger", 10000},
    {"bad_data/ARROW-GH-43605", 21186},
};

/* The paths of all columns but one. */
static void list_columns(const char *path, const char *but, struct rn_parquet **p,
                         const char *columns[32])
{
    struct rn_err err = {0};
    size_t n = 0;
    cr_assert_eq(rn_parquet_open(p, path, &err), RN_OK, "%s: %s", path, err.msg);
    for (int c = 0; c < rn_parquet_columns(*p) && n < 31; c++) {
        struct rn_parquet_facts facts;
        rn_parquet_describe(*p, c, &facts);
        if (!but || strcmp(facts.path, but) != 0)
            columns[n++] = facts.path;
    }
    columns[n] = NULL;
}

Test(parquet_rows, what_must_read)
{
    for (size_t i = 0; i < RN_COUNT(readable); i++) {
        struct rn_err err;
        struct rn_parquet *p;
        const char *columns[32], *path = testing_file(readable[i].name, ".parquet");
        if (!path)
            continue;
        list_columns(path, readable[i].but, &p, columns);
        json_t *rows = read_rows(path, columns, &err);
        cr_expect(rows && json_array_size(rows) == readable[i].rows, "%s: %zu rows, %s", path,
                  json_array_size(rows), err.msg);
        json_decref(rows);
        rn_parquet_free(p);
        if (readable[i].but)
            expect_refusal(path, (const char *const[]){readable[i].but, NULL},
                           "type INT96 is not read");
    }
}

static const struct {
    const char *name, *ending, *why;
} refused[] = {
    {"data/datapage_v1-corrupt-checksum", ".parquet", "page checksum is"},
    {"data/rle-dict-uncompressed-corrupt-checksum", ".parquet", "page checksum is"},
    {"data/large_string_map.brotli", ".parquet", "codec brotli is not read"},
    {"data/hadoop_lz4_compressed", ".parquet", "codec lz4 (Hadoop) is not read"},
    {"data/hadoop_lz4_compressed_larger", ".parquet", "codec lz4 (Hadoop) is not read"},
    {"data/int96_from_spark", ".parquet", "type INT96 is not read"},
    {"data/byte_stream_split.zstd", ".parquet", "encoding BYTE_STREAM_SPLIT is not read"},
    {"data/uniform_encryption", ".parquet.encrypted", "encrypted parquet is not read"},
    {"data/encrypt_columns_plaintext_footer", ".parquet.encrypted", "encrypted"},
    {"data/aes256/encrypt_columns_and_footer", ".parquet.encrypted", "encrypted"},
    {"bad_data/ARROW-GH-41317", ".parquet", "chunk ends before its last value"},
    {"bad_data/ARROW-GH-41321", ".parquet", "levels ends before its last value"},
    {"bad_data/ARROW-GH-45185", ".parquet", "does not begin with the beginning of a row"},
    {"bad_data/ARROW-GH-47662", ".parquet", "page ends before its last value"},
    {"bad_data/ARROW-RS-GH-6229-DICTHEADER", ".parquet", "outside the file"},
    {"bad_data/ARROW-RS-GH-6229-LEVELS", ".parquet", "more values than the footer says"},
    {"bad_data/PARQUET-1481", ".parquet", "names a type that does not exist"},
};

Test(parquet_rows, what_must_be_refused)
{
    for (size_t i = 0; i < RN_COUNT(refused); i++) {
        const char *path = testing_file(refused[i].name, refused[i].ending);
        if (path)
            expect_refusal(path, NULL, refused[i].why);
    }
}

/* --- the hub's schemas --- */

static const struct {
    const char *name, *columns[4];
    size_t rows;
} hub[] = {
    {"mmlu_validation", {"question", "choices", "answer"}, 1531},
    {"arc_challenge_validation", {"question", "choices", "answerKey"}, 299},
    {"gsm8k_test", {"question", "answer"}, 1319},
};

Test(parquet_rows, schemas_of_the_hub)
{
    for (size_t i = 0; i < RN_COUNT(hub); i++) {
        struct rn_err err;
        char name[128];
        snprintf(name, sizeof name, "data/tasks/%s.parquet", hub[i].name);
        const char *path = shared_file(name);
        if (!path)
            continue;
        json_t *rows = read_rows(path, hub[i].columns, &err);
        cr_assert_not_null(rows, "%s: %s", path, err.msg);
        cr_expect_eq(json_array_size(rows), hub[i].rows);
        for (size_t c = 0; hub[i].columns[c]; c++)
            cr_expect(!json_is_null(json_object_get(json_array_get(rows, 7), hub[i].columns[c])));
        json_decref(rows);
    }
}

/* Every conversation has turns of text from user and assistant. */
Test(parquet_rows, conversations)
{
    const char *path = shared_file("data/tasks/smoltalk_like.parquet");
    struct rn_err err = {0};
    struct rn_parquet_rows *r;
    json_t *row;
    size_t n = 0;
    if (!path)
        return;
    cr_assert_eq(rn_parquet_rows_open(&r, path, (const char *const[]){"messages", NULL}, &err),
                 RN_OK, "%s", err.msg);
    while (rn_parquet_rows_next(r, &row, &err) == RN_OK && row) {
        size_t i;
        json_t *message;
        json_array_foreach(json_object_get(row, "messages"), i, message)
        {
            cr_assert(json_is_string(json_object_get(message, "role")));
            cr_assert(json_is_string(json_object_get(message, "content")));
        }
        cr_assert_geq(i, 2);
        json_decref(row);
        n++;
    }
    cr_expect_eq(n, 15028, "%s", err.msg);
    rn_parquet_rows_free(r);
}
