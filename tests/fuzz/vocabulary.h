/* tests/fuzz/vocabulary.h - what holds for every tokenizer that a reader accepted.
 *
 *     if (rn_tokenizer_load_hf(&t, path, &err) == RN_OK)
 *         vocabulary_check(t, bytes, n);             the input is also the text that is encoded */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include "encoder.h"
#include "scratch.h"

/* Refused with a reason, or read. */
static inline bool vocabulary_read(int rc, const struct rn_err *err)
{
    RN_ASSERT(rc == RN_OK || (rc == RN_ECORRUPT && err->msg[0]));
    return rc == RN_OK;
}

/* Text in valid UTF-8 comes back as it was, and the encoder gives the same ids. */
static inline void vocabulary_check(const struct rn_tokenizer *t, const char *text, size_t n)
{
    struct rn_err err = {0};
    struct rn_ids ids = {0}, again = {0};
    struct rn_str back = {0};
    struct rn_encoder *e;
    RN_ASSERT(rn_encoder_new(&e, t, &err) == RN_OK);
    rn_tokenizer_encode(t, text, n, &ids);
    rn_encoder_encode(e, text, n, &again);
    RN_ASSERT(ids.n == again.n && (n == 0 || memcmp(ids.p, again.p, ids.n * sizeof *ids.p) == 0));
    RN_ASSERT(rn_tokenizer_decode(t, ids.p, ids.n, &back, &err) == RN_OK);
    if (rn_utf8_valid(text, n))
        RN_ASSERT(back.n == n && (n == 0 || memcmp(back.p, text, n) == 0));
    rn_encoder_free(e);
    rn_str_release(&back);
    rn_ids_release(&ids);
    rn_ids_release(&again);
}

#endif
