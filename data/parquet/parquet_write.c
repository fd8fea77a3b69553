/* parquet_write.c - page headers and footer in Thrift's compact protocol.
 *
 *     "PAR1"
 *     page header, then a row each: u32 length, bytes      for every row group
 *     footer
 *     u32 length of the footer
 *     "PAR1"
 *
 * Field numbers are those of parquet.thrift. */
#include "parquet_write.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum thrift { T_I32 = 5, T_I64 = 6, T_BINARY = 8, T_LIST = 9, T_STRUCT = 12 };
enum { BYTE_ARRAY = 6, REQUIRED = 0, CONVERTED_UTF8 = 0, ENC_PLAIN = 0, ENC_RLE = 3 };

struct thrift_out { /* field numbers are written as differences within their struct */
    struct rn_str s;
    int last[8], depth;
};

static void varint(struct rn_str *s, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        rn_str_putc(s, (char)(v | 0x80));
    rn_str_putc(s, (char)v);
}
static void zigzag(struct rn_str *s, int64_t v)
{
    varint(s, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}
static void field(struct thrift_out *t, int id, enum thrift type)
{
    rn_str_putc(&t->s, (char)((id - t->last[t->depth]) << 4 | (int)type));
    t->last[t->depth] = id;
}
static void field_i32(struct thrift_out *t, int id, int64_t v)
{
    field(t, id, T_I32);
    zigzag(&t->s, v);
}
static void field_i64(struct thrift_out *t, int id, int64_t v)
{
    field(t, id, T_I64);
    zigzag(&t->s, v);
}
static void binary(struct thrift_out *t, const char *text)
{
    varint(&t->s, strlen(text));
    rn_str_puts(&t->s, text);
}
static void list(struct thrift_out *t, int id, size_t n, enum thrift type)
{
    field(t, id, T_LIST);
    rn_str_putc(&t->s, (char)((n < 15 ? n : 15) << 4 | (size_t)type));
    if (n >= 15)
        varint(&t->s, n);
}
static void begin(struct thrift_out *t)
{
    RN_ASSERT(t->depth + 1 < (int)RN_COUNT(t->last));
    t->last[++t->depth] = 0;
}
static void end(struct thrift_out *t)
{
    rn_str_putc(&t->s, 0);
    t->depth--;
}

int rn_parquet_writer_open(struct rn_parquet_writer *w, const char *path, const char *column,
                           int64_t group_rows, struct rn_err *err)
{
    *w = (struct rn_parquet_writer){.group_rows = group_rows};
    RN_TRY(rn_writer_open(&w->out, path, err));
    w->column = rn_xdup(column);
    rn_writer_add(&w->out, "PAR1", 4);
    w->offset = 4;
    return RN_OK;
}

static void page_header(struct thrift_out *t, const struct rn_parquet_writer *w)
{
    field_i32(t, 1, 0); /* DATA_PAGE */
    field_i32(t, 2, (int64_t)w->page.n);
    field_i32(t, 3, (int64_t)w->page.n);
    field(t, 5, T_STRUCT);
    begin(t);
    field_i32(t, 1, w->page_rows);
    field_i32(t, 2, ENC_PLAIN);
    field_i32(t, 3, ENC_RLE);
    field_i32(t, 4, ENC_RLE);
    end(t);
    rn_str_putc(&t->s, 0);
}

static void flush_group(struct rn_parquet_writer *w)
{
    if (w->page_rows == 0)
        return;
    struct thrift_out t = {0};
    page_header(&t, w);
    struct rn_parquet_group g = {w->offset, (int64_t)(t.s.n + w->page.n), w->page_rows};
    rn_writer_add(&w->out, t.s.p, t.s.n);
    rn_writer_add(&w->out, w->page.p, w->page.n);
    RN_PUSH(w->groups, w->n_groups, w->cap_groups, g);
    w->offset += g.size_bytes;
    w->rows += g.rows;
    w->page_rows = 0;
    rn_str_clear(&w->page);
    rn_str_release(&t.s);
}

void rn_parquet_writer_add(struct rn_parquet_writer *w, const char *text, size_t n)
{
    RN_ASSERT(n < INT32_MAX && w->page.n + n < INT32_MAX - 16);
    unsigned char length[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
                               (unsigned char)(n >> 24)};
    rn_str_add(&w->page, length, 4);
    rn_str_add(&w->page, text, n);
    if (++w->page_rows == w->group_rows)
        flush_group(w);
}

static void column_chunk(struct thrift_out *t, const struct rn_parquet_writer *w,
                         const struct rn_parquet_group *g)
{
    begin(t);
    field_i64(t, 2, g->offset);
    field(t, 3, T_STRUCT);
    begin(t);
    field_i32(t, 1, BYTE_ARRAY);
    list(t, 2, 1, T_I32);
    zigzag(&t->s, ENC_PLAIN);
    list(t, 3, 1, T_BINARY);
    binary(t, w->column);
    field_i32(t, 4, 0); /* UNCOMPRESSED */
    field_i64(t, 5, g->rows);
    field_i64(t, 6, g->size_bytes);
    field_i64(t, 7, g->size_bytes);
    field_i64(t, 9, g->offset);
    end(t);
    end(t);
}

static void schema(struct thrift_out *t, const char *column)
{
    list(t, 2, 2, T_STRUCT);
    begin(t);
    field(t, 4, T_BINARY);
    binary(t, "schema");
    field_i32(t, 5, 1); /* children */
    end(t);
    begin(t);
    field_i32(t, 1, BYTE_ARRAY);
    field_i32(t, 3, REQUIRED);
    field(t, 4, T_BINARY);
    binary(t, column);
    field_i32(t, 6, CONVERTED_UTF8);
    end(t);
}

static void footer(struct thrift_out *t, const struct rn_parquet_writer *w)
{
    field_i32(t, 1, 1); /* version */
    schema(t, w->column);
    field_i64(t, 3, w->rows);
    list(t, 4, w->n_groups, T_STRUCT);
    for (size_t i = 0; i < w->n_groups; i++) {
        begin(t);
        list(t, 1, 1, T_STRUCT);
        column_chunk(t, w, &w->groups[i]);
        field_i64(t, 2, w->groups[i].size_bytes);
        field_i64(t, 3, w->groups[i].rows);
        end(t);
    }
    field(t, 6, T_BINARY);
    binary(t, "runnel");
    rn_str_putc(&t->s, 0);
}

int rn_parquet_writer_commit(struct rn_parquet_writer *w, struct rn_err *err)
{
    flush_group(w);
    struct thrift_out t = {0};
    footer(&t, w);
    size_t n = t.s.n;
    for (int i = 0; i < 4; i++)
        rn_str_putc(&t.s, (char)(n >> 8 * i));
    rn_str_puts(&t.s, "PAR1");
    rn_writer_add(&w->out, t.s.p, t.s.n);
    rn_str_release(&t.s);
    rn_str_release(&w->page);
    free(w->groups);
    free(w->column);
    return rn_writer_commit(&w->out, NULL, err);
}
