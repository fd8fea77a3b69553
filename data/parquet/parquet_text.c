#include "parquet_text.h"

#include "str.h"

int rn_parquet_text_open(struct rn_parquet_text *t, const char *path, const char *column,
                         struct rn_err *err)
{
    *t = (struct rn_parquet_text){.path = path, .name = column};
    RN_TRY(rn_parquet_open(&t->file, path, err));
    t->column = rn_parquet_column(t->file, column, err);
    if (t->column >= 0)
        return RN_OK;
    rn_parquet_text_close(t);
    return RN_ECORRUPT;
}

static int check_rows(const struct rn_parquet_text *t, size_t group, struct rn_err *err)
{
    const struct rn_parquet_values *v = &t->values;
    for (size_t i = 0; i < v->n && !v->utf8; i++)
        if (v->present[i] && !rn_utf8_valid(v->strings[i].p, v->strings[i].n))
            return rn_fail(err, RN_ECORRUPT, RN_PATH(t->path),
                           "row %zu of row group %zu is not UTF-8", i + 1, group + 1);
    return RN_OK;
}

int rn_parquet_text_read(struct rn_parquet_text *t, size_t group, struct rn_err *err)
{
    RN_TRY(rn_parquet_read(t->file, group, t->column, &t->values, err));
    if (t->values.type != RN_PQ_BYTES)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(t->path), "parquet column '%s' holds no text",
                       t->name);
    return check_rows(t, group, err);
}

void rn_parquet_text_close(struct rn_parquet_text *t)
{
    rn_parquet_free(t->file);
    *t = (struct rn_parquet_text){0};
}
