/* tokens.h - token shards: documents as ids, written once, read at any position.
 *
 *     struct rn_tokens_writer *w;
 *     RN_TRY(rn_tokens_writer_new(&w, dir, "train", &spec, err));
 *     rn_tokens_writer_add(w, ids, n, marks, err);               a document
 *     RN_TRY(rn_tokens_writer_finish(w, err));                   dir/train_00000.bin, ...
 *
 *     struct rn_tokens *t;
 *     RN_TRY(rn_tokens_open(&t, paths, n_paths, "train", digest, err));
 *     RN_TRY(rn_tokens_get(t, start, n, ids, err));
 *     rn_tokens_free(t);
 *
 * A shard, little-endian; documents never cross shards. The first three words are llm.c's, so that
 * readers of its header and tokens find both (llm.c itself wants the file to end after the tokens).
 *
 *     OFFSET  SIZE  WHAT
 *     0       4     20240520 (two bytes a token) or 20240801 (four)
 *     4       4     1 or 7: llm.c's versions of the two
 *     8       4     tokens, N
 *     16      8     "RNTOKEN1"
 *     24      4     bytes a token, W: 2 or 4
 *     28      4     vocabulary size; every token is below it
 *     32      4     documents, D
 *     36      4     number of this shard in its split, from 0
 *     40      4     1: last shard of its split, 0: more follow
 *     44      4     CRC-32 of the two tables
 *     48      16    split, padded with NULs: "train", "val"
 *     64      64    tokenizer digest, hex
 *     1020    4     CRC-32 of bytes 0 to 1019
 *     1024    N*W   tokens, then NULs up to a multiple of 8
 *             D*8   per document: its end in tokens; bit 63: it ends a row group of its source,
 *                   bit 62: it is the first one of another source file
 *             B*4   CRC-32 of each 1 MiB of tokens, the last one shorter */
#ifndef RN_TOKENS_H
#define RN_TOKENS_H

#include "err.h"
#include "hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_TOKENS_SHARD_MAX = 1 << 30 }; /* tokens */

/* --- writing --- */

struct rn_tokens_spec {
    const char *tokenizer_digest; /* 64 hex digits */
    int32_t vocab_size;
    int width;            /* bytes a token: 2 or 4 */
    int64_t shard_tokens; /* a shard holds no more; 1 to RN_TOKENS_SHARD_MAX */
};

struct rn_tokens_writer;
/* dir must exist. Keeps one shard in memory. */
int rn_tokens_writer_new(struct rn_tokens_writer **, const char *dir, const char *split,
                         const struct rn_tokens_spec *, struct rn_err *);
enum { RN_TOKENS_GROUP_END = 1, RN_TOKENS_FILE_START = 2 };
/* marks: the last document of a row group of its source, the first one of another source file.
 * Ids outside the vocabulary: RN_ECORRUPT. A document of more than RN_TOKENS_SHARD_MAX ids: too. */
int rn_tokens_writer_add(struct rn_tokens_writer *, const int32_t *ids, size_t n, unsigned marks,
                         struct rn_err *);
/* Writes what is left; at least one shard appears. */
int rn_tokens_writer_finish(struct rn_tokens_writer *, struct rn_err *);
int64_t rn_tokens_writer_count(const struct rn_tokens_writer *); /* tokens so far */
void rn_tokens_writer_free(struct rn_tokens_writer *);           /* takes NULL */

/* --- reading --- */

struct rn_tokens;
struct rn_tokens_doc {
    int64_t start, n; /* position over all shards, and length, in tokens */
    bool group_end, file_start;
};

/* Opens the shards of `split` among the paths; files of other splits are passed over. RN_ECORRUPT
 * if there is none, one is missing or damaged, or its tokenizer is not the expected one (NULL:
 * any is). */
int rn_tokens_open(struct rn_tokens **, const char *const *paths, size_t n_paths, const char *split,
                   const char *tokenizer_digest, struct rn_err *);
/* Files of other programs (token_file.h), in this order; an .idx is passed over, its .bin finds it.
 * Every id is looked at: one outside the vocabulary is RN_ECORRUPT. Documents begin at each token
 * `bos` (-1: a file is one document), with megatron they are its sequences; each 1,024th and the
 * last one of a file end a group. rn_tokens_digest covers sizes and the ends of each file. */
int rn_tokens_open_foreign(struct rn_tokens **, const char *const *paths, size_t n_paths,
                           int32_t vocab_size, int32_t bos, struct rn_err *);
/* One shard of ours alone, whatever its split and number. */
int rn_tokens_open_one(struct rn_tokens **, const char *path, struct rn_err *);
/* One file, of ours or of another program; bos as above. */
int rn_tokens_open_any(struct rn_tokens **, const char *path, int32_t bos, struct rn_err *);
/* One shard with all its checksums, whatever its split. */
int rn_tokens_check(const char *path, int64_t *tokens, struct rn_err *);
/* True if the file begins as a shard of ours does. */
bool rn_tokens_is_ours(const char *path);
int64_t rn_tokens_count(const struct rn_tokens *);
int64_t rn_tokens_docs(const struct rn_tokens *);
int32_t rn_tokens_vocab_size(const struct rn_tokens *);
int rn_tokens_width(const struct rn_tokens *); /* bytes a token: 2 or 4, of the widest shard */
const char *rn_tokens_digest(const struct rn_tokens *); /* of the content of all shards */
/* Document `id`, which must exist. */
struct rn_tokens_doc rn_tokens_doc(const struct rn_tokens *, int64_t id);
/* Copies n ids from `start`; the range must exist. The bytes are checked against their checksum
 * when first touched: RN_ECORRUPT. May be called from several threads. */
int rn_tokens_get(struct rn_tokens *, int64_t start, int64_t n, int32_t *ids, struct rn_err *);
void rn_tokens_free(struct rn_tokens *); /* takes NULL */

#endif
