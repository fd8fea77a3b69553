#include "parquet.h"
#include "bytes.h"
#include "codec.h"
#include "file.h"
#include "mem.h"
#include "parquet_file.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_BYTES = 4, TAIL_BYTES = 8, FOOTER_BYTES_MAX = 64 << 20 };

struct rn_parquet {
    char *path;
    int fd;
    int64_t size_bytes;
    struct rn_pq_meta meta;
    struct rn_pq_buffer chunk;  /* compressed bytes of the chunk being read */
    struct rn_pq_column column; /* what rn_parquet_read gave out last */
};

static int corrupt(const struct rn_parquet *p, struct rn_err *err, const char *why)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(p->path), "not a parquet file: %s", why);
}

static int read_at(const struct rn_parquet *p, void *to, size_t n, int64_t at, struct rn_err *err)
{
    unsigned char *out = to;
    while (n > 0) {
        ssize_t got = pread(p->fd, out, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rn_fail_errno(err, RN_PATH(p->path), "cannot read at byte %lld", (long long)at);
        if (got == 0)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(p->path), "file shrank while it was read");
        out += got;
        at += got;
        n -= (size_t)got;
    }
    return RN_OK;
}

static int read_footer(struct rn_parquet *p, struct rn_err *err)
{
    unsigned char head[MAGIC_BYTES], tail[TAIL_BYTES];
    if (p->size_bytes < MAGIC_BYTES + TAIL_BYTES)
        return corrupt(p, err, "it is shorter than the smallest one");
    RN_TRY(read_at(p, head, sizeof head, 0, err));
    RN_TRY(read_at(p, tail, sizeof tail, p->size_bytes - TAIL_BYTES, err));
    if (!memcmp(tail + 4, "PARE", MAGIC_BYTES))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(p->path), "encrypted parquet is not read");
    if (memcmp(head, "PAR1", MAGIC_BYTES))
        return corrupt(p, err, "it does not begin with PAR1");
    if (memcmp(tail + 4, "PAR1", MAGIC_BYTES))
        return corrupt(p, err, "it does not end with PAR1, so it may be truncated");
    uint32_t n = rn_le32_at(tail);
    if (n > FOOTER_BYTES_MAX || n > p->size_bytes - MAGIC_BYTES - TAIL_BYTES)
        return corrupt(p, err, "its footer is longer than it may be");
    void *footer;
    RN_TRY(rn_try_alloc(&footer, n, 1, "parquet footer", err));
    int rc = read_at(p, footer, n, p->size_bytes - TAIL_BYTES - n, err);
    if (rc == RN_OK)
        rc = rn_pq_meta_parse(&p->meta, footer, n, p->path, p->size_bytes, err);
    free(footer);
    return rc;
}

static int open_file(struct rn_parquet *p, struct rn_err *err)
{
    struct stat st;
    p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) != 0)
        return rn_fail_errno(err, RN_PATH(p->path), "cannot open");
    if (!S_ISREG(st.st_mode))
        return rn_fail(err, RN_EIO, RN_PATH(p->path), "not a regular file");
    p->size_bytes = st.st_size;
    return read_footer(p, err);
}

bool rn_parquet_is(const char *path)
{
    char head[MAGIC_BYTES];
    return rn_file_head(path, head, sizeof head) == sizeof head &&
           memcmp(head, "PAR1", sizeof head) == 0;
}

int rn_parquet_open(struct rn_parquet **out, const char *path, struct rn_err *err)
{
    struct rn_parquet *p = rn_new(struct rn_parquet);
    p->path = rn_xdup(path);
    p->fd = -1;
    int rc = open_file(p, err);
    if (rc != RN_OK) {
        rn_parquet_free(p);
        p = NULL;
    }
    *out = p;
    return rc;
}

void rn_parquet_free(struct rn_parquet *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    rn_pq_meta_release(&p->meta);
    rn_pq_column_release(&p->column);
    free(p->chunk.p);
    free(p->path);
    free(p);
}

int64_t rn_parquet_rows(const struct rn_parquet *p)
{
    return p->meta.rows;
}

size_t rn_parquet_groups(const struct rn_parquet *p)
{
    return p->meta.n_groups;
}

int64_t rn_parquet_group_rows(const struct rn_parquet *p, size_t group)
{
    RN_ASSERT(group < p->meta.n_groups);
    return p->meta.groups[group].rows;
}

int rn_parquet_columns(const struct rn_parquet *p)
{
    return (int)p->meta.schema.n_leaves;
}

/* "zstd", or "snappy, gzip" where row groups differ. */
static void name_codecs(const struct rn_parquet *p, int column, char *out, size_t size)
{
    unsigned seen = 0;
    *out = 0;
    for (size_t g = 0; g < p->meta.n_groups; g++) {
        int number = p->meta.groups[g].chunks[column].codec;
        const struct rn_codec *codec = rn_codec_parquet(number);
        if (codec && !(seen >> number & 1)) {
            size_t n = strlen(out);
            snprintf(out + n, size - n, "%s%s", n ? ", " : "", codec->name);
            seen |= 1U << number;
        }
    }
}

void rn_parquet_describe(const struct rn_parquet *p, int column, struct rn_parquet_facts *out)
{
    RN_ASSERT(column >= 0 && (size_t)column < p->meta.schema.n_leaves);
    const struct rn_pq_leaf *leaf = &p->meta.schema.leaves[column];
    *out = (struct rn_parquet_facts){.path = leaf->path,
                                     .type = leaf->type,
                                     .text = leaf->text,
                                     .optional = leaf->max_def > leaf->max_rep,
                                     .nested = leaf->max_rep > 0};
    for (size_t g = 0; g < p->meta.n_groups; g++) {
        out->values += p->meta.groups[g].chunks[column].values;
        out->size_bytes += p->meta.groups[g].chunks[column].size_bytes;
    }
    name_codecs(p, column, out->codecs, sizeof out->codecs);
}

const char *rn_parquet_type_name(const struct rn_parquet_facts *c)
{
    static const char *const names[] = {"boolean", "int32",  "int64", "int96",
                                        "float",   "double", "bytes", "fixed bytes"};
    return c->text ? "text" : names[c->type];
}

static int no_column(const struct rn_parquet *p, const char *name, struct rn_err *err)
{
    struct rn_str all = {0};
    for (size_t i = 0; i < p->meta.schema.n_leaves && all.n < 200; i++)
        rn_str_printf(&all, "%s%s", i ? ", " : "", p->meta.schema.leaves[i].path);
    rn_fail(err, RN_ECORRUPT, RN_PATH(p->path), "no parquet column '%s'; it has: %.300s", name,
            all.p ? all.p : "none");
    rn_str_release(&all);
    return -1;
}

bool rn_parquet_column_within(const struct rn_parquet *p, int column, const char *path)
{
    size_t n = strlen(path);
    const char *own = p->meta.schema.leaves[column].path;
    return !strncmp(own, path, n) && (own[n] == 0 || own[n] == '.');
}

int rn_parquet_column(const struct rn_parquet *p, const char *name, struct rn_err *err)
{
    for (size_t i = 0; i < p->meta.schema.n_leaves; i++) {
        const struct rn_pq_leaf *leaf = &p->meta.schema.leaves[i];
        if (!strcmp(leaf->path, name) && leaf->max_rep == 0)
            return (int)i;
        if (rn_parquet_column_within(p, (int)i, name)) {
            rn_fail(err, RN_ECORRUPT, RN_PATH(p->path),
                    "parquet column '%s' is nested (%s), so its values are not rows", name,
                    leaf->path);
            return -1;
        }
    }
    return no_column(p, name, err);
}

/* --- values --- */

const char *rn_pq_file_path(const struct rn_parquet *p)
{
    return p->path;
}

const struct rn_pq_meta *rn_pq_file_meta(const struct rn_parquet *p)
{
    return &p->meta;
}

int rn_pq_file_read(struct rn_parquet *p, size_t group, int column, struct rn_pq_column *to,
                    struct rn_parquet_values *out, struct rn_err *err)
{
    RN_ASSERT(group < p->meta.n_groups && column >= 0);
    RN_ASSERT((size_t)column < p->meta.schema.n_leaves);
    const struct rn_pq_chunk *c = &p->meta.groups[group].chunks[column];
    struct rn_pq_chunk_bytes in = {.path = p->path,
                                   .leaf = &p->meta.schema.leaves[column],
                                   .chunk = c,
                                   .rows = p->meta.groups[group].rows};
    if (c->external || c->encrypted)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(p->path),
                       "parquet column '%s' is %s, which is not read", in.leaf->path,
                       c->encrypted ? "encrypted" : "kept in another file");
    RN_TRY(rn_pq_reserve(&p->chunk, (size_t)c->size_bytes + 1, 1, err));
    RN_TRY(read_at(p, p->chunk.p, (size_t)c->size_bytes, c->start, err));
    in.p = p->chunk.p;
    return rn_pq_column_decode(to, &in, out, err);
}

int rn_parquet_read(struct rn_parquet *p, size_t group, int column, struct rn_parquet_values *out,
                    struct rn_err *err)
{
    return rn_pq_file_read(p, group, column, &p->column, out, err);
}
