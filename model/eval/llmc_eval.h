/* llmc_eval.h - questions with four endings as llm.c stores them (hellaswag_val.bin).
 *
 *     struct rn_llmc_eval f;
 *     struct rn_llmc_question q;
 *     RN_TRY(rn_llmc_eval_open(&f, path, err));
 *     while ((rc = rn_llmc_eval_next(&f, &q, err)) == RN_OK && q.n_context)
 *         ...
 *     rn_llmc_eval_release(&f);
 *
 *     header    256 x int32: 20240522, 1, questions, bytes of the longest
 *     question  uint16: 65535, its bytes, its number, label, 4, then five times n and n tokens:
 *               the context, four endings
 *
 * All little endian; the tokens are GPT-2's. */
#ifndef RN_LLMC_EVAL_H
#define RN_LLMC_EVAL_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_LLMC_ENDINGS = 4, RN_LLMC_VOCAB = 50257 };

struct rn_llmc_tokens {
    const unsigned char *p; /* n of them, two bytes each */
    size_t n;
};
struct rn_llmc_question { /* points into the file, until release */
    size_t label;
    struct rn_llmc_tokens context, endings[RN_LLMC_ENDINGS]; /* none is empty */
};
struct rn_llmc_eval {
    char *path;
    unsigned char *bytes;
    size_t n_bytes, at;
    int64_t questions, read;
};
bool rn_llmc_eval_is(const char *path); /* by its first bytes; false if it cannot be read */
/* Reads the whole file. RN_ECORRUPT if its header is another one. */
int rn_llmc_eval_open(struct rn_llmc_eval *, const char *path, struct rn_err *);
/* context.n 0: that was the last one. RN_ECORRUPT says what is wrong with which question. */
int rn_llmc_eval_next(struct rn_llmc_eval *, struct rn_llmc_question *, struct rn_err *);
void rn_llmc_eval_release(struct rn_llmc_eval *);

#endif
