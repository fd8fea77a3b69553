#include "vocab_lines.h"

#include "file.h"

#include <stdlib.h>
#include <string.h>

static int read_lines(const char *p, const char *end, const char *path, rn_vocab_line_fn *each,
                      void *ctx, struct rn_err *err)
{
    for (int line = 1; p < end; line++) {
        struct rn_place at = RN_LINE(path, line);
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (n > RN_VOCAB_LINE_MAX)
            return rn_fail(err, RN_ECORRUPT, at, "line of %zu bytes, expected at most %d", n,
                           RN_VOCAB_LINE_MAX);
        RN_TRY(each(ctx, p, n, at, err));
        p = newline ? newline + 1 : end;
    }
    return RN_OK;
}

int rn_vocab_lines_read(const char *path, rn_vocab_line_fn *each, void *ctx, struct rn_err *err)
{
    char *text;
    size_t n;
    RN_TRY(rn_file_read(path, RN_VOCAB_FILE_MAX, &text, &n, err));
    int rc = read_lines(text, text + n, path, each, ctx, err);
    free(text);
    return rc;
}
