/* Tar, alone or in gzip or zstd, by libarchive; other formats and filters stay switched off. The
 * gzip layer is zlib's, which compares the CRC (libarchive's does not), and passes what is not
 * gzip. */
#include "archive_kind.h"

#include "file.h"
#include "library.h"
#include "mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BLOCK = 1 << 16, MAX_PADDING = 1 << 20, MAX_RATIO = 200 };
#define MAX_HEADER_BYTES ((int64_t)64 << 20) /* of entries, however well they are packed */

#define FUNCTIONS(F)                                                                               \
    F(archive_entry_filetype)                                                                      \
    F(archive_entry_hardlink)                                                                      \
    F(archive_entry_is_encrypted)                                                                  \
    F(archive_entry_mode)                                                                          \
    F(archive_entry_pathname)                                                                      \
    F(archive_entry_pathname_utf8)                                                                 \
    F(archive_entry_size)                                                                          \
    F(archive_entry_size_is_set)                                                                   \
    F(archive_entry_sparse_count)                                                                  \
    F(archive_errno)                                                                               \
    F(archive_error_string)                                                                        \
    F(archive_filter_bytes)                                                                        \
    F(archive_read_data)                                                                           \
    F(archive_read_free)                                                                           \
    F(archive_read_new)                                                                            \
    F(archive_read_next_header)                                                                    \
    F(archive_read_open)                                                                           \
    F(archive_read_support_filter_zstd)                                                            \
    F(archive_read_support_format_tar)                                                             \
    F(archive_set_error)

static struct {
    FUNCTIONS(RN_LIBRARY_POINTER)
} api;
static struct rn_library libarchive = RN_LIBRARY(FUNCTIONS, api, RN_SONAME, "libarchive13");

struct tar_reader {
    const char *path; /* borrowed */
    struct archive *a;
    gzFile file;
    int64_t max_bytes; /* of the archive, unpacked: headers are nobody's content, but take time */
    char block[BLOCK];
};

#define BAD(t, ...) rn_fail(err, RN_ECORRUPT, RN_PATH((t)->path), __VA_ARGS__)

/* What the library could not do since errno was cleared. A lack of memory, of which it may say
 * nothing, and a disk that fails are not the archive's fault. */
static int fail(const struct tar_reader *t, const char *what, struct rn_err *err)
{
    int number = api.archive_errno(t->a);
    const char *why = api.archive_error_string(t->a);
    if (errno == ENOMEM || number == ENOMEM)
        return rn_fail(err, RN_ENOMEM, RN_PATH(t->path), "no memory to read the archive with");
    return rn_fail(err, number == EIO ? RN_EIO : RN_ECORRUPT, RN_PATH(t->path), "%s%s", what,
                   why ? why : "damaged");
}

static bool tar_claims(const unsigned char *head, size_t n)
{
    bool packed =
        n >= 4 && (memcmp(head, "\x1F\x8B", 2) == 0 || memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0);
    return packed || (n >= 262 && memcmp(head + 257, "ustar", 5) == 0);
}

static void tar_close(void *self)
{
    struct tar_reader *t = self;
    api.archive_read_free(t->a);
    gzclose(t->file);
    free(t);
}

static la_ssize_t read_block(struct archive *a, void *self, const void **bytes)
{
    struct tar_reader *t = self;
    int n = gzread(t->file, t->block, BLOCK), code;
    *bytes = t->block;
    const char *text = gzerror(t->file, &code);
    if (n >= 0 && (code == Z_OK || code == Z_STREAM_END))
        return n;
    int number = code == Z_MEM_ERROR ? ENOMEM : code == Z_ERRNO ? EIO : EILSEQ;
    api.archive_set_error(a, number, "%s", text);
    return -1;
}

static int tar_need(struct rn_place at, struct rn_err *err)
{
    return rn_library_need(&libarchive, at, err);
}

static int tar_open(const char *path, void **self, struct rn_err *err)
{
    RN_TRY(tar_need(RN_PATH(path), err));
    gzFile file = gzopen(path, "rb");
    if (!file)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    struct tar_reader *t = rn_xalloc(sizeof *t);
    int64_t size_bytes = rn_file_size(path);
    t->path = path;
    t->file = file;
    t->max_bytes = size_bytes < INT64_MAX / (2 * MAX_RATIO)
                       ? size_bytes * MAX_RATIO + MAX_HEADER_BYTES
                       : INT64_MAX;
    t->a = api.archive_read_new();
    if (!t->a)
        rn_no_memory(1);
    errno = 0;
    if (api.archive_read_support_filter_zstd(t->a) != ARCHIVE_OK ||
        api.archive_read_support_format_tar(t->a) != ARCHIVE_OK ||
        api.archive_read_open(t->a, t, NULL, read_block, NULL) != ARCHIVE_OK) {
        int rc = fail(t, "not a tar archive: ", err);
        tar_close(t);
        return rc;
    }
    *self = t;
    return RN_OK;
}

static enum rn_entry_kind kind_of(struct archive_entry *e)
{
    if (api.archive_entry_hardlink(e) || api.archive_entry_filetype(e) == AE_IFLNK)
        return RN_ENTRY_LINK;
    if (api.archive_entry_filetype(e) == AE_IFDIR)
        return RN_ENTRY_DIR;
    if (api.archive_entry_filetype(e) != AE_IFREG)
        return RN_ENTRY_SPECIAL;
    if (api.archive_entry_is_encrypted(e))
        return RN_ENTRY_ENCRYPTED;
    if (api.archive_entry_sparse_count(e) > 0)
        return RN_ENTRY_SPARSE;
    return api.archive_entry_mode(e) & 06000 ? RN_ENTRY_SETUID : RN_ENTRY_FILE;
}

/* Reads what is behind the archive, not much, so that the last checksum is met too. */
static int read_padding(struct tar_reader *t, struct rn_err *err)
{
    const void *bytes;
    la_ssize_t n;
    errno = 0;
    for (size_t total = 0; (n = read_block(t->a, t, &bytes)) != 0;) {
        if (n < 0)
            return fail(t, "not a whole tar archive: ", err);
        if ((total += (size_t)n) > MAX_PADDING)
            return BAD(t, "there is too much behind the archive");
    }
    return RN_OK;
}

static int tar_next(void *self, struct rn_entry *out, struct rn_err *err)
{
    struct tar_reader *t = self;
    struct archive_entry *e;
    *out = (struct rn_entry){0};
    errno = 0;
    int rc = api.archive_read_next_header(t->a, &e);
    if (rc == ARCHIVE_EOF)
        return read_padding(t, err);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) /* a name outside the locale is a warning */
        return fail(t, "not a whole tar archive: ", err);
    if (api.archive_filter_bytes(t->a, 0) > t->max_bytes)
        return BAD(t, "its headers bring the archive above %lld bytes unpacked",
                   (long long)t->max_bytes);
    out->name = api.archive_entry_pathname_utf8(e);
    if (!out->name)
        out->name = api.archive_entry_pathname(e);
    if (!out->name || (api.archive_entry_size_is_set(e) && api.archive_entry_size(e) < 0))
        return BAD(t, "an entry without a readable name or size");
    out->kind = kind_of(e);
    return RN_OK;
}

static int tar_read(void *self, void *to, size_t cap, size_t *n, struct rn_err *err)
{
    struct tar_reader *t = self;
    errno = 0;
    la_ssize_t got = api.archive_read_data(t->a, to, cap);
    *n = got > 0 ? (size_t)got : 0;
    return got < 0 ? fail(t, "", err) : RN_OK;
}

static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", NULL};

const struct rn_archive_kind rn_archive_tar = {.format = "tar",
                                               .endings = endings,
                                               .need = tar_need,
                                               .claims = tar_claims,
                                               .open = tar_open,
                                               .next = tar_next,
                                               .read = tar_read,
                                               .close = tar_close};
