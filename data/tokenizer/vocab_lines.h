/* vocab_lines.h - a vocabulary file line by line, with its number and bounds.
 *
 *     RN_TRY(rn_vocab_lines_open(&in, path, &text, err));
 *     while ((rc = rn_vocab_line(&in, &line, &n, err)) == RN_OK && line)
 *         use(line, n, RN_LINE(path, in.line));
 *     free(text);
 *
 * Inside `data` only. */
#ifndef RN_VOCAB_LINES_H
#define RN_VOCAB_LINES_H

#include "bpe.h"

enum {
    RN_VOCAB_FILE_MAX = 1 << 26,
    /* Longest line that can hold a token of RN_TOKEN_MAX_BYTES in base64. */
    RN_VOCAB_LINE_MAX = RN_TOKEN_MAX_BYTES / 3 * 4 + 64,
};
struct rn_vocab_lines {
    const char *path, *p, *end;
    int line; /* number of the line last taken */
};
/* Reads a whole file; *text is owned by the caller. */
int rn_vocab_lines_open(struct rn_vocab_lines *, const char *path, char **text, struct rn_err *);
/* Takes the next line, without its newline. *line is NULL at the end. */
int rn_vocab_line(struct rn_vocab_lines *, const char **line, size_t *n, struct rn_err *);

#endif
