#include "docs.h"
#include "file.h"
#include "jsonl.h"
#include "mem.h"
#include "parquet_text.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 1 << 30 }; /* of a plain text file: one document */

/* The file that is open; of the members the ones of its kind are in use. */
struct source {
    const struct kind *kind;
    const char *path;
    const char *column;
    struct rn_parquet_text parquet;
    size_t next_group, row, last_row; /* last_row: last one that is not null */
    struct rn_jsonl *jsonl;
    json_t *here, *ahead; /* the line given out, and the one after it */
    struct rn_place ahead_at;
    int64_t lines; /* given out */
    char *text;
    bool text_given;
};

struct kind {
    const char *ending;
    int (*open)(struct source *, struct rn_err *);
    int (*next)(struct source *, struct rn_doc *, struct rn_err *);
};

struct rn_docs {
    char **paths;
    size_t n_paths, next_path;
    char *column;
    bool open; /* paths[next_path - 1] is */
    struct source source;
    int64_t rows;
};

/* --- parquet --- */

static int open_parquet(struct source *s, struct rn_err *err)
{
    return rn_parquet_text_open(&s->parquet, s->path, s->column, err);
}

static int read_group(struct source *s, struct rn_err *err)
{
    RN_TRY(rn_parquet_text_read(&s->parquet, s->next_group++, err));
    const struct rn_parquet_values *v = &s->parquet.values;
    s->row = 0;
    s->last_row = v->n;
    while (s->last_row > 0 && !v->present[--s->last_row])
        ;
    return RN_OK;
}

/* Nulls are no documents. */
static int next_parquet(struct source *s, struct rn_doc *doc, struct rn_err *err)
{
    const struct rn_parquet_values *v = &s->parquet.values;
    for (;;) {
        while (s->row < v->n && !v->present[s->row])
            s->row++;
        if (s->row < v->n)
            break;
        if (s->next_group == rn_parquet_groups(s->parquet.file))
            return RN_OK;
        RN_TRY(read_group(s, err));
    }
    *doc = (struct rn_doc){.text = v->strings[s->row].p,
                           .n = v->strings[s->row].n,
                           .group_end = s->row == s->last_row};
    s->row++;
    return RN_OK;
}

/* --- JSONL --- */

static int look_ahead(struct source *s, struct rn_err *err)
{
    RN_TRY(rn_jsonl_next(s->jsonl, &s->ahead, err));
    s->ahead_at = rn_jsonl_place(s->jsonl);
    return RN_OK;
}

static int open_jsonl(struct source *s, struct rn_err *err)
{
    RN_TRY(rn_jsonl_open(&s->jsonl, s->path, err));
    return look_ahead(s, err);
}

static int next_jsonl(struct source *s, struct rn_doc *doc, struct rn_err *err)
{
    struct rn_place at = s->ahead_at;
    json_decref(s->here);
    s->here = s->ahead;
    s->ahead = NULL;
    if (!s->here)
        return RN_OK;
    const json_t *text = json_is_object(s->here) ? json_object_get(s->here, s->column) : s->here;
    if (!json_is_string(text))
        return rn_fail(err, RN_ECORRUPT, at,
                       "neither a JSON string nor an object with a string '%s'", s->column);
    RN_TRY(look_ahead(s, err));
    *doc = (struct rn_doc){.text = json_string_value(text),
                           .n = json_string_length(text),
                           .group_end = s->ahead == NULL || ++s->lines % RN_DOCS_GROUP == 0};
    return RN_OK;
}

/* --- plain text --- */

static int open_text(struct source *s, struct rn_err *err)
{
    size_t n;
    return rn_file_read(s->path, TEXT_BYTES_MAX, &s->text, &n, err);
}

static int next_text(struct source *s, struct rn_doc *doc, struct rn_err *err)
{
    if (s->text_given)
        return RN_OK;
    s->text_given = true;
    *doc = (struct rn_doc){.text = s->text, .n = strlen(s->text), .group_end = true};
    if ((int64_t)doc->n != rn_file_size(s->path))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path), "not text: a NUL byte at %zu", doc->n);
    if (!rn_utf8_valid(doc->text, doc->n))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(s->path), "not valid UTF-8");
    return RN_OK;
}

/* --- the list of files --- */

static const struct kind kinds[] = {
    {".parquet", open_parquet, next_parquet},
    {".jsonl", open_jsonl, next_jsonl},
    {".txt", open_text, next_text},
};

static const struct kind *find_kind(const char *path)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (rn_ends_with(path, kinds[i].ending))
            return &kinds[i];
    return NULL;
}

static void close_source(struct source *s)
{
    rn_parquet_text_close(&s->parquet);
    rn_jsonl_free(s->jsonl);
    json_decref(s->here);
    json_decref(s->ahead);
    free(s->text);
    *s = (struct source){0};
}

static int add_rows(struct rn_docs *d, const char *path, struct rn_err *err)
{
    struct rn_parquet_text t;
    RN_TRY(rn_parquet_text_open(&t, path, d->column, err));
    if (d->rows >= 0)
        d->rows += rn_parquet_rows(t.file);
    rn_parquet_text_close(&t);
    return RN_OK;
}

/* Footers of all parquet files, so that a bad one is found before hours of work. */
static int count_rows(struct rn_docs *d, struct rn_err *err)
{
    for (size_t i = 0; i < d->n_paths; i++) {
        const struct kind *kind = find_kind(d->paths[i]);
        if (!kind)
            return rn_fail(err, RN_ECONFIG, RN_PATH(d->paths[i]),
                           "no documents are read from such a file name (.parquet, .jsonl, .txt)");
        if (kind->open == open_parquet)
            RN_TRY(add_rows(d, d->paths[i], err));
        else
            d->rows = -1;
    }
    return RN_OK;
}

int rn_docs_open(struct rn_docs **out, const char *const *paths, size_t n_paths, const char *column,
                 struct rn_err *err)
{
    struct rn_docs *d = rn_new(struct rn_docs);
    d->paths = rn_xrealloc(NULL, n_paths ? n_paths : 1, sizeof *d->paths);
    for (; d->n_paths < n_paths; d->n_paths++)
        d->paths[d->n_paths] = rn_xdup(paths[d->n_paths]);
    d->column = rn_xdup(column);
    int rc = count_rows(d, err);
    if (rc != RN_OK) {
        rn_docs_free(d);
        d = NULL;
    }
    *out = d;
    return rc;
}

static int open_next(struct rn_docs *d, struct rn_err *err)
{
    const char *path = d->paths[d->next_path++];
    d->source = (struct source){.kind = find_kind(path), .path = path, .column = d->column};
    d->open = true;
    return d->source.kind->open(&d->source, err);
}

int rn_docs_next(struct rn_docs *d, struct rn_doc *doc, struct rn_err *err)
{
    for (;;) {
        *doc = (struct rn_doc){0};
        if (d->open)
            RN_TRY(d->source.kind->next(&d->source, doc, err));
        if (doc->text) {
            doc->file = d->next_path - 1;
            return RN_OK;
        }
        close_source(&d->source);
        d->open = false;
        if (d->next_path == d->n_paths)
            return RN_OK;
        RN_TRY(open_next(d, err));
    }
}

int64_t rn_docs_rows(const struct rn_docs *d)
{
    return d->rows;
}

void rn_docs_free(struct rn_docs *d)
{
    if (!d)
        return;
    close_source(&d->source);
    for (size_t i = 0; i < d->n_paths; i++)
        free(d->paths[i]);
    free(d->paths);
    free(d->column);
    free(d);
}
