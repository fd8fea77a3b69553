/* tokens_layout.h - offsets and words of token files, shared by their writers and readers.
 *
 * The drawings are in tokens.h and token_file.h. All machines we build for are little-endian. */
#ifndef RN_TOKENS_LAYOUT_H
#define RN_TOKENS_LAYOUT_H

#include <stdint.h>

enum {
    TOKENS_HEADER_BYTES = 1024,
    TOKENS_BLOCK_BYTES = 1 << 20,
    TOKENS_MAGIC_2 = 20240520,
    TOKENS_MAGIC_4 = 20240801,
    TOKENS_VERSION_2 = 1, /* llm.c's, as its magics */
    TOKENS_VERSION_4 = 7,
    TOKENS_SPLIT_BYTES = 16,
    TOKENS_DIGEST_BYTES = 64,
};
#define TOKENS_MAGIC_OWN  "RNTOKEN1"
#define TOKENS_GROUP_END  ((uint64_t)1 << 63)
#define TOKENS_FILE_START ((uint64_t)1 << 62)
#define TOKENS_END        (TOKENS_FILE_START - 1) /* of an entry, without its marks */

/* Megatron's .idx: magic, version, type of a token, sequences, documents. */
enum { INDEX_HEADER_BYTES = 34, INDEX_MAGIC_BYTES = 9, INDEX_UINT16 = 8, INDEX_INT32 = 4 };
#define INDEX_MAGIC "MMIDIDX\0" /* and the NUL that ends it */

struct rn_tokens_header {
    int32_t magic, version, n_tokens, zero;
    char own[8];
    int32_t width, vocab_size, n_docs, shard, last;
    uint32_t tables_crc;
    char split[TOKENS_SPLIT_BYTES];
    char digest[TOKENS_DIGEST_BYTES];
    char padding[TOKENS_HEADER_BYTES - 132];
    uint32_t header_crc;
};
_Static_assert(sizeof(struct rn_tokens_header) == TOKENS_HEADER_BYTES, "as drawn in tokens.h");

static inline int64_t rn_tokens_blocks(int64_t token_bytes)
{
    return (token_bytes + TOKENS_BLOCK_BYTES - 1) / TOKENS_BLOCK_BYTES;
}
static inline int64_t rn_tokens_padded(int64_t token_bytes)
{
    return (token_bytes + 7) / 8 * 8;
}

#endif
