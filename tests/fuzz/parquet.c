/* Whatever bytes claim to be parquet, every column and every row is read or refused with a reason.
 * Where all rows can be read, so can each column; there are as many rows as the footer says. */
#include "parquet.h"
#include "parquet_rows.h"
#include "scratch.h"

enum {
    VALUES_MAX = 1 << 16
}; /* a few bytes may rightly stand for millions of nulls; that is slow */

static int expect_reason(int rc, const struct rn_err *err)
{
    RN_ASSERT(rc == RN_OK || (rc == RN_ECORRUPT && err->msg[0]));
    return rc;
}

static bool is_small(const struct rn_parquet *p)
{
    int64_t values = rn_parquet_rows(p);
    for (int c = 0; c < rn_parquet_columns(p); c++) {
        struct rn_parquet_facts facts;
        rn_parquet_describe(p, c, &facts);
        values += facts.values;
    }
    return values < VALUES_MAX;
}

static int read_columns(struct rn_parquet *p)
{
    struct rn_err err = {0};
    struct rn_parquet_values v;
    int all = RN_OK;
    for (int c = 0; c < rn_parquet_columns(p); c++)
        for (size_t g = 0; g < rn_parquet_groups(p); g++) {
            err = (struct rn_err){0};
            int rc = expect_reason(rn_parquet_read(p, g, c, &v, &err), &err);
            RN_ASSERT(rc != RN_OK || v.n >= (size_t)rn_parquet_group_rows(p, g));
            all = all == RN_OK ? rc : all;
        }
    return all;
}

static int read_rows(const char *path, const char *const *columns)
{
    struct rn_err err = {0};
    struct rn_parquet_rows *r;
    json_t *row;
    int64_t n = 0;
    int rc = expect_reason(rn_parquet_rows_open(&r, path, columns, &err), &err);
    while (rc == RN_OK && (rc = rn_parquet_rows_next(r, &row, &err)) == RN_OK && row) {
        RN_ASSERT(json_is_object(row));
        json_decref(row);
        n++;
    }
    RN_ASSERT(expect_reason(rc, &err) != RN_OK || n == rn_parquet_rows(rn_parquet_rows_file(r)));
    rn_parquet_rows_free(r);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct rn_err err = {0};
    struct rn_parquet *p;
    const char *path = scratch_put(bytes, n);
    if (expect_reason(rn_parquet_open(&p, path, &err), &err) == RN_OK && is_small(p)) {
        int columns = read_columns(p), rows = read_rows(path, NULL);
        RN_ASSERT(rows != RN_OK || columns == RN_OK);
        struct rn_parquet_facts facts;
        rn_parquet_describe(p, 0, &facts);
        int one = read_rows(path, (const char *const[]){facts.path, NULL});
        RN_ASSERT(rows != RN_OK || one == RN_OK);
    }
    rn_parquet_free(p);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
