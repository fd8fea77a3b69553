/* Parquet: real files read as other readers read them; broken ones give one line, never a crash. */
#include "../scratch.h"
#include "file.h"
#include "json.h"
#include "jsonl.h"
#include "parquet.h"
#include "shared.h"

#include <dirent.h>
#include <fcntl.h>

TestSuite(parquet, .init = scratch_up, .fini = scratch_down);

static const char *golden(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/%s", RUNNEL_SOURCE_DIR, name);
    return path;
}

/* Reads everything there is to read. RN_OK, or the first error. */
static int read_all(const char *path, struct rn_err *err)
{
    struct rn_parquet *p;
    struct rn_parquet_values v;
    int rc = rn_parquet_open(&p, path, err);
    for (int c = 0; rc == RN_OK && c < rn_parquet_columns(p); c++)
        for (size_t g = 0; rc == RN_OK && g < rn_parquet_groups(p); g++)
            rc = rn_parquet_read(p, g, c, &v, err);
    rn_parquet_free(p);
    return rc;
}

static void expect_refusal(const char *path, const char *why)
{
    struct rn_err err = {0};
    cr_expect_eq(read_all(path, &err), RN_ECORRUPT, "%s", path);
    cr_expect(strstr(err.msg, why), "%s: '%s' does not say '%s'", path, err.msg, why);
    cr_expect(!strchr(err.msg, '\n'));
    cr_expect_str_eq(err.path, path);
}

/* --- the two small files: 40 rows in groups of 25, made by this rule --- */

static const char *small_text(int row)
{
    static const char *const texts[] = {"plain", "naïve", "日本", "",
                                        "a somewhat longer text, repeated "
                                        "a somewhat longer text, repeated "
                                        "a somewhat longer text, repeated "};
    return row % 7 == 3 ? NULL : texts[row % 5];
}

static void expect_small_row(struct rn_parquet *p, size_t group, size_t i, int row)
{
    struct rn_err err = {0};
    struct rn_parquet_values v;
    const char *text = small_text(row);
    cr_assert_eq(rn_parquet_read(p, group, rn_parquet_column(p, "text", &err), &v, &err), RN_OK,
                 "%s", err.msg);
    cr_expect_eq(v.present[i], text != NULL);
    cr_expect_eq(v.strings[i].n, text ? strlen(text) : 0);
    cr_expect(!text || !memcmp(v.strings[i].p, text, strlen(text)), "row %d", row);
    cr_assert_eq(rn_parquet_read(p, group, rn_parquet_column(p, "id", &err), &v, &err), RN_OK);
    cr_expect_eq(v.ints[i], row);
    cr_assert_eq(rn_parquet_read(p, group, rn_parquet_column(p, "score", &err), &v, &err), RN_OK);
    cr_expect_eq(v.present[i], row % 5 != 0);
    cr_expect_eq(v.reals[i], row % 5 != 0 ? row / 8.0 : 0);
}

static void expect_small_file(const char *name)
{
    struct rn_err err = {0};
    struct rn_parquet *p;
    cr_assert_eq(rn_parquet_open(&p, golden(name), &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_parquet_rows(p), 40);
    cr_assert_eq(rn_parquet_groups(p), 2);
    cr_assert_eq(rn_parquet_group_rows(p, 1), 15);
    for (int row = 0; row < 40; row++)
        expect_small_row(p, (size_t)row / 25, (size_t)row % 25, row);
    rn_parquet_free(p);
}

Test(parquet, dictionary_snappy_nulls_and_checksums)
{
    expect_small_file("small-snappy-dict.parquet");
}

Test(parquet, v2_pages_plain_zstd)
{
    expect_small_file("small-zstd-v2.parquet");
}

Test(parquet, nested_and_missing_columns_are_named)
{
    struct rn_err err = {0};
    struct rn_parquet *p;
    cr_assert_eq(rn_parquet_open(&p, golden("small-snappy-dict.parquet"), &err), RN_OK);
    cr_expect_eq(rn_parquet_column(p, "tags", &err), -1);
    cr_expect_eq(err.code, RN_ECORRUPT);
    cr_expect(strstr(err.msg, "'tags' is nested"), "%s", err.msg);
    err = (struct rn_err){0};
    cr_expect_eq(rn_parquet_column(p, "txt", &err), -1);
    cr_expect(strstr(err.msg, "no parquet column 'txt'; it has: text, id"), "%s", err.msg);
    rn_parquet_free(p);
}

/* --- hostile bytes --- */

static void expect_no_prefix_reads(const char *name)
{
    struct rn_err err = {0};
    char *bytes;
    size_t n;
    cr_assert_eq(rn_file_read(golden(name), 1 << 20, &bytes, &n, &err), RN_OK);
    for (size_t i = 0; i < n; i++) {
        const char *path = scratch_write("prefix.parquet", bytes, i);
        err = (struct rn_err){0};
        cr_assert_eq(read_all(path, &err), RN_ECORRUPT, "%zu bytes of %s", i, name);
    }
    free(bytes);
}

Test(parquet, no_truncated_file_reads)
{
    expect_no_prefix_reads("small-snappy-dict.parquet");
    expect_no_prefix_reads("small-zstd-v2.parquet");
}

/* A flipped bit may go unseen (a statistic, a name) or be refused; what it must not do is crash. */
static void flip_every_bit(const char *name)
{
    struct rn_err err = {0};
    char *bytes;
    size_t n, refused = 0;
    cr_assert_eq(rn_file_read(golden(name), 1 << 20, &bytes, &n, &err), RN_OK);
    const char *path = scratch_write("flipped.parquet", bytes, n);
    int fd = open(path, O_WRONLY);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        char flipped = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        cr_assert_eq(pwrite(fd, &flipped, 1, (off_t)(bit / 8)), 1);
        err = (struct rn_err){0};
        int rc = read_all(path, &err);
        cr_assert(rc == RN_OK || rc == RN_ECORRUPT, "%s bit %zu: %s", name, bit, err.msg);
        refused += rc != RN_OK;
        cr_assert_eq(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
    }
    cr_expect_gt(refused, 2 * n);
    close(fd);
    free(bytes);
}

Test(parquet, flipped_bits_never_crash, .timeout = 300)
{
    flip_every_bit("small-snappy-dict.parquet");
    flip_every_bit("small-zstd-v2.parquet");
}

Test(parquet, other_files_are_named_as_such)
{
    expect_refusal(scratch_text("page.parquet", "<html><body>404 not found</body></html>"),
                   "does not begin with PAR1");
    expect_refusal(scratch_text("short.parquet", "PAR1"), "shorter than the smallest one");
    expect_refusal(scratch_write("long.parquet", "PAR1\0\0\0\0\xff\xff\xff\x7fPAR1", 16),
                   "its footer is longer");
}

/* --- real files --- */

static const struct {
    const char *name, *refusal; /* refusal NULL: equals expected.jsonl */
    size_t nulls;               /* where there are some: everywhere else */
} codecs[] = {
    {"none", NULL},
    {"snappy", NULL},
    {"snappy_rg100", NULL},
    {"gzip", NULL},
    {"lz4", NULL},
    {"zstd", NULL},
    {"zstd_smallpages_crc", NULL},
    {"zstd_v2pages", NULL},
    {"brotli", "codec brotli is not read"},
    {"snappy_delta_ba", NULL},
    {"snappy_delta_len", NULL},
    {"nulls_extra_columns", NULL, 214},
};

static void expect_equal_to_jsonl(const char *path, const char *jsonl, size_t nulls)
{
    size_t missing = 0;
    struct rn_err err = {0};
    struct rn_parquet *p;
    struct rn_parquet_values v;
    struct rn_jsonl *j;
    json_t *row;
    cr_assert_eq(rn_jsonl_open(&j, jsonl, &err), RN_OK);
    cr_assert_eq(rn_parquet_open(&p, path, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_parquet_rows(p), 1500);
    int text = rn_parquet_column(p, "text", &err);
    for (size_t g = 0; g < rn_parquet_groups(p); g++) {
        cr_assert_eq(rn_parquet_read(p, g, text, &v, &err), RN_OK, "%s: %s", path, err.msg);
        for (size_t i = 0; i < v.n; i++) {
            cr_assert_eq(rn_jsonl_next(j, &row, &err), RN_OK, "%s", err.msg);
            const json_t *want = json_object_get(row, "text");
            size_t n = v.present[i] ? json_string_length(want) : 0;
            missing += !v.present[i];
            cr_assert_eq(v.strings[i].n, n, "%s row %zu", path, i);
            cr_assert(n == 0 || !memcmp(v.strings[i].p, json_string_value(want), n));
            json_decref(row);
        }
    }
    cr_assert_eq(rn_jsonl_next(j, &row, &err), RN_OK, "%s", err.msg);
    cr_expect_null(row);
    cr_expect_eq(missing, nulls);
    rn_jsonl_free(j);
    rn_parquet_free(p);
}

Test(parquet, codecs_and_encodings)
{
    const char *shared = shared_file("data/parquet_codecs/expected.jsonl");
    char *jsonl = shared ? strdup(shared) : NULL;
    for (size_t i = 0; jsonl && i < sizeof codecs / sizeof *codecs; i++) {
        char name[64];
        snprintf(name, sizeof name, "data/parquet_codecs/%s.parquet", codecs[i].name);
        const char *path = shared_file(name);
        if (codecs[i].refusal)
            expect_refusal(path, codecs[i].refusal);
        else
            expect_equal_to_jsonl(path, jsonl, codecs[i].nulls);
    }
    free(jsonl);
}

static void expect_gsm8k(const char *name, int64_t rows)
{
    struct rn_err err = {0};
    struct rn_parquet *p;
    struct rn_parquet_values v;
    int64_t read = 0, marked = 0;
    const char *path = shared_file(name);
    if (!path)
        return;
    cr_assert_eq(rn_parquet_open(&p, path, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(rn_parquet_rows(p), rows);
    cr_expect_geq(rn_parquet_column(p, "question", &err), 0);
    int answer = rn_parquet_column(p, "answer", &err);
    for (size_t g = 0; g < rn_parquet_groups(p); g++) {
        cr_assert_eq(rn_parquet_read(p, g, answer, &v, &err), RN_OK, "%s", err.msg);
        for (size_t i = 0; i < v.n; i++, read++)
            for (size_t k = 0; k + 4 < v.strings[i].n; k++)
                marked += !memcmp(v.strings[i].p + k, "#### ", 5);
    }
    cr_expect_eq(read, rows);
    cr_expect_eq(marked, rows); /* each answer has its one final line */
    rn_parquet_free(p);
}

Test(parquet, gsm8k)
{
    expect_gsm8k("data/tasks/gsm8k_train.parquet", 7473);
    expect_gsm8k("data/tasks/gsm8k_test.parquet", 1319);
}

/* apache/parquet-testing: whatever a file holds, it reads or is refused in one line. */
static void try_folder(const char *name)
{
    const char *folder = shared_file(name);
    DIR *listing = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    int seen = 0;
    while (listing && (entry = readdir(listing))) {
        char path[2048];
        struct rn_err err = {0};
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR)
            continue;
        int rc = read_all(path, &err);
        cr_expect(rc == RN_OK || rc == RN_ECORRUPT, "%s: %s", path, err.msg);
        cr_expect(!strchr(err.msg, '\n'));
        seen++;
    }
    if (listing)
        closedir(listing);
    cr_expect(!folder || seen > 5);
}

Test(parquet, parquet_testing_reads_or_is_refused)
{
    try_folder("data/parquet_testing/data");
    try_folder("data/parquet_testing/bad_data");
}

Test(parquet, wrong_page_checksums_are_found)
{
    const char *path =
        shared_file("data/parquet_testing/data/datapage_v1-corrupt-checksum.parquet");
    if (path)
        expect_refusal(path, "page checksum is");
    path = shared_file("data/parquet_testing/data/rle-dict-uncompressed-corrupt-checksum.parquet");
    if (path)
        expect_refusal(path, "page checksum is");
}
