#include "token_write.h"

#include "file.h"
#include "mem.h"
#include "str.h"
#include "tokens_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void narrow(const int32_t *ids, int64_t n, uint16_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint16_t)ids[i];
}

/* All ids, one after the other. */
static int add_ids(struct rn_writer *w, struct rn_tokens *t, struct rn_err *err)
{
    enum { AT_ONCE = 1 << 14 };
    int32_t wide[AT_ONCE];
    uint16_t half[AT_ONCE];
    int64_t all = rn_tokens_count(t);
    bool two = rn_tokens_width(t) == 2;
    for (int64_t at = 0; at < all; at += AT_ONCE) {
        int64_t n = all - at < AT_ONCE ? all - at : AT_ONCE;
        RN_TRY(rn_tokens_get(t, at, n, wide, err));
        if (two)
            narrow(wide, n, half);
        rn_writer_add(w, two ? (void *)half : (void *)wide, (size_t)n * (two ? 2 : 4));
    }
    return RN_OK;
}

/* A file of `head` and, where asked for, all ids. */
static int write_file(struct rn_tokens *t, const char *path, const struct rn_str *head, bool ids,
                      struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    rn_writer_add(&w, head->p ? head->p : "", head->n);
    int rc = ids ? add_ids(&w, t, err) : RN_OK;
    if (rc != RN_OK) {
        rn_writer_abort(&w);
        return rc;
    }
    return rn_writer_commit(&w, NULL, err);
}

/* --- llm.c --- */

static int write_llmc(struct rn_tokens *t, const char *path, struct rn_err *err)
{
    int32_t words[TOKENS_HEADER_BYTES / 4] = {0};
    bool two = rn_tokens_width(t) == 2;
    struct rn_str head = {0};
    if (rn_tokens_count(t) > INT32_MAX)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                       "%" PRId64 " tokens, of which llm.c's header can count %d",
                       rn_tokens_count(t), INT32_MAX);
    words[0] = two ? TOKENS_MAGIC_2 : TOKENS_MAGIC_4;
    words[1] = two ? TOKENS_VERSION_2 : TOKENS_VERSION_4;
    words[2] = (int32_t)rn_tokens_count(t);
    rn_str_add(&head, words, sizeof words);
    int rc = write_file(t, path, &head, true, err);
    rn_str_release(&head);
    return rc;
}

/* --- NumPy --- */

/* NumPy leaves room for the length to grow in place, and begins the data at a multiple of 64. */
static int write_npy(struct rn_tokens *t, const char *path, struct rn_err *err)
{
    enum { START = 10, ALIGN = 64 };
    struct rn_str head = {0};
    rn_str_add(&head, "\x93NUMPY\x01\x00\x00\x00", START);
    rn_str_printf(&head, "{'descr': '<u%d', 'fortran_order': False, 'shape': (%" PRId64 ",), }",
                  rn_tokens_width(t), rn_tokens_count(t));
    while ((head.n + 1) % ALIGN)
        rn_str_putc(&head, ' ');
    rn_str_putc(&head, '\n');
    head.p[START - 2] = (char)(head.n - START);
    int rc = write_file(t, path, &head, true, err);
    rn_str_release(&head);
    return rc;
}

/* --- Megatron --- */

static void add_int64(struct rn_str *s, int64_t value)
{
    rn_str_add(s, &value, sizeof value);
}

static int add_lengths(struct rn_str *s, const struct rn_tokens *t, const char *path,
                       struct rn_err *err)
{
    for (int64_t d = 0; d < rn_tokens_docs(t); d++) {
        int64_t n = rn_tokens_doc(t, d).n;
        int32_t length = (int32_t)n;
        if (n > INT32_MAX)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(path),
                           "document %" PRId64 " has %" PRId64
                           " tokens, more than Megatron's index can count",
                           d, n);
        rn_str_add(s, &length, sizeof length);
    }
    return RN_OK;
}

/* Header, lengths, where each sequence begins, and documents of one sequence each. */
static int make_index(struct rn_str *s, const struct rn_tokens *t, const char *path,
                      struct rn_err *err)
{
    int64_t n = rn_tokens_docs(t), width = rn_tokens_width(t);
    rn_str_add(s, INDEX_MAGIC, INDEX_MAGIC_BYTES);
    add_int64(s, 1);
    rn_str_putc(s, width == 2 ? INDEX_UINT16 : INDEX_INT32);
    add_int64(s, n);
    add_int64(s, n + 1);
    RN_TRY(add_lengths(s, t, path, err));
    for (int64_t d = 0; d < n; d++)
        add_int64(s, rn_tokens_doc(t, d).start * width);
    for (int64_t d = 0; d <= n; d++)
        add_int64(s, d);
    return RN_OK;
}

/* The .idx last: without it a .bin is nothing. */
static int write_megatron(struct rn_tokens *t, const char *path, struct rn_err *err)
{
    struct rn_str index = {0}, none = {0};
    char *bin = rn_xprintf("%.*sbin", (int)strlen(path) - 3, path);
    int rc = make_index(&index, t, path, err);
    if (rc == RN_OK)
        rc = write_file(t, bin, &none, true, err);
    if (rc == RN_OK)
        rc = write_file(t, path, &index, false, err);
    rn_str_release(&index);
    free(bin);
    return rc;
}

int rn_tokens_write(struct rn_tokens *t, const char *path, struct rn_err *err)
{
    static const struct {
        const char *ending;
        int (*write)(struct rn_tokens *, const char *path, struct rn_err *);
    } formats[] = {{".npy", write_npy}, {".bin", write_llmc}, {".idx", write_megatron}};
    for (size_t i = 0; i < RN_COUNT(formats); i++)
        if (rn_ends_with(path, formats[i].ending))
            return formats[i].write(t, path, err);
    return rn_fail(err, RN_EUSAGE, RN_PATH(path),
                   "no format ends so; there is .npy, .bin (llm.c) and .idx (Megatron)");
}
