#include "jsonl.h"
#include "mem.h"
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 1 << 16 };

struct rn_jsonl {
    char *path;
    FILE *file;
    int line;
    struct rn_str text; /* the current line */
    char chunk[READ_BYTES];
    size_t at, n; /* within chunk */
};

int rn_jsonl_open(struct rn_jsonl **out, const char *path, struct rn_err *err)
{
    *out = NULL;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    struct rn_jsonl *j = rn_new(struct rn_jsonl);
    j->path = rn_xdup(path);
    j->file = file;
    *out = j;
    return RN_OK;
}

void rn_jsonl_free(struct rn_jsonl *j)
{
    if (!j)
        return;
    fclose(j->file);
    rn_str_release(&j->text);
    free(j->path);
    free(j);
}

struct rn_place rn_jsonl_place(const struct rn_jsonl *j)
{
    return RN_LINE(j->path, j->line);
}

static int refill(struct rn_jsonl *j, struct rn_err *err)
{
    if (j->at < j->n)
        return RN_OK;
    j->at = 0;
    j->n = fread(j->chunk, 1, READ_BYTES, j->file);
    if (j->n == 0 && ferror(j->file))
        return rn_fail_errno(err, RN_PATH(j->path), "cannot read");
    return RN_OK;
}

/* Reads past the next \n, what stands before it into j->text. *more: false at the file's end. */
static int take_line(struct rn_jsonl *j, bool *more, struct rn_err *err)
{
    rn_str_clear(&j->text);
    *more = false;
    for (;;) {
        RN_TRY(refill(j, err));
        if (j->n == 0)
            break;
        if (!*more)
            j->line++;
        *more = true;
        char *from = j->chunk + j->at, *end = memchr(from, '\n', j->n - j->at);
        size_t n = end ? (size_t)(end - from) : j->n - j->at;
        if (j->text.n + n > RN_JSONL_LINE_MAX)
            return rn_fail(err, RN_ECORRUPT, rn_jsonl_place(j), "line of more than %d MiB",
                           RN_JSONL_LINE_MAX >> 20);
        rn_str_add(&j->text, from, n);
        j->at += n + (end != NULL);
        if (end)
            break;
    }
    return RN_OK;
}

static bool is_blank(const struct rn_str *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] != ' ' && s->p[i] != '\t' && s->p[i] != '\r')
            return false;
    return true;
}

int rn_jsonl_next_line(struct rn_jsonl *j, const char **line, size_t *n, struct rn_err *err)
{
    bool more;
    *line = NULL;
    *n = 0;
    do
        RN_TRY(take_line(j, &more, err));
    while (more && is_blank(&j->text));
    if (!more)
        return RN_OK;
    if (j->text.p[j->text.n - 1] == '\r')
        j->text.p[--j->text.n] = 0;
    *line = j->text.p;
    *n = j->text.n;
    return RN_OK;
}

int rn_jsonl_next(struct rn_jsonl *j, json_t **out, struct rn_err *err)
{
    const char *line;
    size_t n;
    *out = NULL;
    RN_TRY(rn_jsonl_next_line(j, &line, &n, err));
    return line ? rn_json_parse(line, n, rn_jsonl_place(j), out, err) : RN_OK;
}
