/* token_file.h - one file of token ids as other programs write them.
 *
 *     struct rn_token_file f;
 *     RN_TRY(rn_token_file_open(&f, path, NULL, err));     mapped; its header checked, not its ids
 *     rn_token_file_get(&f, 0, 100, ids);
 *     rn_token_file_close(&f);
 *
 *     llmc       1024 bytes of int32: 20240520, 1, N, then N uint16; or 20240801, 7, N, uint32
 *     npy        NumPy's .npy of one dimension: uint16, uint32 or int32, little-endian
 *     megatron   PATH.bin holds the ids alone; PATH.idx their width and where sequences end
 *
 * A file is told by its first bytes, a .bin without any by the .idx beside it. Every length is
 * compared with the file's size. An open file is constant: any thread. */
#ifndef RN_TOKEN_FILE_H
#define RN_TOKEN_FILE_H

#include "map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_token_file {
    const char *format;
    struct rn_map map, index; /* index: megatron's .idx */
    const unsigned char *tokens;
    int64_t n;                    /* tokens */
    int width;                    /* bytes of one: 2 or 4 */
    const unsigned char *lengths; /* int32 a sequence, unaligned; NULL: sequences are not known */
    int64_t n_sequences;
};
/* format: a name as above that the file must have, or NULL. RN_ECORRUPT. Closed on failure. */
int rn_token_file_open(struct rn_token_file *, const char *path, const char *format,
                       struct rn_err *);
/* True if the first bytes are those of an .idx, which is opened by its .bin. */
bool rn_token_file_is_index(const char *path);
/* The .idx alone: whether it holds together. RN_ECORRUPT. */
int rn_token_file_check_index(const char *path, int64_t *tokens, struct rn_err *);
/* The range must exist. Ids of 2^31 and more come out negative. */
void rn_token_file_get(const struct rn_token_file *, int64_t start, int64_t n, int32_t *ids);
uint32_t rn_token_file_largest(const struct rn_token_file *); /* reads all; 0 if empty */
int32_t rn_token_file_length(const struct rn_token_file *, int64_t sequence);
void rn_token_file_close(struct rn_token_file *);

#endif
