#include "vocab_lines.h"

#include "file.h"

#include <string.h>

int rn_vocab_line(struct rn_vocab_lines *in, const char **line, size_t *n, struct rn_err *err)
{
    *line = NULL;
    if (in->p == in->end)
        return RN_OK;
    const char *newline = memchr(in->p, '\n', (size_t)(in->end - in->p));
    *line = in->p;
    *n = (size_t)((newline ? newline : in->end) - in->p);
    in->p = newline ? newline + 1 : in->end;
    in->line++;
    if (*n > RN_VOCAB_LINE_MAX)
        return rn_fail(err, RN_ECORRUPT, RN_LINE(in->path, in->line),
                       "line of %zu bytes, expected at most %d", *n, RN_VOCAB_LINE_MAX);
    return RN_OK;
}

int rn_vocab_lines_open(struct rn_vocab_lines *in, const char *path, char **text,
                        struct rn_err *err)
{
    size_t n;
    RN_TRY(rn_file_read(path, RN_VOCAB_FILE_MAX, text, &n, err));
    *in = (struct rn_vocab_lines){.path = path, .p = *text, .end = *text + n};
    return RN_OK;
}
