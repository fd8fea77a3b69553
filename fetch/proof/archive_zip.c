/* Zip by libzip, after a look at the end of the file: libzip believes the counts there before it
 * allocates, and accepts bytes before and after the archive, where another reader may find another
 * archive. */
#include "archive_kind.h"

#include "bytes.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    MAX_COMMENT = 65535
};
#define MAX_DIRECTORY_BYTES ((uint64_t)32 << 20)

struct zip_reader {
    const char *path; /* borrowed */
    zip_t *zip;
    zip_file_t *file;             /* of the current entry, once it is read */
    zip_uint64_t next, n;         /* entries */
    uint64_t claimed, data_bytes; /* bytes that entries claim, and those before the directory */
};

#define BAD(z, ...) rn_fail(err, RN_ECORRUPT, RN_PATH((z)->path), __VA_ARGS__)

/* What the library could not do since errno was cleared. A lack of memory and a disk that fails are
 * not the archive's fault. */
static int fail(const struct zip_reader *z, const char *what, zip_error_t *e, struct rn_err *err)
{
    int number = zip_error_code_system(e);
    if (errno == ENOMEM || number == ENOMEM || zip_error_code_zip(e) == ZIP_ER_MEMORY)
        return rn_fail(err, RN_ENOMEM, RN_PATH(z->path), "no memory to read the archive with");
    return rn_fail(err, number == EIO ? RN_EIO : RN_ECORRUPT, RN_PATH(z->path), "%s%s", what,
                   zip_error_strerror(e));
}

/* --- the end of the file --- */

struct directory {
    uint64_t entries, size_bytes, offset;
    uint64_t end; /* where it must stop */
};

/* `tail` is the end of the file, whose first byte lies at `at`. */
static int read_end64(const struct zip_reader *z, FILE *f, const unsigned char *locator,
                      struct directory *d, struct rn_err *err)
{
    unsigned char end[END64_BYTES];
    uint64_t at = rn_le64_at(locator + 8);
    if (at > d->end - LOCATOR_BYTES || fseeko(f, (off_t)at, SEEK_SET) != 0 ||
        fread(end, 1, sizeof end, f) != sizeof end || memcmp(end, "PK\6\6", 4) != 0 ||
        rn_le64_at(end + 4) != END64_BYTES - 12 || at + END64_BYTES != d->end - LOCATOR_BYTES)
        return BAD(z, "not a whole zip archive: its zip64 end is not where it is said to be");
    d->entries = rn_le64_at(end + 32);
    d->size_bytes = rn_le64_at(end + 40);
    d->offset = rn_le64_at(end + 48);
    d->end = at;
    return RN_OK;
}

static int read_directory(const struct zip_reader *z, FILE *f, struct directory *d,
                          struct rn_err *err)
{
    unsigned char tail[LOCATOR_BYTES + END_BYTES + MAX_COMMENT];
    if (fseeko(f, 0, SEEK_END) != 0)
        return rn_fail_errno(err, RN_PATH(z->path), "cannot seek");
    off_t size = ftello(f);
    size_t want = size < (off_t)sizeof tail ? (size_t)size : sizeof tail;
    if (fseeko(f, size - (off_t)want, SEEK_SET) != 0 || fread(tail, 1, want, f) != want)
        return rn_fail_errno(err, RN_PATH(z->path), "cannot read");
    size_t at = want;
    int ends = 0;
    for (size_t i = 0; i + END_BYTES <= want; i++)
        if (memcmp(tail + i, "PK\5\6", 4) == 0 &&
            rn_le16_at(tail + i + 20) == want - i - END_BYTES) {
            ends++;
            at = i;
        }
    if (ends != 1)
        return BAD(z, "not a whole zip archive: %s",
                   ends ? "it ends in two ways" : "no end of its directory at the end of the file");
    d->entries = rn_le16_at(tail + at + 10);
    d->size_bytes = rn_le32_at(tail + at + 12);
    d->offset = rn_le32_at(tail + at + 16);
    d->end = (uint64_t)size - want + at;
    if (at >= LOCATOR_BYTES && memcmp(tail + at - LOCATOR_BYTES, "PK\6\7", 4) == 0)
        return read_end64(z, f, tail + at - LOCATOR_BYTES, d, err);
    return RN_OK;
}

static int check_directory(const struct zip_reader *z, FILE *f, const struct directory *d,
                           struct rn_err *err)
{
    char first[4] = "";
    if (d->entries > RN_ARCHIVE_MAX_ENTRIES)
        return BAD(z, "%llu entries, at most %d", (unsigned long long)d->entries,
                   RN_ARCHIVE_MAX_ENTRIES);
    if (d->size_bytes > MAX_DIRECTORY_BYTES)
        return BAD(z, "a directory of %llu bytes", (unsigned long long)d->size_bytes);
    if (d->offset > d->end || d->size_bytes != d->end - d->offset)
        return BAD(z, "not a whole zip archive: bytes before or after it");
    if (d->entries > 0 && (fseeko(f, 0, SEEK_SET) != 0 || fread(first, 1, 4, f) != 4 ||
                           memcmp(first, "PK\3\4", 4) != 0))
        return BAD(z, "not a whole zip archive: it does not begin with an entry");
    return RN_OK;
}

/* A name with a NUL is another name to every reader; and the entries must fill the directory. */
static int check_names(const struct zip_reader *z, FILE *f, const struct directory *d,
                       struct rn_err *err)
{
    unsigned char h[CENTRAL_BYTES];
    char name[UINT16_MAX];
    bool good = fseeko(f, (off_t)d->offset, SEEK_SET) == 0;
    for (uint64_t i = 0; i < d->entries && good; i++) {
        good = fread(h, 1, sizeof h, f) == sizeof h && memcmp(h, "PK\1\2", 4) == 0;
        size_t n = good ? rn_le16_at(h + 28) : 0;
        off_t rest = good ? (off_t)(rn_le16_at(h + 30) + rn_le16_at(h + 32)) : 0;
        good = good && fread(name, 1, n, f) == n && fseeko(f, rest, SEEK_CUR) == 0;
        if (good && memchr(name, 0, n))
            return BAD(z, "entry %llu has a NUL in its name", (unsigned long long)i);
    }
    if (!good || (uint64_t)ftello(f) != d->offset + d->size_bytes)
        return BAD(z, "not a whole zip archive: its directory is damaged");
    return RN_OK;
}

static int look_at_end(struct zip_reader *z, struct rn_err *err)
{
    struct directory d = {0};
    FILE *f = fopen(z->path, "rb");
    if (!f)
        return rn_fail_errno(err, RN_PATH(z->path), "cannot open");
    int rc = read_directory(z, f, &d, err);
    if (rc == RN_OK)
        rc = check_directory(z, f, &d, err);
    if (rc == RN_OK)
        rc = check_names(z, f, &d, err);
    fclose(f);
    z->data_bytes = d.offset;
    return rc;
}

/* --- the row --- */

static bool zip_claims(const unsigned char *head, size_t n)
{
    return n >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static void zip_close_reader(void *self)
{
    struct zip_reader *z = self;
    if (z->file)
        zip_fclose(z->file);
    if (z->zip)
        zip_discard(z->zip);
    free(z);
}

static int zip_open_reader(const char *path, void **self, struct rn_err *err)
{
    struct zip_reader *z = rn_xalloc(sizeof *z);
    int code = 0;
    z->path = path;
    int rc = look_at_end(z, err);
    errno = 0;
    if (rc == RN_OK && !(z->zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code))) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        rc = fail(z, "not a whole zip archive: ", &e, err);
        zip_error_fini(&e);
    }
    if (rc != RN_OK) {
        zip_close_reader(z);
        return rc;
    }
    z->n = (zip_uint64_t)zip_get_num_entries(z->zip, 0);
    *self = z;
    return RN_OK;
}

static enum rn_entry_kind kind_by_mode(mode_t mode, bool unix_like)
{
    mode_t kind = mode & S_IFMT;
    if (kind == S_IFLNK)
        return RN_ENTRY_LINK;
    if (kind == S_IFDIR || !unix_like)
        return kind == S_IFDIR && unix_like ? RN_ENTRY_DIR : RN_ENTRY_FILE;
    if (kind != 0 && kind != S_IFREG)
        return RN_ENTRY_SPECIAL;
    return mode & (S_ISUID | S_ISGID) ? RN_ENTRY_SETUID : RN_ENTRY_FILE;
}

static int zip_next(void *self, struct rn_entry *e, struct rn_err *err)
{
    struct zip_reader *z = self;
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_stat_t st;
    if (z->file)
        zip_fclose(z->file);
    z->file = NULL;
    *e = (struct rn_entry){0};
    if (z->next == z->n)
        return RN_OK;
    zip_uint64_t i = z->next++;
    errno = 0;
    /* As stored, not as libzip would guess it. */
    e->name = zip_get_name(z->zip, i, ZIP_FL_ENC_RAW);
    if (!e->name || zip_stat_index(z->zip, i, 0, &st) != 0 ||
        zip_file_get_external_attributes(z->zip, i, 0, &system, &attributes) != 0)
        return fail(z, "an entry cannot be read: ", zip_get_error(z->zip), err);
    e->kind = kind_by_mode((mode_t)(attributes >> 16),
                           system == ZIP_OPSYS_UNIX || system == ZIP_OPSYS_OS_X);
    if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
        e->kind = RN_ENTRY_ENCRYPTED;
    size_t len = strlen(e->name);
    if (e->kind == RN_ENTRY_FILE && len > 0 && e->name[len - 1] == '/')
        e->kind = RN_ENTRY_DIR;
    uint64_t own = LOCAL_BYTES + len + ((st.valid & ZIP_STAT_COMP_SIZE) ? st.comp_size : 0);
    if (own > z->data_bytes - z->claimed)
        return BAD(z, "entries overlap: together they claim more bytes than the archive has");
    z->claimed += own;
    return RN_OK;
}

/* Reading to the end makes libzip compare the CRC. */
static int zip_read(void *self, void *to, size_t cap, size_t *n, struct rn_err *err)
{
    struct zip_reader *z = self;
    errno = 0;
    if (!z->file)
        z->file = zip_fopen_index(z->zip, z->next - 1, 0);
    if (!z->file)
        return fail(z, "", zip_get_error(z->zip), err);
    zip_int64_t got = zip_fread(z->file, to, cap);
    *n = got > 0 ? (size_t)got : 0;
    return got < 0 ? fail(z, "", zip_file_get_error(z->file), err) : RN_OK;
}

const struct rn_archive_kind rn_archive_zip = {.format = "zip",
                                               .endings = (const char *const[]){".zip", NULL},
                                               .claims = zip_claims,
                                               .open = zip_open_reader,
                                               .next = zip_next,
                                               .read = zip_read,
                                               .close = zip_close_reader};
