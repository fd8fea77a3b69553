/* vocab_lines.h - a vocabulary file line by line, with its number and bounds.
 *
 *     RN_TRY(rn_vocab_lines_read(path, add_rank_line, &ctx, err));
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
/* A line without its newline; at: its place. Anything but RN_OK ends the reading. */
typedef int rn_vocab_line_fn(void *ctx, const char *line, size_t n, struct rn_place at,
                             struct rn_err *);
int rn_vocab_lines_read(const char *path, rn_vocab_line_fn *each, void *ctx, struct rn_err *);

#endif
