/* tokenizer.h - byte-level BPE that gives exactly rustbpe's merges and tiktoken's ids.
 *
 *     struct rn_tokenizer *t;
 *     RN_TRY(rn_tokenizer_load(&t, dir, err));                       a tokenizer directory
 *     struct rn_ids ids = {0};
 *     rn_tokenizer_encode(t, text, n, &ids);                         tiktoken's encode_ordinary
 *     rn_tokenizer_free(t);
 *
 * A tokenizer directory:
 *
 *     tokenizer.tiktoken    "<token in base64> <rank>" a line, without specials
 *     tokenizer.json        pattern, special tokens in id order, vocab_size, digest
 *
 * Who encodes a lot takes an encoder (encoder.h), which remembers what it encoded.
 *
 * Special tokens come last and are never produced by encoding text. A tokenizer is constant: any
 * thread may use it. */
#ifndef RN_TOKENIZER_H
#define RN_TOKENIZER_H

#include "err.h"
#include "ids.h"
#include "str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_tokenizer;

/* nanochat's nine, in id order, NULL-ended: <|bos|>, <|user_start|>, ... <|output_end|>. */
extern const char *const rn_special_nanochat[];

/* A directory as written by rn_tokenizer_save. RN_ECORRUPT with the line for bad files. */
int rn_tokenizer_load(struct rn_tokenizer **, const char *dir, struct rn_err *);
/* A bare .tiktoken file with the name of a pattern (split.h); specials NULL-ended or NULL. Broken
 * lines, gaps in the ranks, tokens listed twice, a missing byte: RN_ECORRUPT. */
int rn_tokenizer_load_tiktoken(struct rn_tokenizer **, const char *path, const char *pattern,
                               const char *const *specials, struct rn_err *);
/* GPT-2's merges (vocab.bpe) and ids (encoder.json, which may be NULL: the merges imply them); its
 * <|endoftext|> becomes the special and bos. */
int rn_tokenizer_load_gpt2(struct rn_tokenizer **, const char *vocab_bpe, const char *encoder_json,
                           struct rn_err *);
/* Hugging Face's tokenizer.json: byte-level BPE, cut by a pattern that we have, with merges that
 * its ids imply. What would give other ids than theirs is RN_ECORRUPT by its name. */
int rn_tokenizer_load_hf(struct rn_tokenizer **, const char *path, struct rn_err *);
/* Whatever `path` is: our directory; a directory with one of the following; a .tiktoken file (that
 * takes `pattern` and `specials`, as above), vocab.bpe with encoder.json beside it, tokenizer.json,
 * or nanochat's tokenizer.pkl (pickle.h).
 * Who gives a pattern for files that say theirs is not contradicted: compare afterwards. */
int rn_tokenizer_open(struct rn_tokenizer **, const char *path, const char *pattern,
                      const char *const *specials, struct rn_err *);
int rn_tokenizer_save(const struct rn_tokenizer *, const char *dir, struct rn_err *);
/* The same the other way: tokenizer.json, vocab.bpe (and encoder.json beside it), .tiktoken, by the
 * ending; any other path is a directory as rn_tokenizer_save makes it. RN_ECORRUPT if the format
 * cannot hold the tokenizer. */
int rn_tokenizer_write(const struct rn_tokenizer *, const char *path, struct rn_err *);
int rn_tokenizer_save_hf(const struct rn_tokenizer *, const char *path, struct rn_err *);
int rn_tokenizer_save_gpt2(const struct rn_tokenizer *, const char *vocab_bpe, struct rn_err *);
int rn_tokenizer_save_tiktoken(const struct rn_tokenizer *, const char *path, struct rn_err *);
void rn_tokenizer_free(struct rn_tokenizer *); /* takes NULL */

/* Appends the ids of text[0..n), n < 2^32, to out. Invalid UTF-8 is encoded as U+FFFD, like
 * tiktoken's callers. O(n log n) for any text. */
void rn_tokenizer_encode(const struct rn_tokenizer *, const char *text, size_t n,
                         struct rn_ids *out);
/* Appends the bytes of the ids (specials: their names). Ids outside the vocabulary: RN_ECORRUPT. */
int rn_tokenizer_decode(const struct rn_tokenizer *, const int32_t *ids, size_t n,
                        struct rn_str *out, struct rn_err *);

int32_t rn_tokenizer_vocab_size(const struct rn_tokenizer *); /* specials included */
int32_t rn_tokenizer_bos(const struct rn_tokenizer *);        /* <|bos|> or <|endoftext|>; or -1 */
int32_t rn_tokenizer_special(const struct rn_tokenizer *, const char *name); /* -1 if absent */
/* Raw bytes of an id, *n long; specials: n = 0. Borrowed. */
const char *rn_tokenizer_bytes(const struct rn_tokenizer *, int32_t id, size_t *n);
/* Bytes counted for bits per byte, one per id, 0 for specials. old_rule: nanochat of 2025, which
 * counted the decoded string, so that a token that is no UTF-8 counts its U+FFFD (3 bytes each). */
void rn_tokenizer_byte_counts(const struct rn_tokenizer *, bool old_rule, int32_t *counts);
const char *rn_tokenizer_pattern(const struct rn_tokenizer *);
/* sha256 over ranks, pattern and specials. */
const char *rn_tokenizer_digest(const struct rn_tokenizer *);

/* --- training --- */
struct rn_bpe_trainer; /* collects word counts, then merges */
/* NULL: a pattern that rn_split_open refuses. The result is the same for any number of threads. */
struct rn_bpe_trainer *rn_bpe_trainer_new(const char *pattern, int threads);
/* Memory that counting and merging may take; without this, any. What takes more is refused by
 * rn_bpe_trainer_finish (RN_ENOMEM) with how much it would take. */
void rn_bpe_trainer_limit(struct rn_bpe_trainer *, size_t memory_bytes);
/* Counts one document (already cropped). Not thread-safe. Other than RN_OK: it failed, now or
 * before; rn_bpe_trainer_finish says why. */
int rn_bpe_trainer_add(struct rn_bpe_trainer *, const char *text, size_t n);
/* Learns n_merges merges (fewer if the text has no more pairs); at most once per trainer. progress
 * may be NULL; it is asked after each merge and returns false to stop (RN_ESTOPPED). RN_ENOMEM. */
int rn_bpe_trainer_finish(struct rn_bpe_trainer *, int32_t n_merges, const char *const *specials,
                          bool (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                          struct rn_tokenizer **out, struct rn_err *);
int64_t rn_bpe_trainer_words(const struct rn_bpe_trainer *); /* distinct ones, after finish */
void rn_bpe_trainer_free(struct rn_bpe_trainer *);

#endif
