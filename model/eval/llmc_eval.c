#include "llmc_eval.h"

#include "bytes.h"
#include "file.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 20240522,
    VERSION = 1,
    HEADER_BYTES = 1024,
    FILE_MAX_BYTES = 1 << 28,
    START = 65535, /* of a question */
    FIELDS = 5,    /* numbers before its tokens */
};

bool rn_llmc_eval_is(const char *path)
{
    unsigned char head[4];
    return rn_file_head(path, head, sizeof head) == sizeof head && rn_le32_at(head) == MAGIC;
}

int rn_llmc_eval_open(struct rn_llmc_eval *f, const char *path, struct rn_err *err)
{
    char *bytes;
    size_t n;
    *f = (struct rn_llmc_eval){0};
    RN_TRY(rn_file_read(path, FILE_MAX_BYTES, &bytes, &n, err));
    *f = (struct rn_llmc_eval){
        .path = rn_xdup(path), .bytes = (unsigned char *)bytes, .n_bytes = n, .at = HEADER_BYTES};
    if (n >= HEADER_BYTES && rn_le32_at(f->bytes) == MAGIC && rn_le32_at(f->bytes + 4) == VERSION) {
        f->questions = (int32_t)rn_le32_at(f->bytes + 8);
        return RN_OK;
    }
    rn_fail(err, RN_ECORRUPT, RN_PATH(path),
            "no questions of llm.c: expected a header of %d bytes that begins with %d, %d",
            HEADER_BYTES, MAGIC, VERSION);
    rn_llmc_eval_release(f);
    return RN_ECORRUPT;
}

void rn_llmc_eval_release(struct rn_llmc_eval *f)
{
    free(f->path);
    free(f->bytes);
    *f = (struct rn_llmc_eval){0};
}

static int bad(const struct rn_llmc_eval *f, const char *what, struct rn_err *err)
{
    return rn_fail(err, RN_ECORRUPT, RN_PATH(f->path), "question %" PRId64 " of %" PRId64 " %s",
                   f->read, f->questions, what);
}

struct rest { /* of a question's bytes */
    const unsigned char *p;
    size_t n_bytes;
};

/* A count and so many tokens; false: they are not there, or are no tokens of GPT-2. */
static bool take(struct rest *r, struct rn_llmc_tokens *out)
{
    size_t n = r->n_bytes >= 2 ? rn_le16_at(r->p) : 0;
    if (n == 0 || (r->n_bytes - 2) / 2 < n)
        return false;
    *out = (struct rn_llmc_tokens){r->p + 2, n};
    r->p += 2 + 2 * n;
    r->n_bytes -= 2 + 2 * n;
    for (size_t i = 0; i < n; i++)
        if (rn_le16_at(out->p + 2 * i) >= RN_LLMC_VOCAB)
            return false;
    return true;
}

int rn_llmc_eval_next(struct rn_llmc_eval *f, struct rn_llmc_question *q, struct rn_err *err)
{
    const unsigned char *p = f->bytes + f->at;
    size_t left = f->n_bytes - f->at;
    *q = (struct rn_llmc_question){0};
    if (f->read == f->questions)
        return left ? bad(f, "would be one more than the header says", err) : RN_OK;
    size_t n = left >= 2 * FIELDS ? rn_le16_at(p + 2) : 0;
    if (n < 2 * FIELDS || n > left || rn_le16_at(p) != START)
        return bad(f, "is not all there", err);
    q->label = rn_le16_at(p + 6);
    if (rn_le16_at(p + 4) != (f->read & 0xffff) || q->label >= RN_LLMC_ENDINGS ||
        rn_le16_at(p + 8) != RN_LLMC_ENDINGS)
        return bad(f, "has another number, or a label that is none of four endings", err);
    struct rest r = {p + 2 * FIELDS, n - 2 * FIELDS};
    bool fits = take(&r, &q->context);
    for (size_t i = 0; i < RN_LLMC_ENDINGS; i++)
        fits = fits && take(&r, &q->endings[i]);
    if (!fits || r.n_bytes)
        return bad(f, "has counts that do not fit its bytes, or tokens that are not GPT-2's", err);
    f->at += n;
    f->read++;
    return RN_OK;
}
