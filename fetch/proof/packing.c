#include "packing.h"

#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK = 1 << 17, MAX_RATIO = 200 };
#define RATIO_GRACE_BYTES ((int64_t)1 << 20)

const char *const rn_pack_words[] = {"none", "gzip", "zstd", NULL};

/* --- decoders --- */

/* Bytes on their way: a decoder moves both. */
struct span {
    const unsigned char *in;
    size_t n_in;
    unsigned char *out;
    size_t n_out; /* room; afterwards what is left of it */
};

/* STEP_END: a member is complete, and what follows, if anything, starts another. */
enum step { STEP_MORE, STEP_END, STEP_BAD };

struct decoder {
    void *(*open)(void);
    enum step (*step)(void *state, struct span *);
    void (*close)(void *state);
};

struct gzip {
    z_stream z;
    bool ended;
};

static void *gzip_open(void)
{
    enum { ONLY_GZIP = 16 };
    struct gzip *g = rn_new(struct gzip);
    RN_ASSERT(inflateInit2(&g->z, ONLY_GZIP + MAX_WBITS) == Z_OK);
    return g;
}

static enum step gzip_step(void *state, struct span *s)
{
    struct gzip *g = state;
    if (g->ended)
        inflateReset(&g->z);
    g->z.next_in = (unsigned char *)s->in;
    g->z.avail_in = (uInt)s->n_in;
    g->z.next_out = s->out;
    g->z.avail_out = (uInt)s->n_out;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    s->in += s->n_in - g->z.avail_in;
    s->n_in = g->z.avail_in;
    s->n_out = g->z.avail_out;
    g->ended = rc == Z_STREAM_END;
    return g->ended ? STEP_END : rc == Z_OK || rc == Z_BUF_ERROR ? STEP_MORE : STEP_BAD;
}

static void gzip_close(void *state)
{
    inflateEnd(&((struct gzip *)state)->z);
    free(state);
}

static void *zstd_open(void)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    RN_ASSERT(z);
    return z;
}

static enum step zstd_step(void *state, struct span *s)
{
    ZSTD_inBuffer in = {s->in, s->n_in, 0};
    ZSTD_outBuffer out = {s->out, s->n_out, 0};
    size_t left = ZSTD_decompressStream(state, &out, &in);
    s->in += in.pos;
    s->n_in -= in.pos;
    s->n_out -= out.pos;
    return ZSTD_isError(left) ? STEP_BAD : left == 0 ? STEP_END : STEP_MORE;
}

static void zstd_close(void *state)
{
    ZSTD_freeDCtx(state);
}

static const struct decoder decoders[] = {
    [RN_PACK_GZIP] = {gzip_open, gzip_step, gzip_close},
    [RN_PACK_ZSTD] = {zstd_open, zstd_step, zstd_close},
};

/* --- unpacking --- */

struct unpacking {
    const char *word;
    const struct decoder *decoder;
    void *state;
    int64_t left_bytes; /* that may still be produced */
    size_t members;     /* complete so far */
    bool complete;      /* nothing of a further member was read */
    bool writes;
    struct rn_writer w;
    unsigned char *in, *out;
};

static int64_t most_bytes(int64_t body_bytes, int64_t cap_bytes)
{
    int64_t by_ratio = body_bytes < INT64_MAX / (2 * MAX_RATIO)
                           ? body_bytes * MAX_RATIO + RATIO_GRACE_BYTES
                           : INT64_MAX;
    return cap_bytes >= 0 && cap_bytes < by_ratio ? cap_bytes : by_ratio;
}

/* Decodes n bytes of the body; false with a finding when that is the end of it. */
static bool decode(struct unpacking *u, size_t n, struct rn_finding *found)
{
    struct span s = {.in = u->in, .n_in = n, .n_out = 0};
    while (s.n_in > 0 || s.n_out == 0) {
        if (s.n_in == 0 && u->complete)
            return true;
        u->complete = false;
        s.out = u->out;
        s.n_out = CHUNK;
        enum step step = u->decoder->step(u->state, &s);
        int64_t made = (int64_t)(CHUNK - s.n_out);
        if ((u->left_bytes -= made) < 0)
            return rn_find(found, RN_OVERSIZE, "more bytes inside the %s than allowed", u->word);
        if (u->writes)
            rn_writer_add(&u->w, u->out, (size_t)made);
        if (step == STEP_BAD)
            return rn_find(found, RN_MALFORMED,
                           u->members ? "the %s is followed by something else, or damaged"
                                      : "not %s, or damaged",
                           u->word);
        u->complete = step == STEP_END;
        u->members += u->complete;
    }
    return true;
}

static int decode_all(struct unpacking *u, int fd, const char *body, struct rn_finding *found,
                      struct rn_err *err)
{
    ssize_t got;
    while ((got = read(fd, u->in, CHUNK)) > 0)
        if (!decode(u, (size_t)got, found) || u->w.failed)
            return RN_OK; /* a failed writer tells so when it commits */
    if (got < 0)
        return rn_fail_errno(err, RN_PATH(body), "cannot read");
    if (!u->complete)
        rn_find(found, RN_TRUNCATED, "the %s ends before its end", u->word);
    return RN_OK;
}

static int decode_file(struct unpacking *u, const char *body, struct rn_finding *found,
                       struct rn_err *err)
{
    int fd = open(body, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rn_fail_errno(err, RN_PATH(body), "cannot open");
    u->in = rn_xalloc(CHUNK);
    u->out = rn_xalloc(CHUNK);
    u->state = u->decoder->open();
    int rc = decode_all(u, fd, body, found, err);
    u->decoder->close(u->state);
    free(u->in);
    free(u->out);
    close(fd);
    return rc;
}

static struct unpacking begin(enum rn_pack pack, const char *body, int64_t cap_bytes)
{
    return (struct unpacking){.word = rn_pack_words[pack],
                              .decoder = &decoders[pack],
                              .left_bytes = most_bytes(rn_file_size(body), cap_bytes)};
}

int rn_unpack_stream(enum rn_pack pack, const char *body, const char *path, int64_t cap_bytes,
                     struct rn_packed *got, struct rn_finding *found, struct rn_err *err)
{
    RN_ASSERT(pack != RN_PACK_NONE);
    struct unpacking u = begin(pack, body, cap_bytes);
    u.writes = true;
    rn_find(found, RN_ACCEPTED, "%s", "");
    RN_TRY(rn_writer_open(&u.w, path, err));
    int rc = decode_file(&u, body, found, err);
    if (rc != RN_OK || found->verdict != RN_ACCEPTED) {
        rn_writer_abort(&u.w);
        return rc;
    }
    got->size_bytes = (int64_t)u.w.size_bytes;
    return rn_writer_commit(&u.w, got->sha256, err);
}

static enum rn_pack pack_of(const char *path)
{
    unsigned char head[4] = {0};
    rn_file_head(path, head, sizeof head);
    if (memcmp(head, "\x1F\x8B", 2) == 0)
        return RN_PACK_GZIP;
    return memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0 ? RN_PACK_ZSTD : RN_PACK_NONE;
}

bool rn_stream_is_cut(const char *path)
{
    struct rn_finding found;
    enum rn_pack pack = pack_of(path);
    if (pack == RN_PACK_NONE)
        return false;
    struct unpacking u = begin(pack, path, -1);
    rn_find(&found, RN_ACCEPTED, "%s", "");
    return decode_file(&u, path, &found, NULL) == RN_OK && found.verdict == RN_TRUNCATED;
}
